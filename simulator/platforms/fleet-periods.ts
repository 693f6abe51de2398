/**
 * The metric periods of a fleet: when one ends, when its metrics are seen, and when periods may rest because nothing
 * happens. It asks the autoscaler and says how many instances are wanted; it starts and stops none.
 */
import type { Autoscaler, FleetPeriod } from './autoscaler.ts';
import type { Fleet } from './fleet.ts';
import { FleetMeter } from './fleet-meter.ts';

export interface PeriodBounds {
  readonly minInstances: number;
  readonly maxInstances: number;
}

export class FleetPeriods {
  readonly meter: FleetMeter;
  readonly #autoscaler: Autoscaler;
  readonly #bounds: PeriodBounds;
  readonly #firstUs: number;
  /** Metrics that are on their way. */
  readonly #delayed: FleetPeriod[] = [];
  #isResting = false;

  constructor(autoscaler: Autoscaler, bounds: PeriodBounds, firstUs: number) {
    this.meter = new FleetMeter(firstUs, autoscaler.wantsSamples);
    this.#autoscaler = autoscaler;
    this.#bounds = bounds;
    this.#firstUs = firstUs;
  }

  /** While nothing happens and nothing could be stopped no period ends, so that a gap of years costs nothing. */
  get isResting(): boolean {
    return this.#isResting;
  }

  get periodUs(): number {
    return this.#autoscaler.periodUs;
  }

  get delayUs(): number {
    return this.#autoscaler.delayUs;
  }

  /** A period ends now; its metrics are seen at once or are on their way. */
  close(nowUs: number): void {
    this.#delayed.push(this.meter.close(nowUs, this.periodUs));
  }

  /** How many instances the oldest metrics that are not yet seen ask for. */
  wanted(nowUs: number, { ready, warmedUp, staying }: Fleet): number {
    const { minInstances: min, maxInstances: max } = this.#bounds;
    const period = this.#delayed.shift() as FleetPeriod;
    const wanted = this.#autoscaler.decide(period, { nowUs, ready, warmedUp, staying, min, max });
    return Math.min(Math.max(wanted, min), max);
  }

  /** Whether the next period may wait for an arrival; told once a period has ended. */
  mayRest(inFlight: number, { staying }: Fleet): boolean {
    const isQuiet = inFlight === 0 && this.#delayed.length === 0;
    this.#isResting = isQuiet && staying === this.#bounds.minInstances && this.#autoscaler.isAtRest();
    return this.#isResting;
  }

  /** Something arrives: the next period ends when it would have ended without the rest. */
  wake(nowUs: number): number {
    this.#isResting = false;
    const periods = Math.floor((nowUs - this.#firstUs) / this.periodUs) + 1;
    return this.#firstUs + periods * this.periodUs;
  }
}
