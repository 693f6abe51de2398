/**
 * Container functions: instances that serve many requests at once on shared processors, started and stopped by
 * an autoscaler, down to none. Requests that find no place wait before all instances.
 */

import { RandomStream } from '../kernel/random.ts';
import type { Autoscaler } from './autoscaler.ts';
import { CloudRunScaling } from './cloud-run-scaling.ts';
import { FleetReplay } from './fleet-replay.ts';
import { Kpa } from './kpa.ts';
import type { Platform } from './platform.ts';

export const CONTAINER_SCALINGS = ['kpa', 'cloud-run'] as const;
/** Knative's autoscaler, or Cloud Run's, which looks at processors too. */
export type ContainerScaling = (typeof CONTAINER_SCALINGS)[number];

export interface ContainersSettings {
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Requests that one instance takes at once. */
  readonly requestsAtOnce: number;
  /** They share these; a request alone never runs on more than one. */
  readonly vcpus: number;
  /** Share of the requests at once that the autoscaler aims at, 0 to 1. */
  readonly targetShare: number;
  readonly scaling: ContainerScaling;
  /** cloud-run: share of the processors that the autoscaler aims at, above 0, at most 1. */
  readonly cpuTargetShare: number;
  /** From the start of an instance until it takes requests. */
  readonly coldStartUs: number;
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
}

function autoscalerOf(settings: ContainersSettings): Autoscaler | null {
  const { minInstances, maxInstances, scaling, requestsAtOnce, targetShare, vcpus, cpuTargetShare } =
    settings;
  if (minInstances === maxInstances) return null;
  const requests = requestsAtOnce * targetShare;
  if (scaling === 'kpa') return new Kpa(requests);
  return new CloudRunScaling({ vcpus, cpuShare: cpuTargetShare, requests });
}

export function containersPlatform(settings: ContainersSettings): Platform {
  const { requestsAtOnce, vcpus, coldStartUs } = settings;
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
        autoscaler: autoscalerOf(settings),
      } as const;
      return new FleetReplay(head, fleet, sink, new RandomStream(0, 'routing'));
    },
  };
}
