/**
 * Fills what a trace does not say by the rules that its reader was given, and refuses a trace that cannot be
 * replayed without a rule. Nothing is made up unless an option asks for it, and all of it is named in the trace.
 */
import { CodedError } from '../../metering/errors.ts';
import { BYTES_PER_MB } from '../../metering/units.ts';
import { RandomStream } from '../kernel/random.ts';
import type { ServiceTime } from './service-time.ts';
import type { Trace } from './trace.ts';

export interface FillRules {
  readonly seed: number;
  readonly serviceTime: ServiceTime | null;
  readonly memoryMb: number | null;
  /** Whether it is no mistake when there is nothing to fill. */
  readonly mayIdle: boolean;
}

const howMany = (count: number, of: number): string =>
  count === of ? 'all requests' : `${count} of ${of} requests`;

function unknownIn(values: Float64Array): number {
  let unknown = 0;
  for (const value of values) if (Number.isNaN(value)) unknown++;
  return unknown;
}

function fillRuns(trace: Trace, { serviceTime, seed }: FillRules): string | null {
  const { runUs, count } = trace;
  const unknown = unknownIn(runUs);
  if (unknown === 0) return null;
  if (serviceTime === null) {
    throw new CodedError(
      'usage',
      `${trace.name}: the trace (format ${trace.format}) says no durations for ${howMany(unknown, count)}; serviceTime fills them, for example exponential:120ms`,
      { option: 'serviceTime', format: trace.format, unknown },
    );
  }
  const stream = new RandomStream(seed, 'service times');
  for (let at = 0; at < count; at++) if (Number.isNaN(runUs[at])) runUs[at] = serviceTime.draw(stream);
  return `runUs by ${serviceTime.name}, seed ${seed} (${howMany(unknown, count)})`;
}

function fillMemory(trace: Trace, { memoryMb }: FillRules): { limits: Float64Array; said: string } | null {
  const given = trace.columns.memoryBytesLimit;
  const unknown = given === undefined ? trace.count : unknownIn(given);
  if (unknown === 0 || (given === undefined && memoryMb === null)) return null;
  if (memoryMb === null) {
    throw new CodedError(
      'usage',
      `${trace.name}: the trace (format ${trace.format}) says no memory for ${howMany(unknown, trace.count)}; traceMemoryMb fills it`,
      { option: 'traceMemoryMb', format: trace.format, unknown },
    );
  }
  const bytes = memoryMb * BYTES_PER_MB;
  const limits = (given ?? new Float64Array(trace.count).fill(Number.NaN)).map((limit) =>
    Number.isNaN(limit) ? bytes : limit,
  );
  return { limits, said: `memoryBytesLimit by ${memoryMb} MB (${howMany(unknown, trace.count)})` };
}

/** @throws CodedError `usage`, naming the option that would help, or one that has nothing to fill. */
export function fillTrace(trace: Trace, rules: FillRules): Trace {
  const runs = fillRuns(trace, rules);
  const memory = fillMemory(trace, rules);
  const filled = [...trace.filled];
  if (runs !== null) filled.push(runs);
  else if (rules.serviceTime !== null && !rules.mayIdle)
    throw nothingToFill(trace, 'serviceTime', 'the duration');
  if (memory === null) {
    if (rules.memoryMb !== null && !rules.mayIdle) throw nothingToFill(trace, 'traceMemoryMb', 'the memory');
    return { ...trace, filled };
  }
  filled.push(memory.said);
  const peaks = trace.columns.memoryBytesPeak;
  const columns = { ...trace.columns, memoryBytesLimit: memory.limits };
  // A peak that is not known is taken to be all that was configured.
  if (peaks !== undefined) {
    columns.memoryBytesPeak = peaks.map((peak, at) =>
      Number.isNaN(peak) ? (memory.limits[at] as number) : peak,
    );
  }
  return { ...trace, columns, filled };
}

function nothingToFill(trace: Trace, option: string, what: string): CodedError {
  return new CodedError(
    'usage',
    `${option}: ${trace.name} (format ${trace.format}) says ${what} of every request, so there is nothing to fill`,
    { option, format: trace.format },
  );
}
