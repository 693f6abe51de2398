/**
 * A trace in memory: arrivals in order, one typed array for each thing that is known about them, so that one
 * trace can be replayed many times. It knows no file format and no platform.
 */
import { CodedError } from '../../metering/errors.ts';

/** What a trace may say about its arrivals beyond time, duration and function. */
export const OPTIONAL_COLUMNS = [
  'queueUs',
  'startupUs',
  'cpuUs',
  'memoryBytesPeak',
  'memoryBytesLimit',
  'bytesIn',
  'bytesOut',
  'httpStatus',
  'versionIndex',
  'outcomeIndex',
  'warmthIndex',
] as const;
export type OptionalColumn = (typeof OPTIONAL_COLUMNS)[number];

/** The columns that every trace has; `functionIndex` counts in `functionNames`. */
export const CORE_COLUMNS = ['arrivedAtUs', 'runUs', 'functionIndex'] as const;

/** Times are whole microseconds since the Unix epoch or since the trace's own zero. All arrays have `count` entries. */
export interface Trace {
  /** The file's name as it was given. */
  readonly name: string;
  readonly format: string;
  readonly count: number;
  readonly functionNames: readonly string[];
  readonly versions: readonly string[];
  /** Never falls. Arrivals at the same time keep the file's order. */
  readonly arrivedAtUs: Float64Array;
  readonly runUs: Float64Array;
  readonly functionIndex: Uint32Array;
  /** What the trace does not say is absent. `outcomeIndex` and `warmthIndex` count in OUTCOMES and WARMTHS. */
  readonly columns: Readonly<Partial<Record<OptionalColumn, Float64Array>>>;
  /** Rows of requests that were rejected and never ran: not replayed. */
  readonly skippedRejected: number;
  /** Rows that could not be read and were passed over, as the reader was allowed to. */
  readonly skippedBad: number;
  /** What was wrong with the first of them. */
  readonly badRows: readonly string[];
  /** What the file does not say and a rule made up: what, by which rule, from which seed. */
  readonly filled: readonly string[];
  /** The transformations that made this trace from the one that was read, in order. */
  readonly transformed: readonly string[];
}

/** Latest time: 2^52 µs is the year 2112. A time, two durations and a long queue still add up exactly. */
export const TIME_US_MAX = 2 ** 52;
/** Longest duration: 10^15 µs is 31 years. */
export const DURATION_US_MAX = 1e15;

export function emptyTrace(name: string, skippedRejected: number): CodedError {
  const but =
    skippedRejected > 0 ? `; its ${skippedRejected} rows are of rejected requests, which never ran` : '';
  return new CodedError('trace-empty', `${name}: expected at least one request, got none${but}`);
}
