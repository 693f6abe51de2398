/** Executions for tests: a whole record from the fields that a test is about. */
import fc from 'fast-check';
import { type ExecutionRecord, OUTCOMES, WARMTHS } from '../metering/execution.ts';
import type { InstanceRecord } from '../metering/instance.ts';

export function execution(fields: Partial<ExecutionRecord>): ExecutionRecord {
  return {
    functionName: 'f',
    version: '',
    arrivedAtUs: 0,
    queueUs: 0,
    startupUs: 0,
    runUs: 0,
    cpuUs: 0,
    fuelUsed: 0,
    memoryBytesPeak: 0,
    memoryBytesLimit: 0,
    bytesIn: 0,
    bytesOut: 0,
    httpStatus: 200,
    outcome: 'ok',
    warmth: 'warm',
    ...fields,
  };
}

const upTo = (max: number) => fc.oneof(fc.nat({ max: 3_000 }), fc.nat({ max }));

/** Any execution that the host could record: up to an hour, up to 16 GB. */
export const anyExecution: fc.Arbitrary<ExecutionRecord> = fc.record({
  functionName: fc.constantFrom('a', 'b'),
  version: fc.constant(''),
  arrivedAtUs: fc.nat({ max: 2 ** 31 - 1 }),
  queueUs: upTo(2 ** 31 - 1),
  startupUs: upTo(2 ** 31 - 1),
  runUs: upTo(2 ** 31 - 1),
  cpuUs: upTo(2 ** 31 - 1),
  fuelUsed: fc.maxSafeNat(),
  memoryBytesPeak: fc.maxSafeNat().map((n) => n % 2 ** 34),
  memoryBytesLimit: fc.maxSafeNat().map((n) => n % 2 ** 34),
  bytesIn: fc.maxSafeNat().map((n) => n % 2 ** 40),
  bytesOut: fc.maxSafeNat().map((n) => n % 2 ** 40),
  httpStatus: fc.constantFrom(0, 200, 500),
  outcome: fc.constantFrom(...OUTCOMES),
  warmth: fc.constantFrom(...WARMTHS),
});

/** Any instance that a platform could tell of, everything said: up to a month, up to 64 vCPUs and 256 GB. */
export const anyInstance: fc.Arbitrary<Required<InstanceRecord>> = fc
  .record({
    startedAtUs: fc.nat({ max: 2 ** 31 - 1 }),
    idleUs: upTo(2 ** 31 - 1),
    busySpansUs: fc.array(upTo(2 ** 31 - 1), { maxLength: 20 }),
    keptShare: fc.nat({ max: 100 }),
    vcpuMilli: fc.integer({ min: 1, max: 64_000 }),
    memoryBytes: fc.maxSafeNat().map((n) => n % 2 ** 38),
    cpuUs: upTo(2 ** 31 - 1),
    requests: fc.nat({ max: 10_000 }),
  })
  .map(({ idleUs, keptShare, ...rest }) => ({
    ...rest,
    size: 'any',
    endedAtUs: rest.startedAtUs + idleUs + rest.busySpansUs.reduce((sum, us) => sum + us, 0),
    keptUs: Math.floor((idleUs * keptShare) / 100),
  }));
