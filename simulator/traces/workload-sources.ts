/**
 * Where arrivals of made-up workloads come from, one after the other. Requests are a Poisson process of a rate over time:
 * gaps are drawn at the highest rate and thinned to the rate of their moment (Lewis and Shedler 1979). What users do
 * after a failure, and an attacker's even pace, come on top.
 */
import { EventQueue } from '../kernel/event-queue.ts';
import { RandomStream } from '../kernel/random.ts';

/** Arrivals one after the other, in order of whole microseconds. */
export interface ArrivalSource {
  /** Whether the last one is to the first function, whatever the shares say. */
  readonly isToFirst: boolean;
  /** The time of the next one, in microseconds after the workload's beginning; infinity when there is none. */
  next(): number;
}

const NEVER_US = Number.POSITIVE_INFINITY;

/** A Poisson process whose rate (per microsecond) changes over time and never passes `rateMax`. */
export class PoissonSource implements ArrivalSource {
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

export const during = (atUs: number, fromUs: number, forUs: number): boolean =>
  atUs >= fromUs && atUs < fromUs + forUs;

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

export class AttackSource extends AmongVisitors {
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

interface Outage {
  readonly fromUs: number;
  readonly forUs: number;
  readonly retries: number;
  readonly pauseUs: number;
}

export class RetryingSource extends AmongVisitors {
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
