/** Made-up workloads, each kind a rate over time, with the keys that say it. */
import { RandomStream } from '../kernel/random.ts';
import type { KeyValues } from './quantity.ts';
import {
  type ArrivalSource,
  AttackSource,
  during,
  PoissonSource,
  RetryingSource,
} from './workload-sources.ts';

export interface Arrivals {
  /** About how many there will be. */
  readonly expected: number;
  /** The same ones for the same seed. */
  begin(seed: number): ArrivalSource;
}

const US_PER_HOUR = 3_600e6;
const HOURS_PER_DAY = 24;
const DAYS_PER_WEEK = 7;
const WEEKDAYS = 5;

function varying(
  durationUs: number,
  rateMax: number,
  rateAt: (atUs: number) => number,
  rateMean = rateMax,
): Arrivals {
  return {
    expected: rateMean * durationUs,
    begin: (seed) => new PoissonSource(seed, durationUs, rateMax, rateAt),
  };
}

function poisson(values: KeyValues, durationUs: number): Arrivals {
  const rate = values.rate('rate');
  return varying(durationUs, rate, () => rate);
}

/** Two rates that take turns, each for an exponential time. */
function mmpp(values: KeyValues, durationUs: number): Arrivals {
  const rate = values.rate('rate', 0);
  const burst = values.rate('burst');
  const onUs = values.length('on');
  const offUs = values.length('off');
  return {
    expected: (durationUs * (rate * offUs + burst * onUs)) / (onUs + offUs),
    begin(seed) {
      const turns = new RandomStream(seed, 'bursts');
      let isOn = false;
      let untilUs = turns.exponential(offUs);
      const rateAt = (atUs: number): number => {
        while (atUs >= untilUs) {
          isOn = !isOn;
          untilUs += turns.exponential(isOn ? onUs : offUs);
        }
        return isOn ? burst : rate;
      };
      return new PoissonSource(seed, durationUs, Math.max(rate, burst), rateAt);
    },
  };
}

/** A cosine over the day around a mean, less at weekends; time 0 is Monday at midnight. */
function diurnal(values: KeyValues, durationUs: number): Arrivals {
  const rate = values.rate('rate');
  const swing = values.number('swing', 0, 1, 0.8);
  const peakUs = values.span('peak', 14 * US_PER_HOUR);
  const weekend = values.number('weekend', 0, 10, 0.6);
  const dayUs = HOURS_PER_DAY * US_PER_HOUR;
  const rateAt = (atUs: number): number => {
    const isWeekend = Math.floor(atUs / dayUs) % DAYS_PER_WEEK >= WEEKDAYS;
    const wave = 1 + swing * Math.cos((2 * Math.PI * (atUs - peakUs)) / dayUs);
    return rate * wave * (isWeekend ? weekend : 1);
  };
  return varying(durationUs, rate * (1 + swing) * Math.max(1, weekend), rateAt, rate);
}

function spike(values: KeyValues, durationUs: number): Arrivals {
  const rate = values.rate('rate');
  const peak = values.rate('peak');
  const fromUs = values.span('at');
  const forUs = values.length('for');
  return varying(durationUs, Math.max(rate, peak), (atUs) => (during(atUs, fromUs, forUs) ? peak : rate));
}

function ramp(values: KeyValues, durationUs: number): Arrivals {
  const from = values.rate('from');
  const to = values.rate('to');
  return varying(
    durationUs,
    Math.max(from, to),
    (atUs) => from + ((to - from) * atUs) / durationUs,
    (from + to) / 2,
  );
}

/** Visitors as ever, and from one moment on an attacker who sends at an even pace to the first function. */
function attack(values: KeyValues, durationUs: number): Arrivals {
  const rate = values.rate('rate');
  const attackRate = values.rate('attack');
  const fromUs = values.span('at');
  const forUs = values.length('for');
  const untilUs = Math.min(fromUs + forUs, durationUs);
  const sent = Math.max(0, Math.ceil((untilUs - fromUs) * attackRate));
  return {
    expected: rate * durationUs + sent,
    begin: (seed) => new AttackSource(seed, durationUs, rate, { fromUs, rate: attackRate, sent }),
  };
}

/**
 * Visitors as ever, and an outage during which every request fails. Who fails tries again after a pause that
 * doubles each time, up to a number of times, and fails again as long as the outage lasts.
 */
function retryStorm(values: KeyValues, durationUs: number): Arrivals {
  const rate = values.rate('rate');
  const fromUs = values.span('at');
  const forUs = values.length('for');
  const retries = values.whole('retries', 1, 20, 3);
  const pauseUs = values.length('pause', 1e6);
  return {
    expected: rate * durationUs + Math.min(forUs, durationUs) * rate * retries,
    begin: (seed) => new RetryingSource(seed, durationUs, rate, { fromUs, forUs, retries, pauseUs }),
  };
}

export const ARRIVAL_KINDS = {
  poisson,
  mmpp,
  diurnal,
  spike,
  ramp,
  attack,
  'retry-storm': retryStorm,
} as const satisfies Readonly<Record<string, (values: KeyValues, durationUs: number) => Arrivals>>;
export type ArrivalKind = keyof typeof ARRIVAL_KINDS;
