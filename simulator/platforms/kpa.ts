/**
 * Knative's autoscaler (KPA) as a pure decision: concurrency over a stable and a panic window in, instances out.
 * Rules and defaults as of Knative Serving 1.x (config-autoscaler; pkg/autoscaler/scaling/autoscaler.go).
 */
import type { Autoscaler, FleetPeriod, FleetState } from './autoscaler.ts';

const KPA_TICK_US = 2_000_000;
const STABLE_WINDOW_US = 60_000_000;
const PANIC_WINDOW_US = 6_000_000;
/** Panic begins when the panic window asks for this many times the ready instances. */
const PANIC_THRESHOLD = 2;
const SCALE_UP_RATE_MAX = 1000;
const SCALE_DOWN_RATE_MAX = 2;
/** From wanting no instance until the last one goes. */
const ZERO_GRACE_US = 30_000_000;

export interface Observed {
  /** Mean requests in flight over the window, waiting ones included. */
  readonly stable: number;
  readonly panic: number;
}

/** The decision alone; it remembers panic and nothing else. */
export class KpaDecision {
  readonly #target: number;
  #panicSinceUs: number | null = null;
  #panicMost = 0;

  /** @param target requests in flight wanted on one instance, above 0. */
  constructor(target: number) {
    this.#target = target;
  }

  get isPanicking(): boolean {
    return this.#panicSinceUs !== null;
  }

  decide(nowUs: number, observed: Observed, ready: number): number {
    const readyAtLeast1 = Math.max(1, ready);
    const most = Math.ceil(SCALE_UP_RATE_MAX * readyAtLeast1);
    // A rate limit keeps half of what is ready; with one or none it allows zero.
    const least = Math.floor(ready / SCALE_DOWN_RATE_MAX);
    const clamped = (wanted: number): number => Math.min(Math.max(wanted, least), most);
    const wantedInPanic = Math.ceil(observed.panic / this.#target);
    const isOver = wantedInPanic / readyAtLeast1 >= PANIC_THRESHOLD;
    const stable = clamped(Math.ceil(observed.stable / this.#target));
    if (isOver) this.#panicSinceUs = nowUs;
    else if (this.#panicSinceUs !== null && nowUs - this.#panicSinceUs > STABLE_WINDOW_US) {
      this.#panicSinceUs = null;
      this.#panicMost = 0;
    }
    if (this.#panicSinceUs === null) return stable;
    // In panic it never scales down: the most that either window wanted since it began holds.
    this.#panicMost = Math.max(this.#panicMost, stable, clamped(wantedInPanic));
    return this.#panicMost;
  }
}

const TICKS_STABLE = STABLE_WINDOW_US / KPA_TICK_US;
const TICKS_PANIC = PANIC_WINDOW_US / KPA_TICK_US;

/** Feeds the decision with windows of ticks and keeps the last instance through the grace time. */
export class Kpa implements Autoscaler {
  readonly periodUs = KPA_TICK_US;
  readonly delayUs = 0;
  readonly wantsSamples = false;
  readonly #decision: KpaDecision;
  /** Requests in flight × time of the last ticks, a ring. */
  readonly #inFlightUs = new Float64Array(TICKS_STABLE);
  #ticks = 0;
  #zeroSinceUs: number | null = null;

  constructor(target: number) {
    this.#decision = new KpaDecision(target);
  }

  decide(period: FleetPeriod, state: FleetState): number {
    this.#inFlightUs[this.#ticks++ % TICKS_STABLE] = period.inFlightUs;
    const observed = { stable: this.#meanOf(TICKS_STABLE), panic: this.#meanOf(TICKS_PANIC) };
    const wanted = this.#decision.decide(state.nowUs, observed, state.ready);
    if (wanted > 0) {
      this.#zeroSinceUs = null;
      return wanted;
    }
    this.#zeroSinceUs ??= state.nowUs;
    return state.nowUs - this.#zeroSinceUs >= ZERO_GRACE_US ? 0 : 1;
  }

  isAtRest(): boolean {
    return !this.#decision.isPanicking && this.#inFlightUs.every((value) => value === 0);
  }

  /** Over the last ticks, or over all there were: a window that is not full yet is as long as it is. */
  #meanOf(window: number): number {
    const ticks = Math.min(window, this.#ticks);
    let sum = 0;
    for (let back = 1; back <= ticks; back++) {
      sum += this.#inFlightUs[(this.#ticks - back) % TICKS_STABLE] as number;
    }
    return sum / (ticks * KPA_TICK_US);
  }
}
