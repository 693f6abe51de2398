/**
 * Machines that are always on: N of k cores before one queue. First come first served, a core for each request; or
 * all requests at once on a machine share its cores. They are up from the first arrival to the last end.
 */
import { RandomStream } from '../kernel/random.ts';
import type { ArrivalPiece } from '../traces/trace.ts';
import { Arrivals, refuse } from './arrivals.ts';
import { FleetReplay } from './fleet-replay.ts';
import type { Platform, PlatformTotals, Replay, ReplayHead, Sink } from './platform.ts';
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

class FifoReplay implements Replay {
  readonly #settings: VmSettings;
  readonly #sink: Sink;
  readonly #arrivals: Arrivals;
  readonly #servers: Servers;
  readonly #firstUs: number;
  #lastUs: number;

  constructor(head: ReplayHead, settings: VmSettings, sink: Sink) {
    const { instances, cores, queueLimit, memoryBytes } = settings;
    this.#settings = settings;
    this.#sink = sink;
    this.#arrivals = new Arrivals(head, memoryBytes);
    this.#servers = new Servers(instances * cores, queueLimit);
    this.#firstUs = head.firstUs;
    this.#lastUs = head.firstUs;
  }

  feed(piece: ArrivalPiece, from: number, to: number): void {
    const arrivals = this.#arrivals;
    const servers = this.#servers;
    const first = arrivals.enter(piece);
    for (let at = first + from; at < first + to; at++) {
      const record = arrivals.load(at);
      const startUs = servers.startOf(record.arrivedAtUs);
      if (startUs === QUEUE_FULL) {
        refuse(record, UNAVAILABLE);
        this.#noteEnd(record.arrivedAtUs);
      } else {
        record.queueUs = startUs - record.arrivedAtUs;
        const endUs = startUs + record.runUs;
        servers.occupy(endUs);
        this.#noteEnd(endUs);
      }
      this.#sink.execution(record, arrivals.functionIndex);
    }
    arrivals.leave();
  }

  finish(): PlatformTotals {
    const { instances } = this.#settings;
    for (let instance = 0; instance < instances; instance++) this.#sink.instance(this.#firstUs, this.#lastUs);
    return { instancesPeak: instances, instancesPeakByFunction: null };
  }

  #noteEnd(endUs: number): void {
    if (endUs > this.#lastUs) this.#lastUs = endUs;
  }
}

export function vmPlatform(settings: VmSettings): Platform {
  return { begin: (head, sink) => new FifoReplay(head, settings, sink) };
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
    begin: (head, sink) =>
      new FleetReplay(head, fleet, sink, new RandomStream(0, 'routing'), spotFor(settings.spot)),
  };
}
