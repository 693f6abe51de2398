/**
 * A trace in memory: arrivals in order, one typed array for each thing that is known about them, so that one
 * trace can be replayed many times. It knows no file format and no platform.
 */
import { CodedError } from '../../metering/errors.ts';
import type { StoredRows } from './stored-rows.ts';

/** What a trace may say about its arrivals beyond time, duration and function. */
export const OPTIONAL_COLUMNS = [
  'queueUs',
  'startupUs',
  'cpuUs',
  'fuelUsed',
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

/** What the trace does not say is absent. `outcomeIndex` and `warmthIndex` count in OUTCOMES and WARMTHS. */
export type OptionalColumns = Readonly<Partial<Record<OptionalColumn, Float64Array>>>;

/**
 * Arrivals in order. Times are whole microseconds since the Unix epoch or since the trace's own zero. All arrays have
 * `count` entries or more.
 */
export interface ArrivalPiece {
  readonly count: number;
  /** Never falls. Arrivals at the same time keep the file's order. */
  readonly arrivedAtUs: Float64Array;
  readonly runUs: Float64Array;
  readonly functionIndex: Uint32Array;
  readonly columns: OptionalColumns;
}

/** The arrivals from one place to before another, in the same memory. */
export function slicedPiece(piece: ArrivalPiece, from: number, to: number): ArrivalPiece {
  const columns = Object.entries(piece.columns).map(([key, values]) => [key, values.subarray(from, to)]);
  return {
    count: to - from,
    arrivedAtUs: piece.arrivedAtUs.subarray(from, to),
    runUs: piece.runUs.subarray(from, to),
    functionIndex: piece.functionIndex.subarray(from, to),
    columns: Object.fromEntries(columns) as OptionalColumns,
  };
}

/** What became of a trace before it could be replayed. */
export interface TraceHistory {
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

/** What is known of a trace beside its arrivals. */
export interface TraceAbout extends TraceHistory {
  /** The file's name as it was given. */
  readonly name: string;
  readonly format: string;
  readonly functionNames: readonly string[];
  readonly versions: readonly string[];
}

/** A trace that is in memory as a whole. */
export interface Trace extends TraceAbout, ArrivalPiece {}

/** A trace too long for memory, its arrivals in order in a temporary file. */
export interface StoredTrace extends TraceAbout {
  readonly count: number;
  readonly rows: StoredRows;
}

/** What a reader makes of a file. */
export type ReadTrace = Trace | StoredTrace;

export const isStored = (trace: ReadTrace): trace is StoredTrace => 'rows' in trace;

/** Sizes of requests and of responses. */
export type SizeColumn = 'bytesIn' | 'bytesOut';

/** A stored trace and what a replay asks of all of it before its first request. It can be sent to other threads. */
export interface SurveyedTrace {
  readonly trace: StoredTrace;
  /** The configured memory of the first request to each function; null where the trace does not say it. */
  readonly memoryBytes: Float64Array | null;
  /** Those that have a value above 0. */
  readonly sizes: readonly SizeColumn[];
}

/** A trace whose arrivals come one piece after the other; each is gone when the next one comes. */
export interface TraceStream extends TraceAbout {
  /** About how many arrivals there will be. */
  readonly expected: number;
  /** The trace that it comes from; null for one that is made anew each time. */
  readonly stored: SurveyedTrace | null;
  /** Those that its pieces have. What is in them is a piece's own. */
  readonly columns: OptionalColumns;
  /** The configured memory of the first request to a function, where the trace says it. */
  memoryBytesOf(functionIndex: number): number | undefined;
  /** Whether any request has a size above 0. */
  hasSizes(column: SizeColumn): boolean;
  /** All arrivals, the same each time: piece after piece, always in the same arrays, none empty. */
  pieces(): Iterable<ArrivalPiece>;
}

export type Replayable = Trace | TraceStream;

export const isStream = (trace: Replayable): trace is TraceStream => 'pieces' in trace;

/** Latest time: 2^52 µs is the year 2112. A time, two durations and a long queue still add up exactly. */
export const TIME_US_MAX = 2 ** 52;
/** Longest duration: 10^15 µs is 31 years. */
export const DURATION_US_MAX = 1e15;

export function emptyTrace(name: string, skippedRejected: number): CodedError {
  const but =
    skippedRejected > 0 ? `; its ${skippedRejected} rows are of rejected requests, which never ran` : '';
  return new CodedError('trace-empty', `${name}: expected at least one request, got none${but}`);
}
