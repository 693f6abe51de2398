/**
 * An autoscaled group of machines: requests before a load balancer, machines that boot and warm up, and a policy
 * that follows a metric. Machines are up from their start to their end or the end of the last request.
 */
import { RandomStream } from '../kernel/random.ts';
import { FleetReplay } from './fleet-replay.ts';
import { GroupScaling, type GroupScalingSettings } from './group-scaling.ts';
import type { Platform } from './platform.ts';
import { type SpotSettings, spotFor } from './spot.ts';

export interface VmGroupSettings {
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Processors of one machine. */
  readonly cores: number;
  /** Requests that one machine takes at once; more than its cores share them. */
  readonly requestsAtOnce: number;
  readonly bootUs: number;
  readonly warmUpUs: number;
  /** Scale-in spares machines that are serving. */
  readonly protectsBusy: boolean;
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
  readonly scaling: GroupScalingSettings;
  /** null: on demand. */
  readonly spot: SpotSettings | null;
}

export function vmGroupPlatform(settings: VmGroupSettings): Platform {
  const { cores, requestsAtOnce, minInstances, maxInstances, scaling } = settings;
  return {
    begin: (head, sink) => {
      const fleet = {
        ...settings,
        processors: Math.min(cores, requestsAtOnce),
        routing: 'least-loaded',
        stopOrder: 'newest',
        bootIsBusy: false,
        isOnDemand: false,
        autoscaler: minInstances === maxInstances ? null : new GroupScaling(scaling),
      } as const;
      const spot = spotFor(settings.spot);
      return new FleetReplay(head, fleet, sink, new RandomStream(0, 'routing'), spot);
    },
  };
}
