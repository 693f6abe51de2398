/**
 * Makes the arrivals of a made-up workload piece by piece: arrivals, functions and service times each from a stream of its
 * own, so that none changes another. A trace in memory is the same pieces put together.
 */
import { CodedError } from '../../metering/errors.ts';
import { BYTES_PER_MB } from '../../metering/units.ts';
import { RandomStream } from '../kernel/random.ts';
import { sharedFloats, sharedIndexes } from '../kernel/shared-memory.ts';
import type { ServiceTime } from './service-time.ts';
import { ARRIVALS_MAX } from './spilling-buffer.ts';
import {
  type ArrivalPiece,
  emptyTrace,
  type OptionalColumns,
  type Trace,
  type TraceStream,
} from './trace.ts';
import type { Work } from './turns.ts';
import type { Share, Workload } from './workload.ts';
import type { ArrivalSource } from './workload-sources.ts';

/** Arrivals in a piece: its arrays stay in the second-level cache. */
const PIECE = 8192;

/** Sums of the weights, to find a function by a uniform draw. */
function sumsOf(shares: readonly Share[]): Float64Array {
  let sum = 0;
  return Float64Array.from(shares, ({ weight }) => {
    sum += weight;
    return sum;
  });
}

/** The first place whose sum is above the value. */
function placeOf(sums: Float64Array, value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

export interface WorkloadRules {
  readonly seed: number;
  readonly serviceTime: ServiceTime | null;
  readonly memoryMb: number | null;
}

/** Names that are given twice are one function. */
function indexed(shares: readonly Share[]): { readonly names: string[]; readonly indexes: Uint32Array } {
  const names = [...new Set(shares.map(({ name }) => name))];
  const indexOf = new Map(names.map((name, index) => [name, index]));
  return { names, indexes: Uint32Array.from(shares, ({ name }) => indexOf.get(name) ?? 0) };
}

type Columns = Pick<OptionalColumns, 'memoryBytesLimit'>;

function columnsOf(memoryMb: number | null): Columns {
  if (memoryMb === null) return {};
  return { memoryBytesLimit: new Float64Array(PIECE).fill(memoryMb * BYTES_PER_MB) };
}

/** @throws CodedError `usage` without a service time. */
export function workloadStream(workload: Workload, rules: WorkloadRules): TraceStream {
  const { text, arrivals, shares } = workload;
  const { seed, serviceTime, memoryMb } = rules;
  const name = `synthetic ${text}`;
  if (serviceTime === null) {
    throw new CodedError(
      'usage',
      `${name}: the trace (format synthetic) says no durations for all requests; serviceTime fills them, for example exponential:120ms`,
      { option: 'serviceTime', format: 'synthetic' },
    );
  }
  const { names, indexes } = indexed(shares);
  const columns = columnsOf(memoryMb);
  const filled = [
    `arrivedAtUs by ${text}, seed ${seed}`,
    `runUs by ${serviceTime.name}, seed ${seed} (all requests)`,
  ];
  if (memoryMb !== null) filled.push(`memoryBytesLimit by ${memoryMb} MB (all requests)`);
  return {
    name,
    format: 'synthetic',
    functionNames: names,
    versions: [],
    expected: arrivals.expected,
    stored: null,
    columns,
    memoryBytesOf: () => columns.memoryBytesLimit?.[0],
    hasSizes: () => false,
    ...{ skippedRejected: 0, skippedBad: 0, badRows: [], filled, transformed: [] },
    pieces: () => piecesFrom(new PieceMaker(workload, indexes, serviceTime, seed, columns)),
  };
}

/** Makes one piece after the other in the same arrays. */
class PieceMaker implements ArrivalPiece {
  count = 0;
  readonly arrivedAtUs = new Float64Array(PIECE);
  readonly runUs = new Float64Array(PIECE);
  readonly functionIndex = new Uint32Array(PIECE);
  readonly columns: Columns;
  readonly #source: ArrivalSource;
  readonly #functions: RandomStream;
  readonly #runs: RandomStream;
  readonly #serviceTime: ServiceTime;
  readonly #indexes: Uint32Array;
  readonly #sums: Float64Array;

  constructor(
    { arrivals, shares }: Workload,
    indexes: Uint32Array,
    serviceTime: ServiceTime,
    seed: number,
    columns: Columns,
  ) {
    this.columns = columns;
    this.#source = arrivals.begin(seed);
    this.#functions = new RandomStream(seed, 'functions');
    this.#runs = new RandomStream(seed, 'service times');
    this.#serviceTime = serviceTime;
    this.#indexes = indexes;
    this.#sums = sumsOf(shares);
  }

  /** The next piece; it has no arrivals at the end. */
  make(): void {
    const { arrivedAtUs, runUs, functionIndex } = this;
    const source = this.#source;
    const total = this.#sums.at(-1) as number;
    const isOne = this.#sums.length === 1;
    let at = 0;
    for (; at < PIECE; at++) {
      const atUs = source.next();
      if (atUs === Number.POSITIVE_INFINITY) break;
      arrivedAtUs[at] = Math.floor(atUs);
      runUs[at] = this.#serviceTime.draw(this.#runs);
      // An attack on one function draws nothing here, so that it does not move the others'.
      const place = isOne || source.isToFirst ? 0 : placeOf(this.#sums, this.#functions.uniform() * total);
      functionIndex[at] = this.#indexes[place] as number;
    }
    this.count = at;
  }
}

function* piecesFrom(maker: PieceMaker): Generator<ArrivalPiece> {
  for (maker.make(); maker.count > 0; maker.make()) yield maker;
}

/** The whole stream in memory. @throws CodedError `trace-too-large`, or `trace-empty` when chance gives no request. */
export function* inMemory(stream: TraceStream): Work<Trace> {
  const { pieces, expected, columns, stored: _, memoryBytesOf, hasSizes: __, ...about } = stream;
  if (expected > ARRIVALS_MAX) throw tooLarge(stream);
  let room = Math.ceil(expected) + PIECE;
  let [arrivedAtUs, runUs, functionIndex] = [sharedFloats(room), sharedFloats(room), sharedIndexes(room)];
  let count = 0;
  for (const piece of pieces()) {
    const more = count + piece.count;
    if (more > ARRIVALS_MAX) throw tooLarge(stream);
    if (more > room) {
      room = Math.ceil(more * 1.1) + PIECE;
      arrivedAtUs = copied(arrivedAtUs, sharedFloats(room));
      runUs = copied(runUs, sharedFloats(room));
      functionIndex = copied(functionIndex, sharedIndexes(room));
    }
    arrivedAtUs.set(piece.arrivedAtUs.subarray(0, piece.count), count);
    runUs.set(piece.runUs.subarray(0, piece.count), count);
    functionIndex.set(piece.functionIndex.subarray(0, piece.count), count);
    count = more;
    yield { doing: 'making up requests', share: Math.min(1, count / expected) };
  }
  if (count === 0) throw emptyTrace(stream.name, 0);
  const limit = columns.memoryBytesLimit === undefined ? undefined : memoryBytesOf(0);
  return {
    ...about,
    count,
    arrivedAtUs: arrivedAtUs.subarray(0, count),
    runUs: runUs.subarray(0, count),
    functionIndex: functionIndex.subarray(0, count),
    columns: limit === undefined ? {} : { memoryBytesLimit: sharedFloats(count).fill(limit) },
  };
}

function copied<T extends Float64Array | Uint32Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}

function tooLarge({ name }: TraceStream): CodedError {
  return new CodedError(
    'trace-too-large',
    `${name}: expected at most ${ARRIVALS_MAX} requests in memory, got more; simulate streams it`,
    { arrivalsMax: ARRIVALS_MAX },
  );
}
