/**
 * Collects arrivals in any order and makes a trace of them: columns that grow, names as numbers, a share of the
 * arrivals left out when the trace is thinned while it is read. What is too much for memory goes to a file, sorted.
 */
import type { RandomStream } from '../kernel/random.ts';
import { sharedFloats, sharedIndexes } from '../kernel/shared-memory.ts';
import type { ArrivalBuffer } from './arrival-buffer.ts';
import { eachSlice, inOrder, timeOrder } from './order.ts';
import { SpillingBuffer } from './spilling-buffer.ts';
import { rewritten, storedTrace } from './stored.ts';
import type { Spilling } from './temp-files.ts';
import {
  type ArrivalPiece,
  CORE_COLUMNS,
  emptyTrace,
  OPTIONAL_COLUMNS,
  type OptionalColumn,
  type ReadTrace,
  type StoredTrace,
  slicedPiece,
  type TraceAbout,
} from './trace.ts';
import type { Work } from './turns.ts';

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

/** What is known only when all arrivals are in order. */
export interface Refinement {
  /** Columns that the trace turns out not to have. */
  readonly without: readonly OptionalColumn[];
  /** Rules that made something up, for the trace. */
  readonly filled: readonly string[];
  /** Changes arrivals in place, piece after piece in order of time. */
  refine(piece: ArrivalPiece): void;
}

export interface Finishing {
  /** Renames the functions, for formats whose names can be shortened when all are known. */
  readonly nameOf?: (name: string) => string;
  /** @param functionNames as they were before. */
  readonly refinement?: (functionNames: readonly string[]) => Refinement;
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
  readonly #spilling: Spilling | null;
  readonly #rows: SpillingBuffer;
  #thinned = 0;

  constructor(
    name: string,
    format: string,
    columns: readonly OptionalColumn[],
    thinning: Thinning | null = null,
    spilling: Spilling | null = null,
  ) {
    this.#name = name;
    this.#format = format;
    this.#thinning = thinning;
    this.#spilling = spilling;
    this.#rows = new SpillingBuffer(columns, spilling, name);
    this.row = Object.fromEntries(
      [...CORE_COLUMNS, ...OPTIONAL_COLUMNS].map((key) => [key, 0]),
    ) as ArrivalRow;
  }

  /** Arrivals that were offered, those that thinning left out included. */
  get offered(): number {
    return this.#rows.count + this.#thinned;
  }

  functionIndex(name: string): number {
    return this.#functions.index(name);
  }

  versionIndex(version: string): number {
    return this.#versions.index(version);
  }

  /**
   * The row's times and durations must be in range; readers check them where they can name the line.
   * @throws CodedError `trace-too-large`; `file-unwritable`
   */
  add(): void {
    const thinning = this.#thinning;
    if (thinning !== null && thinning.stream.uniform() >= thinning.share) {
      this.#thinned++;
      return;
    }
    const { row } = this;
    const at = this.#rows.place();
    const { buffer } = this.#rows;
    buffer.arrivedAtUs[at] = row.arrivedAtUs;
    buffer.runUs[at] = row.runUs;
    buffer.functionIndex[at] = row.functionIndex;
    for (const key of buffer.keys) (buffer.columns[key] as Float64Array)[at] = row[key];
  }

  /** A chance to sort what has no place in memory any more. @throws CodedError as `add` */
  settle(): Work<void> {
    return this.#rows.settle();
  }

  /** @throws CodedError `trace-empty`; `file-unwritable` */
  *finish({ nameOf = (name) => name, refinement }: Finishing = {}): Work<ReadTrace> {
    const rows = this.#rows;
    const spilling = this.#spilling;
    if (rows.count === 0) throw emptyTrace(this.#name, this.skippedRejected);
    const names = this.#functions.list;
    const refined = refinement?.(names) ?? null;
    const about: TraceAbout = {
      name: this.#name,
      format: this.#format,
      functionNames: names.map(nameOf),
      versions: this.#versions.list,
      skippedRejected: this.skippedRejected,
      ...{ skippedBad: 0, badRows: [] },
      filled: [...this.filled, ...(refined?.filled ?? [])],
      transformed: [],
    };
    if (spilling === null || !rows.isTooLong) return { ...about, ...(yield* wholeOf(rows.buffer, refined)) };
    return yield* refinedStore(storedTrace(about, yield* rows.finish()), refined, spilling);
  }
}

/** All arrivals in order, in memory that threads share. */
function* wholeOf(buffer: ArrivalBuffer, refined: Refinement | null): Work<ArrivalPiece> {
  const { count, keys } = buffer;
  const order = yield* timeOrder(buffer.arrivedAtUs.subarray(0, count));
  const columns: Partial<Record<OptionalColumn, Float64Array>> = {};
  for (const key of keys) {
    if (refined?.without.includes(key)) continue;
    columns[key] = yield* column(buffer.columns[key] as Float64Array, count, order);
  }
  const piece = {
    count,
    arrivedAtUs: yield* column(buffer.arrivedAtUs, count, order),
    runUs: yield* column(buffer.runUs, count, order),
    functionIndex: yield* indexes(buffer.functionIndex, count, order),
    columns,
  };
  moveTimes(piece, startOf(piece.arrivedAtUs[0] as number));
  if (refined !== null)
    yield* eachSlice(count, 'filling', (from, to) => refined.refine(slicedPiece(piece, from, to)));
  return piece;
}

function* column(values: Float64Array, count: number, order: Uint32Array | null): Work<Float64Array> {
  if (order !== null) return yield* inOrder(values, order);
  const kept = sharedFloats(count);
  kept.set(values.subarray(0, count));
  return kept;
}

function* indexes(unsorted: Uint32Array, count: number, order: Uint32Array | null): Work<Uint32Array> {
  const sorted = sharedIndexes(count);
  if (order === null) sorted.set(unsorted.subarray(0, count));
  else
    yield* eachSlice(count, 'ordering', (from, to) => {
      for (let at = from; at < to; at++) sorted[at] = unsorted[order[at] as number] as number;
    });
  return sorted;
}

/** A trace that begins before its own zero (a run that ended just after it) is moved to begin at zero. */
const startOf = (firstUs: number): number => Math.min(firstUs, 0);

function moveTimes({ arrivedAtUs, count }: ArrivalPiece, byUs: number): void {
  if (byUs === 0) return;
  for (let at = 0; at < count; at++) arrivedAtUs[at] = (arrivedAtUs[at] as number) - byUs;
}

/** The same of a trace in a file. */
function* refinedStore(
  trace: StoredTrace,
  refined: Refinement | null,
  { files }: Spilling,
): Work<StoredTrace> {
  const fromUs = startOf(trace.rows.firstUs);
  if (fromUs === 0 && refined === null) return trace;
  const { rows, ...about } = trace;
  const columns = rows.columns.filter((key) => !refined?.without.includes(key));
  const changed = yield* rewritten(rows, columns, files, 'filling', (piece) => {
    moveTimes(piece, fromUs);
    refined?.refine(piece);
  });
  return { ...about, rows: changed };
}
