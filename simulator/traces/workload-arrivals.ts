/**
 * Arrivals of made-up workloads, each kind a rate over time. Requests are a Poisson process of that rate: gaps are
 * drawn at the highest rate and thinned to the rate of their moment (Lewis and Shedler 1979). What users do after
 * a failure, and an attacker's even pace, come on top.
 */
import { EventQueue } from '../kernel/event-queue.ts';
import { RandomStream } from '../kernel/random.ts';
import type { KeyValues } from './quantity.ts';

/**
 * Takes one arrival, `atUs` after the workload's beginning and after all that came before it; answers whether to go on.
 * @param isFirstFunction whether it is to the first function, whatever the shares say.
 */
export type OnArrival = (atUs: number, isFirstFunction: boolean) => boolean;

export interface Arrivals {
  /** About how many there will be. */
  readonly expected: number;
  /** In order of whole microseconds. */
  emit(seed: number, onArrival: OnArrival): void;
}

const US_PER_HOUR = 3_600e6;
const HOURS_PER_DAY = 24;
const DAYS_PER_WEEK = 7;
const WEEKDAYS = 5;

/** A Poisson process whose rate (per microsecond) changes over time and never passes `rateMax`. */
function emitPoisson(
  seed: number,
  durationUs: number,
  rateMax: number,
  rateAt: (atUs: number) => number,
  onArrival: (atUs: number) => boolean,
): void {
  if (rateMax <= 0) return;
  const gaps = new RandomStream(seed, 'arrivals');
  const thinning = new RandomStream(seed, 'arrivals, thinning');
  for (let atUs = gaps.exponential(1 / rateMax); atUs < durationUs; atUs += gaps.exponential(1 / rateMax)) {
    if (thinning.uniform() * rateMax < rateAt(atUs) && !onArrival(atUs)) return;
  }
}

function varying(
  durationUs: number,
  rateMax: number,
  rateAt: (atUs: number) => number,
  rateMean = rateMax,
): Arrivals {
  return {
    expected: rateMean * durationUs,
    emit: (seed, onArrival) =>
      emitPoisson(seed, durationUs, rateMax, rateAt, (atUs) => onArrival(atUs, false)),
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
    emit(seed, onArrival) {
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
      emitPoisson(seed, durationUs, Math.max(rate, burst), rateAt, (atUs) => onArrival(atUs, false));
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

const during = (atUs: number, fromUs: number, forUs: number): boolean =>
  atUs >= fromUs && atUs < fromUs + forUs;

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

/**
 * Visitors at an even rate, and before each of them, and after the last, what others send.
 * @param othersUntil emits what the others send until then; answers whether to go on.
 */
function emitAmong(
  seed: number,
  durationUs: number,
  rate: number,
  othersUntil: (untilUs: number) => boolean,
  onVisitor: (atUs: number) => boolean,
): void {
  let goesOn = true;
  const onArrival = (atUs: number): boolean => {
    goesOn = othersUntil(Math.floor(atUs)) && onVisitor(atUs);
    return goesOn;
  };
  emitPoisson(seed, durationUs, rate, () => rate, onArrival);
  if (goesOn) othersUntil(Number.POSITIVE_INFINITY);
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
    emit(seed, onArrival) {
      let attacks = 0;
      /** The attacker's requests until then; who comes in the same microsecond comes first. */
      const attackUntil = (untilUs: number): boolean => {
        for (; attacks < sent; attacks++) {
          const atUs = fromUs + attacks / attackRate;
          if (Math.floor(atUs) >= untilUs) return true;
          if (!onArrival(atUs, true)) return false;
        }
        return true;
      };
      emitAmong(seed, durationUs, rate, attackUntil, (atUs) => onArrival(atUs, false));
    },
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
    emit(seed, onArrival) {
      const pauses = new RandomStream(seed, 'retry pauses');
      // Whole microseconds at which somebody tries again: as many at once as wait, whatever the workload's length.
      const again = new EventQueue();
      const emitUntil = (untilUs: number): boolean => {
        while (again.nextKey <= untilUs && again.length > 0) {
          const atUs = again.nextKey;
          again.pop();
          if (!onArrival(atUs, false)) return false;
        }
        return true;
      };
      emitAmong(seed, durationUs, rate, emitUntil, (atUs) => {
        let sentUs = atUs;
        // Clients spread their pauses by half, up or down, or all would come back at once.
        for (let retry = 0; retry < retries && during(sentUs, fromUs, forUs); retry++) {
          sentUs += pauseUs * 2 ** retry * (0.5 + pauses.uniform());
          again.push(Math.floor(sentUs), 0);
        }
        return onArrival(atUs, false);
      });
    },
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
