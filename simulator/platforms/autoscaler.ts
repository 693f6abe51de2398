/**
 * What a fleet tells its autoscaler and what it is told: measurements of one period in, a number of instances out.
 * Policies are files of their own; none of them starts or stops anything itself.
 */

/** One metric period. Integrals are over the period, so that a mean is an integral / lengthUs. */
export interface FleetPeriod {
  readonly endUs: number;
  readonly lengthUs: number;
  /** Requests in flight, running and waiting. */
  readonly inFlightUs: number;
  /** Processors of warmed-up instances: those at work, and all of them. */
  readonly busyProcessorsUs: number;
  readonly processorsUs: number;
  readonly arrivals: number;
  /** Nearest-rank p95 of requests that ended in the period, in µs; 0 when none did or nobody asked. */
  readonly latencyUsP95: number;
  /** The same of the waits of requests that began to run. */
  readonly waitUsP95: number;
}

/** The fleet at the moment of a decision; metrics may be older. */
export interface FleetState {
  readonly nowUs: number;
  /** Instances that take requests. */
  readonly ready: number;
  /** Those among them whose warm-up is over. */
  readonly warmedUp: number;
  /** Instances that are there to stay: booting or ready. */
  readonly staying: number;
  /** The least and the most that there may be. */
  readonly min: number;
  readonly max: number;
}

export interface Autoscaler {
  readonly periodUs: number;
  /** From a period's end until its metrics are seen. */
  readonly delayUs: number;
  /** Whether it looks at latencies or waits, which cost time to collect. */
  readonly wantsSamples: boolean;
  /** Instances wanted; the fleet keeps it between min and max. */
  decide(period: FleetPeriod, state: FleetState): number;
  /** Whether more periods without any request could not change its mind. */
  isAtRest(): boolean;
}
