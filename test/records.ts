/** Executions for tests: a whole record from the fields that a test is about. */
import fc from 'fast-check';
import { type ExecutionRecord, OUTCOMES, WARMTHS } from '../metering/execution.ts';

export function execution(fields: Partial<ExecutionRecord>): ExecutionRecord {
  return {
    functionName: 'f',
    version: '',
    arrivedAtUs: 0,
    queueUs: 0,
    startupUs: 0,
    runUs: 0,
    cpuUs: 0,
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
  memoryBytesPeak: fc.maxSafeNat().map((n) => n % 2 ** 34),
  memoryBytesLimit: fc.maxSafeNat().map((n) => n % 2 ** 34),
  bytesIn: fc.maxSafeNat().map((n) => n % 2 ** 40),
  bytesOut: fc.maxSafeNat().map((n) => n % 2 ** 40),
  httpStatus: fc.constantFrom(0, 200, 500),
  outcome: fc.constantFrom(...OUTCOMES),
  warmth: fc.constantFrom(...WARMTHS),
});
