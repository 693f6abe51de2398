/**
 * The autoscalers of a platform as a service: by load, by p95 latency (as Heroku's), by time in the queue, by
 * requests per instance. All look at one metric period at a time; rules and sources are in README.md beside.
 */
import type { Autoscaler, FleetPeriod, FleetState } from './autoscaler.ts';

export const PAAS_SCALINGS = ['load', 'latency', 'queue-time', 'requests'] as const;
export type PaasScaling = (typeof PAAS_SCALINGS)[number];

/** Metrics of platforms as a service come about every ten seconds. */
const METRIC_PERIOD_US = 10_000_000;
/** Share of the places that should be taken on average; where latency decides, what one dyno fewer may hold. */
const TARGET_LOAD = 0.7;
/** Periods in a row that fewer dynos must have been enough before one is stopped: one minute. */
const CALM_PERIODS = 6;
/** Heroku starts or stops one dyno at a time, at least a minute apart (devcenter.heroku.com/articles/autoscaling, 2024-12-03). */
const PAUSE_US = 60_000_000;

const meanInFlight = ({ inFlightUs, lengthUs }: FleetPeriod): number => inFlightUs / lengthUs;

/** Wants all instances at once that the last period's mean load asks for; gives one back after a calm minute. */
export class LoadScaling implements Autoscaler {
  readonly periodUs = METRIC_PERIOD_US;
  readonly delayUs: number;
  readonly wantsSamples = false;
  /** Requests in flight wanted on one instance. */
  readonly #target: number;
  #calmPeriods = 0;

  constructor(target: number, delayUs: number) {
    this.#target = target;
    this.delayUs = delayUs;
  }

  decide(period: FleetPeriod, { staying }: FleetState): number {
    const wanted = Math.ceil(meanInFlight(period) / this.#target);
    if (wanted >= staying) {
      this.#calmPeriods = 0;
      return wanted;
    }
    if (++this.#calmPeriods < CALM_PERIODS) return staying;
    this.#calmPeriods = 0;
    return staying - 1;
  }

  /** At its minimum it has nothing to give back. */
  isAtRest(): boolean {
    this.#calmPeriods = 0;
    return true;
  }
}

/** One instance more when the p95 is above its threshold; one fewer when it is not and fewer would do. */
class ThresholdScaling implements Autoscaler {
  readonly periodUs = METRIC_PERIOD_US;
  readonly delayUs: number;
  readonly wantsSamples = true;
  readonly #thresholdUs: number;
  readonly #metric: 'latencyUsP95' | 'waitUsP95';
  readonly #requestsAtOnce: number;
  #calmPeriods = 0;
  #changedAtUs = Number.NEGATIVE_INFINITY;

  constructor(
    metric: 'latencyUsP95' | 'waitUsP95',
    thresholdUs: number,
    requestsAtOnce: number,
    delayUs: number,
  ) {
    this.#metric = metric;
    this.#thresholdUs = thresholdUs;
    this.#requestsAtOnce = requestsAtOnce;
    this.delayUs = delayUs;
  }

  decide(period: FleetPeriod, { nowUs, staying, min, max }: FleetState): number {
    const isSlow = period[this.#metric] > this.#thresholdUs;
    const fewerPlaces = (staying - 1) * this.#requestsAtOnce;
    const isCalm = !isSlow && meanInFlight(period) <= fewerPlaces * TARGET_LOAD;
    this.#calmPeriods = isCalm ? this.#calmPeriods + 1 : 0;
    if (nowUs - this.#changedAtUs < PAUSE_US) return staying;
    if (isSlow ? staying === max : staying === min || this.#calmPeriods < CALM_PERIODS) return staying;
    this.#changedAtUs = nowUs;
    this.#calmPeriods = 0;
    return isSlow ? staying + 1 : staying - 1;
  }

  isAtRest(): boolean {
    this.#calmPeriods = 0;
    return true;
  }
}

export interface PaasScalingSettings {
  readonly scaling: PaasScaling;
  /** latency, queue-time: the p95 that is wanted, µs. */
  readonly thresholdUs: number;
  /** requests: in flight on one instance. */
  readonly targetRequests: number;
  readonly requestsAtOnce: number;
  readonly delayUs: number;
}

export function paasAutoscaler(settings: PaasScalingSettings): Autoscaler {
  const { scaling, thresholdUs, targetRequests, requestsAtOnce, delayUs } = settings;
  switch (scaling) {
    case 'load':
      return new LoadScaling(requestsAtOnce * TARGET_LOAD, delayUs);
    case 'requests':
      return new LoadScaling(targetRequests, delayUs);
    case 'latency':
      return new ThresholdScaling('latencyUsP95', thresholdUs, requestsAtOnce, delayUs);
    case 'queue-time':
      return new ThresholdScaling('waitUsP95', thresholdUs, requestsAtOnce, delayUs);
  }
}
