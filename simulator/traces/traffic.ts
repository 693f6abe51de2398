/**
 * What if the same traffic doubles? Changes to a trace that a sweep goes through: transformations of the trace as it was
 * read, and the rate of a made-up workload. It checks and orders them; who has the trace applies them.
 */
import { CodedError } from '../../metering/errors.ts';
import { ratePerUs } from './quantity.ts';
import { parseSteps } from './transform.ts';
import { parseWorkload } from './workload.ts';

/** `rate` is of made-up workloads; all others are transformations, by their own names. */
export const TRAFFIC_KEYS = ['scale', 'compress', 'repeat', 'rate'] as const;
export type TrafficKey = (typeof TRAFFIC_KEYS)[number];

/** Factors and numbers of times, and a rate with its unit such as `10/s`; applied in the order of the keys, after all else. */
export type Traffic = Readonly<Partial<Record<TrafficKey, string | number>>>;

/** The trace as its own options make it. */
export const TRAFFIC_AS_GIVEN: Traffic = {};

export const isTrafficKey = (key: string): key is TrafficKey =>
  (TRAFFIC_KEYS as readonly string[]).includes(key);

/** What keeps a value from being one of its key's; null when nothing does. */
export function trafficFault(key: TrafficKey, value: unknown): string | null {
  if (key === 'rate') {
    const isGood = typeof value === 'string' && ratePerUs(value) > 0;
    return isGood ? null : 'rates with their unit such as 10/s or 600/m, above 0';
  }
  try {
    // A sweep's values hold no further steps.
    const [, second] = parseSteps(`${key}=${value}`);
    return second === undefined ? null : 'one value';
  } catch (thrown) {
    return String((thrown as CodedError).details?.expected);
  }
}

/** The transformations, as options write them; those that would change nothing are left out. */
export const trafficSteps = (traffic: Traffic): readonly string[] =>
  Object.entries(traffic).flatMap(([key, value]) =>
    key === 'rate' || Number(value) === 1 ? [] : [`${key}=${value}`],
  );

/** How many requests there are, about, in a unit that all traffics of one sweep share. */
export function trafficSize({ scale = 1, repeat = 1, rate }: Traffic): number {
  const times = Number(String(repeat).split('/')[0]);
  return Number(scale) * times * (rate === undefined ? 1 : ratePerUs(String(rate)));
}

/**
 * A made-up workload at another rate, everything else the same.
 * @param synthetic null for the trace of a file.
 * @throws CodedError `config-invalid` without a made-up workload; `usage` for a kind that has no rate of its own;
 * `trace-too-large`.
 */
export function atRate(synthetic: string | null, rate: string): string {
  if (synthetic === null) {
    throw new CodedError(
      'config-invalid',
      'sweep rate: expected a made-up workload (synthetic), got the file of a trace; scale multiplies its rate',
    );
  }
  const colon = `${synthetic}:`.indexOf(':');
  const pairs = synthetic.slice(colon + 1).split(',');
  const others = pairs.filter((pair) => pair.trim() !== '' && pair.split('=')[0]?.trim() !== 'rate');
  const changed = `${synthetic.slice(0, colon)}:${[`rate=${rate}`, ...others].join(',')}`;
  parseWorkload(changed);
  return changed;
}
