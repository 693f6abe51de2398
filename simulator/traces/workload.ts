/**
 * Made-up workloads as options write them: `poisson:rate=10/s,duration=1h`. It parses them and makes nothing.
 */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { shown } from './fault.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { KeyValues, optionFault, plainNumber } from './quantity.ts';
import { ARRIVAL_KINDS, type ArrivalKind, type Arrivals } from './workload-arrivals.ts';

const OPTION = 'synthetic';
const FUNCTIONS_MAX = 100_000;
/** Arrivals have numbers below 2^31 in the platforms' queues. */
const STREAMED_MAX = 2 ** 30;

/** A function and its weight among the others. */
export interface Share {
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
  if (expected > STREAMED_MAX) {
    throw new CodedError(
      'trace-too-large',
      `${OPTION} ${shown(text)}: expected at most ${STREAMED_MAX} requests, got about ${Math.round(expected)}`,
      { arrivalsMax: STREAMED_MAX },
    );
  }
  return { text, kind: kind as ArrivalKind, arrivals, shares };
}
