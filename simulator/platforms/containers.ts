/**
 * Container functions: instances that serve many requests at once on shared processors, started and stopped by
 * Knative's autoscaler, down to none. Requests that find no place wait before all instances.
 */
import { RandomStream } from '../kernel/random.ts';
import { FleetReplay } from './fleet-replay.ts';
import { Kpa } from './kpa.ts';
import type { Platform } from './platform.ts';

export interface ContainersSettings {
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Requests that one instance takes at once. */
  readonly requestsAtOnce: number;
  /** They share these; a request alone never runs on more than one. */
  readonly vcpus: number;
  /** Share of the requests at once that the autoscaler aims at, 0 to 1. */
  readonly targetShare: number;
  /** From the start of an instance until it takes requests. */
  readonly coldStartUs: number;
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
}

export function containersPlatform(settings: ContainersSettings): Platform {
  const { requestsAtOnce, vcpus, targetShare, minInstances, maxInstances, coldStartUs } = settings;
  return {
    begin: (head, sink) => {
      const fleet = {
        ...settings,
        // With fewer places than processors each request has one of its own.
        processors: Math.min(vcpus, requestsAtOnce),
        bootUs: coldStartUs,
        warmUpUs: 0,
        routing: 'least-loaded',
        stopOrder: 'least-loaded',
        protectsBusy: false,
        bootIsBusy: true,
        isOnDemand: true,
        autoscaler: minInstances === maxInstances ? null : new Kpa(requestsAtOnce * targetShare),
      } as const;
      return new FleetReplay(head, fleet, sink, new RandomStream(0, 'routing'));
    },
  };
}
