/**
 * Fills what a trace does not say by the rules that its reader was given, and refuses a trace that cannot be
 * replayed without a rule. Nothing is made up unless an option asks for it, and all of it is named in the trace.
 */
import { CodedError } from '../../metering/errors.ts';
import { BYTES_PER_MB } from '../../metering/units.ts';
import { RandomStream } from '../kernel/random.ts';
import { sharedFloats } from '../kernel/shared-memory.ts';
import { eachSlice } from './order.ts';
import type { ServiceTime } from './service-time.ts';
import { rewritten } from './stored.ts';
import { visited } from './stored-rows.ts';
import type { Spilling, TempFiles } from './temp-files.ts';
import {
  type ArrivalPiece,
  isStored,
  type OptionalColumn,
  type ReadTrace,
  type StoredTrace,
  slicedPiece,
  type Trace,
} from './trace.ts';
import type { Work } from './turns.ts';

export interface FillRules {
  readonly seed: number;
  readonly serviceTime: ServiceTime | null;
  readonly memoryMb: number | null;
  /** Whether it is no mistake when there is nothing to fill. */
  readonly mayIdle: boolean;
}

const howMany = (count: number, of: number): string =>
  count === of ? 'all requests' : `${count} of ${of} requests`;

/** Requests of which something is not known. */
interface Unknown {
  readonly runs: number;
  /** All of them where the trace has no such column. */
  readonly limits: number;
}

interface FillPlan {
  /** Draws the next duration; null where all are known. */
  readonly drawRun: (() => number) | null;
  /** What memory is configured where it is not known; null where it is or must not be. */
  readonly limitBytes: number | null;
  readonly said: readonly string[];
}

function unknownIn(values: Float64Array | undefined, count: number): number {
  if (values === undefined) return count;
  let unknown = 0;
  for (let at = 0; at < count; at++) if (Number.isNaN(values[at])) unknown++;
  return unknown;
}

function runsOf(trace: ReadTrace, unknown: number, { serviceTime, seed, mayIdle }: FillRules) {
  if (unknown === 0) {
    if (serviceTime !== null && !mayIdle) throw nothingToFill(trace, 'serviceTime', 'the duration');
    return null;
  }
  if (serviceTime === null) {
    throw new CodedError(
      'usage',
      `${trace.name}: the trace (format ${trace.format}) says no durations for ${howMany(unknown, trace.count)}; serviceTime fills them, for example exponential:120ms`,
      { option: 'serviceTime', format: trace.format, unknown },
    );
  }
  const stream = new RandomStream(seed, 'service times');
  return {
    draw: () => serviceTime.draw(stream),
    said: `runUs by ${serviceTime.name}, seed ${seed} (${howMany(unknown, trace.count)})`,
  };
}

function limitOf(trace: ReadTrace, unknown: number, isKnown: boolean, { memoryMb, mayIdle }: FillRules) {
  if (unknown === 0 || (!isKnown && memoryMb === null)) {
    if (memoryMb !== null && !mayIdle) throw nothingToFill(trace, 'traceMemoryMb', 'the memory');
    return null;
  }
  if (memoryMb === null) {
    throw new CodedError(
      'usage',
      `${trace.name}: the trace (format ${trace.format}) says no memory for ${howMany(unknown, trace.count)}; traceMemoryMb fills it`,
      { option: 'traceMemoryMb', format: trace.format, unknown },
    );
  }
  return {
    bytes: memoryMb * BYTES_PER_MB,
    said: `memoryBytesLimit by ${memoryMb} MB (${howMany(unknown, trace.count)})`,
  };
}

function planOf(trace: ReadTrace, unknown: Unknown, isLimitKnown: boolean, rules: FillRules): FillPlan {
  const runs = runsOf(trace, unknown.runs, rules);
  const limit = limitOf(trace, unknown.limits, isLimitKnown, rules);
  return {
    drawRun: runs?.draw ?? null,
    limitBytes: limit?.bytes ?? null,
    said: [runs?.said, limit?.said].filter((said) => said !== undefined),
  };
}

/** In place, piece after piece in order of time. */
function fillPiece({ count, runUs, columns }: ArrivalPiece, { drawRun, limitBytes }: FillPlan): void {
  if (drawRun !== null) {
    for (let at = 0; at < count; at++) if (Number.isNaN(runUs[at])) runUs[at] = drawRun();
  }
  const { memoryBytesLimit: limits, memoryBytesPeak: peaks } = columns;
  if (limitBytes === null || limits === undefined) return;
  for (let at = 0; at < count; at++) {
    if (Number.isNaN(limits[at])) limits[at] = limitBytes;
    // A peak that is not known is taken to be all that was configured.
    if (peaks !== undefined && Number.isNaN(peaks[at])) peaks[at] = limits[at] as number;
  }
}

/** @throws CodedError `usage`, naming the option that would help, or one that has nothing to fill. */
export function* fillTrace(trace: ReadTrace, rules: FillRules, spilling: Spilling | null): Work<ReadTrace> {
  return isStored(trace)
    ? yield* fillStored(trace, rules, (spilling as Spilling).files)
    : yield* fillWhole(trace, rules);
}

function* fillWhole(trace: Trace, rules: FillRules): Work<Trace> {
  const { count, runUs } = trace;
  const given = trace.columns.memoryBytesLimit;
  const unknown = { runs: unknownIn(runUs, count), limits: unknownIn(given, count) };
  const plan = planOf(trace, unknown, given !== undefined, rules);
  const columns =
    plan.limitBytes === null || given !== undefined
      ? trace.columns
      : { ...trace.columns, memoryBytesLimit: sharedFloats(count).fill(Number.NaN) };
  const filled = { ...trace, columns, filled: [...trace.filled, ...plan.said] };
  if (plan.said.length > 0)
    yield* eachSlice(count, 'filling', (from, to) => fillPiece(slicedPiece(filled, from, to), plan));
  return filled;
}

function* fillStored(trace: StoredTrace, rules: FillRules, files: TempFiles): Work<StoredTrace> {
  const { rows } = trace;
  const unknown = { runs: 0, limits: 0 };
  yield* visited([rows], 'surveying', ({ count, runUs, columns }) => {
    unknown.runs += unknownIn(runUs, count);
    unknown.limits += unknownIn(columns.memoryBytesLimit, count);
  });
  const isLimitKnown = rows.columns.includes('memoryBytesLimit');
  const plan = planOf(trace, unknown, isLimitKnown, rules);
  if (plan.said.length === 0) return trace;
  const isNew = plan.limitBytes !== null && !isLimitKnown;
  const columns: readonly OptionalColumn[] = isNew ? [...rows.columns, 'memoryBytesLimit'] : rows.columns;
  const filled = yield* rewritten(rows, columns, files, 'filling', (piece) => fillPiece(piece, plan));
  return { ...trace, rows: filled, filled: [...trace.filled, ...plan.said] };
}

function nothingToFill(trace: ReadTrace, option: string, what: string): CodedError {
  return new CodedError(
    'usage',
    `${option}: ${trace.name} (format ${trace.format}) says ${what} of every request, so there is nothing to fill`,
    { option, format: trace.format },
  );
}
