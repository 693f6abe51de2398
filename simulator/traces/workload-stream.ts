/**
 * Makes the arrivals of a made-up workload piece by piece: arrivals, functions and service times each from a stream of its
 * own, so that none changes another. A trace in memory is the same pieces put together.
 */
import { CodedError } from '../../metering/errors.ts';
import { BYTES_PER_MB } from '../../metering/units.ts';
import { RandomStream } from '../kernel/random.ts';
import { sharedFloats, sharedIndexes } from '../kernel/shared-memory.ts';
import { ARRIVALS_MAX } from './builder.ts';
import type { ServiceTime } from './service-time.ts';
import {
  type ArrivalPiece,
  emptyTrace,
  type OptionalColumns,
  type Trace,
  type TraceStream,
} from './trace.ts';
import type { Share, Workload } from './workload.ts';

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
    emit: (take) => emitPieces(workload, indexes, serviceTime, seed, columns, take),
  };
}

function emitPieces(
  { arrivals, shares }: Workload,
  indexes: Uint32Array,
  serviceTime: ServiceTime,
  seed: number,
  columns: Columns,
  take: (piece: ArrivalPiece) => boolean,
): void {
  const functions = new RandomStream(seed, 'functions');
  const runs = new RandomStream(seed, 'service times');
  const sums = sumsOf(shares);
  const total = sums.at(-1) as number;
  const isOne = shares.length === 1;
  const arrivedAtUs = new Float64Array(PIECE);
  const runUs = new Float64Array(PIECE);
  const functionIndex = new Uint32Array(PIECE);
  const piece = { count: 0, arrivedAtUs, runUs, functionIndex, columns };
  let goesOn = true;
  arrivals.emit(seed, (atUs, isFirstFunction) => {
    const at = piece.count++;
    arrivedAtUs[at] = Math.floor(atUs);
    runUs[at] = serviceTime.draw(runs);
    // An attack on one function draws nothing here, so that it does not move the others'.
    const place = isFirstFunction || isOne ? 0 : placeOf(sums, functions.uniform() * total);
    functionIndex[at] = indexes[place] as number;
    if (piece.count < PIECE) return true;
    goesOn = take(piece);
    piece.count = 0;
    return goesOn;
  });
  if (goesOn && piece.count > 0) take(piece);
}

/** The whole stream in memory. @throws CodedError `trace-too-large`, or `trace-empty` when chance gives no request. */
export function inMemory(stream: TraceStream): Trace {
  const { emit, expected, columns, stored: _, memoryBytesOf, hasSizes: __, ...about } = stream;
  if (expected > ARRIVALS_MAX) throw tooLarge(stream);
  let room = Math.ceil(expected) + PIECE;
  let [arrivedAtUs, runUs, functionIndex] = [sharedFloats(room), sharedFloats(room), sharedIndexes(room)];
  let count = 0;
  emit((piece) => {
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
    return true;
  });
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
