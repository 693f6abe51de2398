/**
 * A platform as a service: dynos that serve several requests at once, a router, and an autoscaler. Dynos are up
 * from the first arrival, or their start, to their end or the end of the last request.
 */
import { RandomStream } from '../kernel/random.ts';
import type { Routing } from './fleet.ts';
import { FleetReplay } from './fleet-replay.ts';
import { type PaasScalingSettings, paasAutoscaler } from './paas-scaling.ts';
import type { Platform } from './platform.ts';

/** A dyno takes 20 to 60 s to boot; no request reaches it before. */
export const DYNO_BOOT_US = 30_000_000;

export interface PaasSettings {
  readonly minInstances: number;
  /** Equal to the minimum for a fixed number of dynos. */
  readonly maxInstances: number;
  /** Requests that one dyno serves at once. */
  readonly requestsAtOnce: number;
  /** Most requests that wait; more are rejected with status 503. May be Infinity. */
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
  readonly bootUs: number;
  /** least-loaded: one queue before all dynos, the next to the dyno with the fewest; random: a queue at each. */
  readonly routing: Routing;
  readonly scaling: Omit<PaasScalingSettings, 'requestsAtOnce'>;
  readonly seed: number;
}

export function paasPlatform(settings: PaasSettings): Platform {
  const { requestsAtOnce, minInstances, maxInstances, scaling, seed } = settings;
  return {
    begin: (head, sink) => {
      const fleet = {
        ...settings,
        processors: requestsAtOnce,
        warmUpUs: 0,
        stopOrder: 'newest',
        protectsBusy: false,
        bootIsBusy: false,
        isOnDemand: false,
        autoscaler: minInstances === maxInstances ? null : paasAutoscaler({ ...scaling, requestsAtOnce }),
      } as const;
      return new FleetReplay(head, fleet, sink, new RandomStream(seed, 'routing'));
    },
  };
}
