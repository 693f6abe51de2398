/**
 * Measures a fleet for its autoscaler, period by period: integrals of what is in flight and at work, and the p95 of
 * latencies and waits where they are wanted. It knows no policy.
 */
import { nearestRank } from '../kernel/quantiles.ts';
import type { FleetPeriod } from './autoscaler.ts';

const P95 = 95;

export class FleetMeter {
  readonly #wantsSamples: boolean;
  #untilUs: number;
  #inFlightUs = 0;
  #busyProcessorsUs = 0;
  #processorsUs = 0;
  #arrivals = 0;
  #latenciesUs: number[] = [];
  #waitsUs: number[] = [];

  constructor(nowUs: number, wantsSamples: boolean) {
    this.#untilUs = nowUs;
    this.#wantsSamples = wantsSamples;
  }

  /** What held since the last call and now ends. */
  account(nowUs: number, inFlight: number, busyProcessors: number, processors: number): void {
    const passedUs = nowUs - this.#untilUs;
    if (passedUs === 0) return;
    this.#untilUs = nowUs;
    this.#inFlightUs += inFlight * passedUs;
    this.#busyProcessorsUs += busyProcessors * passedUs;
    this.#processorsUs += processors * passedUs;
  }

  arrived(): void {
    this.#arrivals++;
  }

  began(waitUs: number): void {
    if (this.#wantsSamples) this.#waitsUs.push(waitUs);
  }

  ended(latencyUs: number): void {
    if (this.#wantsSamples) this.#latenciesUs.push(latencyUs);
  }

  /** The period until now; the next one begins. `account` comes first. @param lengthUs as the autoscaler has it. */
  close(nowUs: number, lengthUs: number): FleetPeriod {
    const period: FleetPeriod = {
      endUs: nowUs,
      lengthUs,
      inFlightUs: this.#inFlightUs,
      busyProcessorsUs: this.#busyProcessorsUs,
      processorsUs: this.#processorsUs,
      arrivals: this.#arrivals,
      latencyUsP95: p95Of(this.#latenciesUs),
      waitUsP95: p95Of(this.#waitsUs),
    };
    this.#inFlightUs = 0;
    this.#busyProcessorsUs = 0;
    this.#processorsUs = 0;
    this.#arrivals = 0;
    this.#latenciesUs = [];
    this.#waitsUs = [];
    return period;
  }
}

function p95Of(sampleUs: readonly number[]): number {
  return sampleUs.length === 0 ? 0 : nearestRank(Float64Array.from(sampleUs).sort(), P95);
}
