/**
 * Machines that are always on: N of k cores before one queue. First come first served, a core for each request; or
 * all requests at once on a machine share its cores. They are up from the first arrival to the last end.
 */
import { RandomStream } from '../kernel/random.ts';
import type { Trace } from '../traces/trace.ts';
import { Arrivals, refuse } from './arrivals.ts';
import { FleetReplay } from './fleet-replay.ts';
import { type Platform, type PlatformTotals, PROGRESS_STEP, type Sink } from './platform.ts';
import { QUEUE_FULL, Servers } from './servers.ts';
import { type SpotSettings, spotFor } from './spot.ts';

/** `fifo`: a core for each request, the others wait; `ps`: processor sharing. */
export const SHARINGS = ['fifo', 'ps'] as const;
export type Sharing = (typeof SHARINGS)[number];

export interface VmSettings {
  readonly instances: number;
  readonly cores: number;
  /** Most requests that wait; more are rejected with status 503. May be Infinity. */
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
}

/** Machines that are replayed one by one. */
export interface SingleVmSettings extends VmSettings {
  /** Requests that one machine takes at once, at least its cores; may be Infinity. */
  readonly requestsAtOnce: number;
  /** null: on demand. */
  readonly spot: SpotSettings | null;
  /** Of a machine that takes the place of one that was taken. */
  readonly bootUs: number;
}

const UNAVAILABLE = 503;

export function vmPlatform(settings: VmSettings): Platform {
  const { instances, cores, queueLimit, memoryBytes } = settings;
  const run = (trace: Trace, sink: Sink, progress: (arrivals: number) => void): PlatformTotals => {
    const arrivals = new Arrivals(trace, memoryBytes);
    const servers = new Servers(instances * cores, queueLimit);
    let lastUs = trace.arrivedAtUs[trace.count - 1] as number;
    for (let at = 0; at < trace.count; at++) {
      if ((at & (PROGRESS_STEP - 1)) === 0) progress(at);
      const record = arrivals.load(at);
      const startUs = servers.startOf(record.arrivedAtUs);
      if (startUs === QUEUE_FULL) refuse(record, UNAVAILABLE);
      else {
        record.queueUs = startUs - record.arrivedAtUs;
        const endUs = startUs + record.runUs;
        servers.occupy(endUs);
        if (endUs > lastUs) lastUs = endUs;
      }
      sink.execution(record, trace.functionIndex[at] as number);
    }
    const firstUs = trace.arrivedAtUs[0] as number;
    for (let instance = 0; instance < instances; instance++) sink.instance(firstUs, lastUs);
    return { instancesPeak: instances, instancesPeakByFunction: null };
  };
  return { run };
}

/**
 * Machines whose requests share the cores, or that may be taken by their provider; the next request goes to the one
 * with the fewest.
 */
export function singleVmPlatform(settings: SingleVmSettings): Platform {
  const { instances, cores } = settings;
  const fleet = {
    ...settings,
    minInstances: instances,
    maxInstances: instances,
    processors: cores,
    warmUpUs: 0,
    routing: 'least-loaded',
    stopOrder: 'newest',
    protectsBusy: false,
    bootIsBusy: false,
    isOnDemand: false,
    autoscaler: null,
  } as const;
  return {
    run: (trace, sink, progress) => {
      const spot = spotFor(settings.spot, trace.count);
      return new FleetReplay(trace, fleet, sink, new RandomStream(0, 'routing'), spot).run(progress);
    },
  };
}
