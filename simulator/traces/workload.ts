/**
 * Made-up workloads as options write them: `poisson:rate=10/s,duration=1h`. It parses them, and makes the trace of
 * one: arrivals, functions and service times each from a stream of its own, so that none changes another.
 */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { RandomStream } from '../kernel/random.ts';
import { ARRIVALS_MAX, TraceBuilder } from './builder.ts';
import { shown } from './fault.ts';
import { fillTrace } from './fill.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { KeyValues, optionFault, plainNumber } from './quantity.ts';
import type { ServiceTime } from './service-time.ts';
import type { Trace } from './trace.ts';
import { ARRIVAL_KINDS, type Arrival, type ArrivalKind, type Arrivals } from './workload-arrivals.ts';

const OPTION = 'synthetic';
const FUNCTIONS_MAX = 100_000;

/** A function and its weight among the others. */
interface Share {
  readonly name: string;
  readonly weight: number;
}

export interface Workload {
  /** As it was written. */
  readonly text: string;
  readonly kind: ArrivalKind;
  readonly arrivals: Arrivals;
  readonly shares: readonly Share[];
}

/** `api:7+batch:3`, or a number of functions whose weights fall by rank to the power of the skew. */
function readShares(values: KeyValues, text: string): readonly Share[] {
  const functions = values.text('functions');
  const skew = values.number('skew', 0, 10, 0);
  if (functions === undefined) return [{ name: ONE_FUNCTION, weight: 1 }];
  const count = plainNumber(functions);
  if (Number.isInteger(count) && count >= 1 && count <= FUNCTIONS_MAX) {
    const digits = String(count).length;
    return Array.from({ length: count }, (_, index) => ({
      name: `f${String(index + 1).padStart(digits, '0')}`,
      weight: (index + 1) ** -skew,
    }));
  }
  return functions.split('+').map((part) => {
    const [, name = '', weight = '1'] = /^([^:\d][^:]*)(?::(.*))?$/.exec(part) ?? [];
    const value = plainNumber(weight);
    if (name !== '' && value > 0) return { name, weight: value };
    const expected = `functions to be a number from 1 to ${FUNCTIONS_MAX}, or names with weights such as api:7+batch:3`;
    throw optionFault(OPTION, text, expected, shown(part));
  });
}

/** @throws CodedError `usage` */
export function parseWorkload(text: string): Workload {
  const colon = text.indexOf(':');
  const kind = (colon < 0 ? text : text.slice(0, colon)).trim();
  const kinds = Object.keys(ARRIVAL_KINDS);
  if (!kinds.includes(kind)) {
    throw optionFault(OPTION, text, `one of ${kinds.join(', ')}`, `${shown(kind)}${didYouMean(kind, kinds)}`);
  }
  const values = new KeyValues(OPTION, text, colon < 0 ? '' : text.slice(colon + 1));
  const durationUs = values.length('duration');
  const arrivals = ARRIVAL_KINDS[kind as ArrivalKind](values, durationUs);
  const shares = readShares(values, text);
  values.end();
  const expected = arrivals.expected;
  if (expected > ARRIVALS_MAX) {
    throw new CodedError(
      'trace-too-large',
      `${OPTION} ${shown(text)}: expected at most ${ARRIVALS_MAX} requests, got about ${Math.round(expected)}`,
      { arrivalsMax: ARRIVALS_MAX },
    );
  }
  return { text, kind: kind as ArrivalKind, arrivals, shares };
}

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

/** @throws CodedError `usage` without a service time, `trace-empty` when chance gives no request. */
export function workloadTrace(workload: Workload, rules: WorkloadRules): Trace {
  const { text, arrivals, shares } = workload;
  const builder = new TraceBuilder(`synthetic ${text}`, 'synthetic', []);
  const { row } = builder;
  row.runUs = Number.NaN;
  const functions = new RandomStream(rules.seed, 'functions');
  const sums = sumsOf(shares);
  const indexes = shares.map(({ name }) => builder.functionIndex(name));
  const total = sums.at(-1) as number;
  arrivals.emit(rules.seed, ({ atUs, isFirstFunction }: Arrival) => {
    row.arrivedAtUs = Math.floor(atUs);
    // Drawn for every arrival, so that an attack on one function does not move the others'.
    const place = placeOf(sums, functions.uniform() * total);
    row.functionIndex = indexes[isFirstFunction ? 0 : place] as number;
    builder.add();
  });
  builder.filled.push(`arrivedAtUs by ${text}, seed ${rules.seed}`);
  return fillTrace(builder.finish(), { ...rules, mayIdle: true });
}
