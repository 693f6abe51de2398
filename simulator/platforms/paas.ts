/**
 * A platform as a service: dynos that serve several requests at once, a router with one queue, and an autoscaler
 * that looks at the load of the last period. Dynos are up from the first arrival, or their start, to their end or
 * the end of the last request.
 */
import { type AdmissionState, admit } from '../../metering/policy.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { Fifo } from '../kernel/fifo.ts';
import type { Trace } from '../traces/trace.ts';
import { Arrivals, refuse } from './arrivals.ts';
import { Dynos } from './dynos.ts';
import { type Platform, type PlatformTotals, PROGRESS_STEP, type Sink } from './platform.ts';

export interface PaasSettings {
  readonly minInstances: number;
  /** Equal to the minimum for a fixed number of dynos. */
  readonly maxInstances: number;
  /** Requests that one dyno serves at once; the router gives the next one to the dyno with the fewest. */
  readonly requestsAtOnce: number;
  /** Most requests that wait; more are rejected with status 503. May be Infinity. */
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
}

/** Metrics of platforms as a service come about every ten seconds. */
const METRIC_PERIOD_US = 10_000_000;
/** A dyno takes 20 to 60 s to boot; no request reaches it before. */
const BOOT_US = 30_000_000;
/** Share of the places that the autoscaler wants taken on average. */
const TARGET_LOAD = 0.7;
/** Periods in a row that fewer dynos must have been enough before one is stopped: one minute. */
const CALM_PERIODS = 6;

const UNAVAILABLE = 503;
// Payloads of events: the id of a dyno when one of its requests ends; below zero metrics, and boots that end.
const METRICS = -1;
const BOOTED = -2;

class Replay {
  readonly #trace: Trace;
  readonly #settings: PaasSettings;
  readonly #sink: Sink;
  readonly #arrivals: Arrivals;
  readonly #dynos: Dynos;
  readonly #events = new EventQueue();
  readonly #waiting = new Fifo();
  readonly #state: { -readonly [Key in keyof AdmissionState]: AdmissionState[Key] };
  #running = 0;
  /** Request-microseconds since the last metrics, running and waiting ones. */
  #load = 0;
  #loadUntilUs: number;
  #calmPeriods = 0;
  /** Metrics rest while nothing happens and nothing could be stopped, so that a gap of years costs nothing. */
  #isResting = false;
  readonly #firstUs: number;
  #lastUs: number;

  constructor(trace: Trace, settings: PaasSettings, sink: Sink) {
    this.#trace = trace;
    this.#settings = settings;
    this.#sink = sink;
    this.#arrivals = new Arrivals(trace, settings.memoryBytes);
    this.#dynos = new Dynos(settings.requestsAtOnce, (started, ended) => sink.instance(started, ended));
    this.#state = { running: 0, concurrencyLimit: 1, queued: 0, queueLimit: settings.queueLimit };
    const firstUs = trace.arrivedAtUs[0] as number;
    this.#firstUs = firstUs;
    this.#loadUntilUs = firstUs;
    this.#lastUs = trace.arrivedAtUs[trace.count - 1] as number;
    for (let dyno = 0; dyno < settings.minInstances; dyno++) this.#dynos.start(firstUs, 'ready');
    if (settings.maxInstances > settings.minInstances) this.#events.push(firstUs + METRIC_PERIOD_US, METRICS);
  }

  run(progress: (arrivals: number) => void): PlatformTotals {
    const { count, arrivedAtUs } = this.#trace;
    for (let at = 0; at < count; at++) {
      if ((at & (PROGRESS_STEP - 1)) === 0) progress(at);
      const nowUs = arrivedAtUs[at] as number;
      while (this.#events.nextKey <= nowUs) this.#event();
      if (this.#isResting) this.#wake(nowUs);
      this.#arrive(at, nowUs);
    }
    while (this.#running + this.#waiting.length > 0) this.#event();
    this.#dynos.endAll(this.#lastUs);
    return { instancesPeak: this.#dynos.peak, instancesPeakByFunction: null };
  }

  #arrive(at: number, nowUs: number): void {
    this.#account(nowUs);
    const state = this.#state;
    // What a start needs is a free place on a ready dyno: as if there were one place and it were taken or not.
    state.running = this.#dynos.freePlaces > 0 ? 0 : 1;
    state.queued = this.#waiting.length;
    switch (admit(state)) {
      case 'start':
        this.#start(at, nowUs);
        return;
      case 'queue':
        this.#waiting.push(at);
        return;
      case 'reject':
        refuse(this.#arrivals.load(at), UNAVAILABLE);
        this.#sink.execution(this.#arrivals.record, this.#trace.functionIndex[at] as number);
    }
  }

  #start(at: number, nowUs: number): void {
    const record = this.#arrivals.load(at);
    record.queueUs = nowUs - record.arrivedAtUs;
    const endUs = nowUs + record.runUs;
    this.#running++;
    this.#events.push(endUs, this.#dynos.occupy());
    if (endUs > this.#lastUs) this.#lastUs = endUs;
    this.#sink.execution(record, this.#trace.functionIndex[at] as number);
  }

  #event(): void {
    const nowUs = this.#events.nextKey;
    const what = this.#events.pop();
    this.#account(nowUs);
    if (what === METRICS) {
      this.#scale(nowUs);
      this.#isResting =
        this.#running + this.#waiting.length === 0 && this.#dynos.staying === this.#settings.minInstances;
      if (!this.#isResting) this.#events.push(nowUs + METRIC_PERIOD_US, METRICS);
    } else if (what <= BOOTED) this.#dynos.booted(BOOTED - what);
    else {
      this.#running--;
      this.#dynos.release(what, nowUs);
    }
    while (this.#waiting.length > 0 && this.#dynos.freePlaces > 0) this.#start(this.#waiting.shift(), nowUs);
  }

  /** The next metrics come when they would have come without the rest. */
  #wake(nowUs: number): void {
    const periods = Math.floor((nowUs - this.#firstUs) / METRIC_PERIOD_US) + 1;
    this.#events.push(this.#firstUs + periods * METRIC_PERIOD_US, METRICS);
    this.#isResting = false;
  }

  #account(nowUs: number): void {
    this.#load += (this.#running + this.#waiting.length) * (nowUs - this.#loadUntilUs);
    this.#loadUntilUs = nowUs;
  }

  /** Starts all dynos that the last period's mean load asks for; stops one after a calm minute. */
  #scale(nowUs: number): void {
    const { minInstances, maxInstances, requestsAtOnce } = this.#settings;
    const wanted = Math.ceil(this.#load / METRIC_PERIOD_US / (requestsAtOnce * TARGET_LOAD));
    const desired = Math.min(Math.max(wanted, minInstances), maxInstances);
    this.#load = 0;
    const staying = this.#dynos.staying;
    for (let missing = desired - staying; missing > 0; missing--) {
      this.#events.push(nowUs + BOOT_US, BOOTED - this.#dynos.start(nowUs, 'booting'));
    }
    this.#calmPeriods = desired < staying ? this.#calmPeriods + 1 : 0;
    if (this.#calmPeriods < CALM_PERIODS) return;
    this.#calmPeriods = 0;
    this.#dynos.stopNewest(nowUs);
  }
}

export function paasPlatform(settings: PaasSettings): Platform {
  return { run: (trace, sink, progress) => new Replay(trace, settings, sink).run(progress) };
}
