/**
 * Arrivals of made-up workloads, each kind a rate over time. Requests are a Poisson process of that rate: gaps are
 * drawn at the highest rate and thinned to the rate of their moment (Lewis and Shedler 1979). What users do after
 * a failure, and an attacker's even pace, come on top.
 */
import { EventQueue } from '../kernel/event-queue.ts';
import { RandomStream } from '../kernel/random.ts';
import type { KeyValues } from './quantity.ts';

/** Arrivals one after the other, in order of whole microseconds. */
export interface ArrivalSource {
  /** Whether the last one is to the first function, whatever the shares say. */
  readonly isToFirst: boolean;
  /** The time of the next one, in microseconds after the workload's beginning; infinity when there is none. */
  next(): number;
}

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

const NEVER_US = Number.POSITIVE_INFINITY;

/** A Poisson process whose rate (per microsecond) changes over time and never passes `rateMax`. */
class PoissonSource implements ArrivalSource {
  readonly isToFirst = false;
  readonly #gaps: RandomStream;
  readonly #thinning: RandomStream;
  readonly #durationUs: number;
  readonly #rateMax: number;
  readonly #rateAt: (atUs: number) => number;
  #atUs = 0;

  constructor(seed: number, durationUs: number, rateMax: number, rateAt: (atUs: number) => number) {
    this.#gaps = new RandomStream(seed, 'arrivals');
    this.#thinning = new RandomStream(seed, 'arrivals, thinning');
    this.#durationUs = durationUs;
    this.#rateMax = rateMax;
    this.#rateAt = rateAt;
    if (rateMax <= 0) this.#atUs = NEVER_US;
  }

  next(): number {
    const rateMax = this.#rateMax;
    while (this.#atUs < this.#durationUs) {
      const atUs = this.#atUs + this.#gaps.exponential(1 / rateMax);
      this.#atUs = atUs;
      if (atUs < this.#durationUs && this.#thinning.uniform() * rateMax < this.#rateAt(atUs)) return atUs;
    }
    return NEVER_US;
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

/** Visitors at an even rate, and what others send between them. */
abstract class AmongVisitors implements ArrivalSource {
  isToFirst = false;
  /** Of the next visitor. */
  protected visitorUs: number;
  readonly #visitors: PoissonSource;

  constructor(seed: number, durationUs: number, rate: number) {
    this.#visitors = new PoissonSource(seed, durationUs, rate, () => rate);
    this.visitorUs = this.#visitors.next();
  }

  abstract next(): number;

  protected nextVisitor(): number {
    const { visitorUs } = this;
    this.visitorUs = this.#visitors.next();
    return visitorUs;
  }
}

interface Attack {
  readonly fromUs: number;
  /** Requests per microsecond. */
  readonly rate: number;
  /** How many requests it has. */
  readonly sent: number;
}

class AttackSource extends AmongVisitors {
  readonly #attack: Attack;
  #attacks = 0;

  constructor(seed: number, durationUs: number, rate: number, attack: Attack) {
    super(seed, durationUs, rate);
    this.#attack = attack;
  }

  next(): number {
    const { fromUs, rate, sent } = this.#attack;
    const attackUs = this.#attacks < sent ? fromUs + this.#attacks / rate : NEVER_US;
    // Of those in the same microsecond the visitor comes first.
    this.isToFirst = Math.floor(attackUs) < Math.floor(this.visitorUs);
    if (!this.isToFirst) return this.nextVisitor();
    this.#attacks++;
    return attackUs;
  }
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

interface Outage {
  readonly fromUs: number;
  readonly forUs: number;
  readonly retries: number;
  readonly pauseUs: number;
}

class RetryingSource extends AmongVisitors {
  readonly #outage: Outage;
  readonly #pauses: RandomStream;
  /** Whole microseconds at which somebody tries again: as many at once as wait, whatever the workload's length. */
  readonly #again = new EventQueue();

  constructor(seed: number, durationUs: number, rate: number, outage: Outage) {
    super(seed, durationUs, rate);
    this.#outage = outage;
    this.#pauses = new RandomStream(seed, 'retry pauses');
  }

  next(): number {
    const again = this.#again;
    if (again.length > 0 && again.nextKey <= Math.floor(this.visitorUs)) {
      const atUs = again.nextKey;
      again.pop();
      return atUs;
    }
    const atUs = this.nextVisitor();
    this.#fail(atUs);
    return atUs;
  }

  #fail(firstUs: number): void {
    const { fromUs, forUs, retries, pauseUs } = this.#outage;
    let sentUs = firstUs;
    // Clients spread their pauses by half, up or down, or all would come back at once.
    for (let retry = 0; retry < retries && during(sentUs, fromUs, forUs); retry++) {
      sentUs += pauseUs * 2 ** retry * (0.5 + this.#pauses.uniform());
      this.#again.push(Math.floor(sentUs), 0);
    }
  }
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
