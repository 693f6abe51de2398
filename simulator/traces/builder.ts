/**
 * Collects arrivals in any order and makes a trace of them: columns that grow, names as numbers, a share of the
 * arrivals left out when the trace is thinned while it is read.
 */
import { CodedError } from '../../metering/errors.ts';
import type { RandomStream } from '../kernel/random.ts';
import { sharedFloats, sharedIndexes } from '../kernel/shared-memory.ts';
import { inOrder, timeOrder } from './order.ts';
import { CORE_COLUMNS, emptyTrace, OPTIONAL_COLUMNS, type OptionalColumn, type Trace } from './trace.ts';

const CAPACITY_MIN = 1024;
/** Most arrivals in one trace: 2^26 of them take 1.5 GB in their columns alone. */
export const ARRIVALS_MAX = 2 ** 26;

/**
 * One arrival, to be filled in and added; only the columns that the builder was made for are kept. A duration or
 * a memory size that the file does not say is NaN, for a rule to fill.
 */
export type ArrivalRow = Record<(typeof CORE_COLUMNS)[number] | OptionalColumn, number>;

/** Keeps each arrival with this probability, below 1. */
export interface Thinning {
  readonly share: number;
  readonly stream: RandomStream;
}

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

interface Column {
  readonly key: OptionalColumn;
  values: Float64Array;
}

export class TraceBuilder {
  /** Reused for every arrival: set its fields, then call `add`. */
  readonly row: ArrivalRow;
  skippedRejected = 0;
  /** Rules that made something up, for the trace. */
  readonly filled: string[] = [];
  readonly #name: string;
  readonly #format: string;
  readonly #thinning: Thinning | null;
  readonly #functions = new Names();
  readonly #versions = new Names();
  readonly #columns: Column[];
  #times = new Float64Array(CAPACITY_MIN);
  #runs = new Float64Array(CAPACITY_MIN);
  #functionIndexes = new Uint32Array(CAPACITY_MIN);
  #count = 0;
  #thinned = 0;

  constructor(
    name: string,
    format: string,
    columns: readonly OptionalColumn[],
    thinning: Thinning | null = null,
  ) {
    this.#name = name;
    this.#format = format;
    this.#thinning = thinning;
    this.#columns = columns.map((key) => ({ key, values: new Float64Array(CAPACITY_MIN) }));
    this.row = Object.fromEntries(
      [...CORE_COLUMNS, ...OPTIONAL_COLUMNS].map((key) => [key, 0]),
    ) as ArrivalRow;
  }

  /** Arrivals that were offered, those that thinning left out included. */
  get offered(): number {
    return this.#count + this.#thinned;
  }

  functionIndex(name: string): number {
    return this.#functions.index(name);
  }

  versionIndex(version: string): number {
    return this.#versions.index(version);
  }

  /**
   * The row's times and durations must be in range; readers check them where they can name the line.
   * @throws CodedError `trace-too-large`
   */
  add(): void {
    const thinning = this.#thinning;
    if (thinning !== null && thinning.stream.uniform() >= thinning.share) {
      this.#thinned++;
      return;
    }
    const at = this.#count;
    if (at === this.#times.length) this.#grow();
    const { row } = this;
    this.#times[at] = row.arrivedAtUs;
    this.#runs[at] = row.runUs;
    this.#functionIndexes[at] = row.functionIndex;
    for (const column of this.#columns) column.values[at] = row[column.key];
    this.#count = at + 1;
  }

  #grow(): void {
    const room = this.#times.length * 2;
    if (room > ARRIVALS_MAX) {
      throw new CodedError(
        'trace-too-large',
        `${this.#name}: expected at most ${ARRIVALS_MAX} requests in one trace, got more; the transformation scale with a share below 1, given first, thins them while they are read`,
        { arrivalsMax: ARRIVALS_MAX },
      );
    }
    this.#times = grown(this.#times, room);
    this.#runs = grown(this.#runs, room);
    const indexes = new Uint32Array(room);
    indexes.set(this.#functionIndexes);
    this.#functionIndexes = indexes;
    for (const column of this.#columns) column.values = grown(column.values, room);
  }

  /**
   * @param nameOf renames the functions, for formats whose names can be shortened when all are known.
   * @throws CodedError `trace-empty`
   */
  finish(nameOf: (name: string) => string = (name) => name): Trace {
    const count = this.#count;
    if (count === 0) throw emptyTrace(this.#name, this.skippedRejected);
    const times = this.#times.subarray(0, count);
    const order = timeOrder(times);
    const column = (values: Float64Array): Float64Array => {
      if (order !== null) return inOrder(values, order);
      const kept = sharedFloats(count);
      kept.set(values.subarray(0, count));
      return kept;
    };
    const indexes = sharedIndexes(count);
    const unsorted = this.#functionIndexes;
    if (order === null) indexes.set(unsorted.subarray(0, count));
    else for (let at = 0; at < count; at++) indexes[at] = unsorted[order[at] as number] as number;
    return {
      name: this.#name,
      format: this.#format,
      count,
      functionNames: this.#functions.list.map(nameOf),
      versions: this.#versions.list,
      arrivedAtUs: fromZero(column(this.#times)),
      runUs: column(this.#runs),
      functionIndex: indexes,
      columns: Object.fromEntries(this.#columns.map(({ key, values }) => [key, column(values)])),
      skippedRejected: this.skippedRejected,
      skippedBad: 0,
      badRows: [],
      filled: this.filled,
      transformed: [],
    };
  }
}

function grown(values: Float64Array, room: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(room);
  larger.set(values);
  return larger;
}

/** A trace that begins before its own zero (a run that ended just after it) is moved to begin at zero. */
function fromZero(sortedTimesUs: Float64Array): Float64Array {
  const first = sortedTimesUs[0] as number;
  return first < 0 ? sortedTimesUs.map((time) => time - first) : sortedTimesUs;
}
