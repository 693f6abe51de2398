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
}

/** Latest time: 2^52 µs is the year 2112. A time, two durations and a long queue still add up exactly. */
export const TIME_US_MAX = 2 ** 52;
/** Longest duration: 10^15 µs is 31 years. */
export const DURATION_US_MAX = 1e15;

const CAPACITY_MIN = 1024;

/** One arrival, to be filled in and added; only the columns that the builder was made for are kept. */
export type ArrivalRow = Record<'arrivedAtUs' | 'runUs' | 'functionIndex' | OptionalColumn, number>;

class Names {
  readonly list: string[] = [];
  readonly #indexes = new Map<string, number>();

  index(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    this.#indexes.set(name, this.list.length);
    return this.list.push(name) - 1;
  }
}

/** Collects arrivals in any order. */
export class TraceBuilder {
  /** Reused for every arrival: set its fields, then call `add`. */
  readonly row: ArrivalRow;
  skippedRejected = 0;
  readonly #name: string;
  readonly #format: string;
  readonly #functions = new Names();
  readonly #versions = new Names();
  readonly #columns: { readonly key: keyof ArrivalRow; values: Float64Array }[];
  #count = 0;

  constructor(name: string, format: string, columns: readonly OptionalColumn[]) {
    this.#name = name;
    this.#format = format;
    const keys = ['arrivedAtUs', 'runUs', 'functionIndex', ...columns] as const;
    this.#columns = keys.map((key) => ({ key, values: new Float64Array(CAPACITY_MIN) }));
    this.row = Object.fromEntries([...keys, ...OPTIONAL_COLUMNS].map((key) => [key, 0])) as ArrivalRow;
  }

  functionIndex(name: string): number {
    return this.#functions.index(name);
  }

  versionIndex(version: string): number {
    return this.#versions.index(version);
  }

  /** The row's times and durations must be in range; readers check them where they can name the line. */
  add(): void {
    const at = this.#count++;
    for (const column of this.#columns) {
      if (at === column.values.length) column.values = grown(column.values);
      column.values[at] = this.row[column.key];
    }
  }

  /**
   * @param nameOf renames the functions, for formats whose names can be shortened when all are known.
   * @throws CodedError `trace-empty`
   */
  finish(nameOf: (name: string) => string = (name) => name): Trace {
    const count = this.#count;
    if (count === 0) throw emptyTrace(this.#name, this.skippedRejected);
    const columns = inOrder(this.#columns, count);
    const { arrivedAtUs, runUs, functionIndex, ...rest } = columns;
    return {
      name: this.#name,
      format: this.#format,
      count,
      functionNames: this.#functions.list.map(nameOf),
      versions: this.#versions.list,
      arrivedAtUs: fromZero(arrivedAtUs),
      runUs,
      functionIndex: Uint32Array.from(functionIndex),
      columns: rest,
      skippedRejected: this.skippedRejected,
    };
  }
}

export function emptyTrace(name: string, skippedRejected: number): CodedError {
  const but =
    skippedRejected > 0 ? `; its ${skippedRejected} rows are of rejected requests, which never ran` : '';
  return new CodedError('trace-empty', `${name}: expected at least one request, got none${but}`);
}

function grown(values: Float64Array): Float64Array {
  const larger = new Float64Array(values.length * 2);
  larger.set(values);
  return larger;
}

type Columns = Record<'arrivedAtUs' | 'runUs' | 'functionIndex', Float64Array> &
  Partial<Record<OptionalColumn, Float64Array>>;

/** Cuts the columns to size and sorts them by (time, order of arrival in the file). */
function inOrder(built: readonly { key: string; values: Float64Array }[], count: number): Columns {
  const times = (built[0] as { values: Float64Array }).values.subarray(0, count);
  const isSorted = times.every((time, at) => at === 0 || time >= (times[at - 1] as number));
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  if (!isSorted) order.sort((a, b) => (times[a] as number) - (times[b] as number) || a - b);
  const entries = built.map(({ key, values }) => {
    if (isSorted) return [key, values.slice(0, count)] as const;
    const sorted = new Float64Array(count);
    for (let at = 0; at < count; at++) sorted[at] = values[order[at] as number] as number;
    return [key, sorted] as const;
  });
  return Object.fromEntries(entries) as unknown as Columns;
}

/** A trace that begins before its own zero (a run that ended just after it) is moved to begin at zero. */
function fromZero(sortedTimesUs: Float64Array): Float64Array {
  const first = sortedTimesUs[0] as number;
  return first < 0 ? sortedTimesUs.map((time) => time - first) : sortedTimesUs;
}
