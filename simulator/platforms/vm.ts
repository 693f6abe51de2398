/**
 * Machines that are always on: N of k cores, one request a core at once, one queue before all of them, first come
 * first served. They are up from the first arrival to the end of the last request (or the last arrival).
 */
import { type AdmissionState, admit } from '../../metering/policy.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { Fifo } from '../kernel/fifo.ts';
import type { Trace } from '../traces/trace.ts';
import { Arrivals, refuse } from './arrivals.ts';
import { type Platform, type PlatformTotals, PROGRESS_STEP, type Sink } from './platform.ts';

export interface VmSettings {
  readonly instances: number;
  /** Requests that one machine serves at once. */
  readonly cores: number;
  /** Most requests that wait; more are rejected with status 503. May be Infinity. */
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
}

const UNAVAILABLE = 503;

/** First come first served over equal servers needs no events: the next to start takes the first server to be free. */
class Servers {
  readonly #freeAt = new EventQueue();
  readonly #starts = new Fifo();
  readonly #state: { -readonly [Key in keyof AdmissionState]: AdmissionState[Key] };

  constructor(servers: number, queueLimit: number) {
    for (let server = 0; server < servers; server++) this.#freeAt.push(Number.NEGATIVE_INFINITY, server);
    this.#state = { running: 0, concurrencyLimit: servers, queued: 0, queueLimit };
  }

  /** When a request that arrives now will start, or NaN when it is refused. Calls must not go back in time. */
  startOf(nowUs: number): number {
    const starts = this.#starts;
    while (starts.length > 0 && starts.first <= nowUs) starts.shift();
    const freeAtUs = this.#freeAt.nextKey;
    const state = this.#state;
    // Whoever was let in and has not started is waiting. One free server is as good as many to the decision.
    state.queued = starts.length;
    state.running = freeAtUs <= nowUs ? state.concurrencyLimit - 1 : state.concurrencyLimit;
    switch (admit(state)) {
      case 'start':
        return nowUs;
      case 'queue':
        starts.push(freeAtUs);
        return freeAtUs;
      case 'reject':
        return Number.NaN;
    }
  }

  /** The request that `startOf` let in last occupies its server until then. */
  occupy(untilUs: number): void {
    this.#freeAt.push(untilUs, this.#freeAt.pop());
  }
}

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
      if (Number.isNaN(startUs)) refuse(record, UNAVAILABLE);
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
