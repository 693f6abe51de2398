/**
 * Functions that scale to zero: one request an instance, a pool of instances for each function, a cold start
 * when none is idle, and an end after a time of idling. Requests never wait in a queue: they start or are refused.
 */
import type { Trace } from '../traces/trace.ts';
import { Arrivals, type MutableRecord, refuse, statedWarmth } from './arrivals.ts';
import { Instances, type Pick } from './instances.ts';
import { type Platform, type PlatformTotals, PROGRESS_STEP, type Sink } from './platform.ts';

export interface FunctionsSettings {
  /**
   * How long an instance that was created for a request starts up. `trace`: as long as the trace says for that
   * very request (0 when it met a live instance there), so that a log's replay has the log's own start-up times.
   */
  readonly coldStartUs: number | 'trace';
  /** How long an idle instance lives, its last microsecond included; 0: a fresh instance for every request. */
  readonly keepAliveUs: number;
  readonly pick: Pick;
  /**
   * Most instances at once over all functions. At the limit an idle instance of another function gives way, the
   * longest idle first; when all are busy the request is rejected with status 429.
   */
  readonly maxInstances: number;
  /** The configured memory instead of the trace's. */
  readonly memoryBytes: number | null;
}

const TOO_MANY_REQUESTS = 429;

/** One replay: requests in the order in which they reach the platform. */
class Replay {
  readonly #trace: Trace;
  readonly #settings: FunctionsSettings;
  readonly #sink: Sink;
  readonly #arrivals: Arrivals;
  readonly #instances: Instances;
  /** How long each request waits before it reaches the platform; undefined when none does. */
  readonly #queueUs: Float64Array | undefined;

  constructor(trace: Trace, settings: FunctionsSettings, sink: Sink) {
    const { keepAliveUs, pick, memoryBytes } = settings;
    this.#trace = trace;
    this.#settings = settings;
    this.#sink = sink;
    this.#arrivals = new Arrivals(trace, memoryBytes);
    this.#instances = new Instances(trace.functionNames.length, keepAliveUs, pick, (started, ended) =>
      sink.instance(started, ended),
    );
    // A fresh instance for every request with the trace's own start-up is the rule of the host that wrote the
    // trace, so the waiting that the host's limits caused is kept as well.
    const isHostsOwn = settings.coldStartUs === 'trace' && keepAliveUs === 0;
    this.#queueUs = isHostsOwn ? trace.columns.queueUs : undefined;
  }

  run(progress: (arrivals: number) => void): PlatformTotals {
    const { count } = this.#trace;
    const order = this.#queueUs === undefined ? null : orderOfStarts(this.#trace, this.#queueUs);
    for (let next = 0; next < count; next++) {
      if ((next & (PROGRESS_STEP - 1)) === 0) progress(next);
      this.#request(order === null ? next : (order[next] as number));
    }
    this.#instances.advance(Number.POSITIVE_INFINITY);
    const { peak, peakByPool } = this.#instances;
    return { instancesPeak: peak, instancesPeakByFunction: peakByPool };
  }

  #request(at: number): void {
    const instances = this.#instances;
    const pool = this.#trace.functionIndex[at] as number;
    const record = this.#arrivals.load(at);
    if (this.#queueUs !== undefined) record.queueUs = this.#queueUs[at] as number;
    const nowUs = record.arrivedAtUs + record.queueUs;
    instances.advance(nowUs);
    let id = instances.takeIdle(pool);
    if (id < 0 && instances.alive >= this.#settings.maxInstances && !instances.giveUpIdle(nowUs)) {
      refuse(record, TOO_MANY_REQUESTS);
    } else {
      if (id < 0) {
        this.#startCold(record, at);
        id = instances.create(pool, nowUs);
      }
      instances.occupy(id, nowUs + record.startupUs + record.runUs);
    }
    this.#sink.execution(record, pool);
  }

  #startCold(record: MutableRecord, at: number): void {
    const { coldStartUs, keepAliveUs } = this.#settings;
    record.warmth = 'cold';
    if (coldStartUs !== 'trace') {
      record.startupUs = coldStartUs;
      return;
    }
    record.startupUs = this.#trace.columns.startupUs?.[at] ?? 0;
    const stated = statedWarmth(this.#trace, at);
    // An instance that this replay had to create was not warm, unless nothing is ever kept and the trace's own
    // word is all there is.
    if (stated !== null && (stated !== 'warm' || keepAliveUs === 0)) record.warmth = stated;
  }
}

/** Indexes by (start, order of arrival). */
function orderOfStarts(trace: Trace, queueUs: Float64Array): Uint32Array {
  const startsUs = trace.arrivedAtUs.map((arrivedAtUs, at) => arrivedAtUs + (queueUs[at] as number));
  const order = Uint32Array.from(startsUs, (_, at) => at);
  return order.sort((a, b) => (startsUs[a] as number) - (startsUs[b] as number) || a - b);
}

export function functionsPlatform(settings: FunctionsSettings): Platform {
  return { run: (trace, sink, progress) => new Replay(trace, settings, sink).run(progress) };
}
