/**
 * Cloud Run's autoscaler as far as Google says what it does: instances by processor use and by concurrency over a
 * minute, whichever asks for more, and idle instances that stay for a quarter of an hour. Sources are in README.md
 * beside.
 */
import type { Autoscaler, FleetPeriod } from './autoscaler.ts';

const CLOUD_RUN_TICK_US = 5_000_000;
const WINDOW_US = 60_000_000;
/** From the last work of an instance until it goes; the window itself is the last minute of that. */
const IDLE_US = 900_000_000;
const TICKS_WINDOW = WINDOW_US / CLOUD_RUN_TICK_US;
const TICKS_HELD = (IDLE_US - WINDOW_US) / CLOUD_RUN_TICK_US;
/** Sums of products of microseconds keep 50 bits: a quotient that should be whole may end a few units above it. */
const ROUNDING = 1e-9;

export interface CloudRunTargets {
  readonly vcpus: number;
  /** Share of an instance's processors that should be at work, above 0, at most 1. */
  readonly cpuShare: number;
  /** Requests in flight wanted on one instance, above 0. */
  readonly requests: number;
}

/** A ring of the last values of each period. */
class Ring {
  readonly #values: Float64Array;
  #count = 0;

  constructor(length: number) {
    this.#values = new Float64Array(length);
  }

  add(value: number): void {
    this.#values[this.#count++ % this.#values.length] = value;
  }

  /** Of all there were while it is not full. */
  get mean(): number {
    return this.#values.reduce((sum, value) => sum + value, 0) / Math.min(this.#count, this.#values.length);
  }

  get max(): number {
    return this.#values.reduce((most, value) => Math.max(most, value), 0);
  }
}

const wholeUp = (instances: number): number => Math.ceil(instances - ROUNDING);

export class CloudRunScaling implements Autoscaler {
  readonly periodUs = CLOUD_RUN_TICK_US;
  readonly delayUs = 0;
  readonly wantsSamples = false;
  readonly #targets: CloudRunTargets;
  readonly #processors = new Ring(TICKS_WINDOW);
  readonly #inFlight = new Ring(TICKS_WINDOW);
  /** What was wanted in the time that idle instances stay; the newest included. */
  readonly #wanted = new Ring(TICKS_HELD + 1);

  constructor(targets: CloudRunTargets) {
    this.#targets = targets;
  }

  decide(period: FleetPeriod): number {
    this.#processors.add(period.busyProcessorsUs / CLOUD_RUN_TICK_US);
    this.#inFlight.add(period.inFlightUs / CLOUD_RUN_TICK_US);
    const { vcpus, cpuShare, requests } = this.#targets;
    const byProcessors = wholeUp(this.#processors.mean / vcpus / cpuShare);
    const byRequests = wholeUp(this.#inFlight.mean / requests);
    this.#wanted.add(Math.max(byProcessors, byRequests));
    return this.#wanted.max;
  }

  isAtRest(): boolean {
    return this.#wanted.max === 0;
  }
}
