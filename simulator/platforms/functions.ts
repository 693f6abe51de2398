/**
 * Functions that scale to zero: one request an instance, a pool of instances for each function, a cold start
 * when none is idle, and an end after a time of idling. Requests never wait in a queue: they start or are refused,
 * and a client may try again.
 */
import { EventQueue } from '../kernel/event-queue.ts';
import { RandomStream } from '../kernel/random.ts';
import type { ArrivalPiece } from '../traces/trace.ts';
import { Arrivals, MEMORY_BYTES_DEFAULT, type MutableRecord, refuse } from './arrivals.ts';
import type { Pick } from './idle-pools.ts';
import { Instances } from './instances.ts';
import { HybridRetention } from './keep-alive/hybrid.ts';
import { MemoryCap } from './keep-alive/memory-cap.ts';
import { type KeepAlive, type KeepAliveSettings, keepAlive } from './keep-alive/policy.ts';
import type { Platform, PlatformTotals, Replay, ReplayHead, Sink } from './platform.ts';
import { Provisioned, type ProvisionedStep } from './provisioned.ts';
import { Retries, type RetrySettings } from './retries.ts';
import { StartRamp } from './start-ramp.ts';

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
  /** Default: instances are kept for `keepAliveUs`. */
  readonly keepAlive?: KeepAliveSettings | undefined;
  /** Most instances of one function; default no limit of its own. */
  readonly maxPerFunction?: number | undefined;
  /** New instances of one function every ten seconds; default no limit. */
  readonly rampPer10S?: number | undefined;
  /** Default: clients do not try again. */
  readonly retry?: RetrySettings | undefined;
  /** Default: none. */
  readonly provisioned?: readonly ProvisionedStep[] | undefined;
  /** For lifetimes and backoffs; default 0. */
  readonly seed?: number | undefined;
}

const TOO_MANY_REQUESTS = 429;
const NO_RETRY: RetrySettings = { attemptsMax: 1, backoffUs: 0 };

/** One replay: requests in the order in which they reach the platform. */
class FunctionsReplay implements Replay {
  readonly #head: ReplayHead;
  readonly #settings: FunctionsSettings;
  readonly #maxPerFunction: number;
  readonly #sink: Sink;
  readonly #arrivals: Arrivals;
  readonly #instances: Instances;
  readonly #hybrid: HybridRetention | null;
  readonly #memory: MemoryCap | null;
  readonly #ramp: StartRamp | null;
  readonly #retries: Retries;
  /** A fresh instance for every request. */
  readonly #isFresh: boolean;
  readonly #provisioned: Provisioned | null;
  /** Requests that wait before they reach the platform, by the time at which they do; null when none does. */
  readonly #queued: EventQueue | null;
  #lastUs: number;

  constructor(head: ReplayHead, settings: FunctionsSettings, sink: Sink) {
    const { keepAliveUs, pick, memoryBytes, seed = 0, rampPer10S, retry = NO_RETRY } = settings;
    const functions = head.functionNames.length;
    this.#head = head;
    this.#lastUs = head.firstUs;
    this.#settings = settings;
    this.#maxPerFunction = settings.maxPerFunction ?? Number.POSITIVE_INFINITY;
    this.#sink = sink;
    this.#arrivals = new Arrivals(head, memoryBytes);
    const kept: KeepAlive =
      settings.keepAlive === undefined
        ? keepAliveUs
        : keepAlive(settings.keepAlive, functions, new RandomStream(seed, 'survival'));
    this.#hybrid = kept instanceof HybridRetention ? kept : null;
    this.#memory = kept instanceof MemoryCap ? kept : null;
    this.#instances = new Instances(functions, kept, pick, (started, ended, id, pool) => {
      this.#memory?.ended(id, pool, this.#instances.aliveIn(pool) === 0);
      sink.instance(started, ended);
    });
    this.#ramp = rampPer10S === undefined ? null : new StartRamp(functions, rampPer10S);
    this.#retries = new Retries(retry, new RandomStream(seed, 'retries'));
    this.#provisioned = this.#provision();
    // A fresh instance for every request with the trace's own start-up is the rule of the host that wrote the
    // trace, so the waiting that the host's limits caused is kept as well.
    this.#isFresh = kept === 0;
    const isHostsOwn = settings.coldStartUs === 'trace' && this.#isFresh;
    this.#queued = isHostsOwn && head.columns.queueUs !== undefined ? new EventQueue() : null;
  }

  feed(piece: ArrivalPiece, from: number, to: number): void {
    const arrivals = this.#arrivals;
    const first = arrivals.enter(piece);
    for (let place = from; place < to; place++) {
      const nowUs = piece.arrivedAtUs[place] as number;
      if (this.#queued === null) this.#arrive(first + place, nowUs);
      else this.#queue(this.#queued, first + place, nowUs);
    }
    this.#noteEnd(piece.arrivedAtUs[to - 1] as number);
    arrivals.leave();
  }

  /** @returns whether it was refused and will come again. */
  #arrive(at: number, nowUs: number): boolean {
    const retries = this.#retries;
    while (retries.nextUs <= nowUs) this.#retry();
    return this.#request(at, nowUs);
  }

  /** It waits as long as it did; those whose wait is over by now reach the platform. */
  #queue(queued: EventQueue, at: number, nowUs: number): void {
    queued.push(nowUs + (this.#arrivals.valueOf('queueUs', at) ?? 0), at);
    this.#arrivals.hold(at);
    this.#endWaits(queued, nowUs);
  }

  /** In the order of the ends of their waits, then of their arrival. */
  #endWaits(queued: EventQueue, untilUs: number): void {
    while (queued.length > 0 && queued.nextKey <= untilUs) {
      const nowUs = queued.nextKey;
      const at = queued.pop();
      if (!this.#arrive(at, nowUs)) this.#arrivals.release(at);
    }
  }

  finish(): PlatformTotals {
    const retries = this.#retries;
    if (this.#queued !== null) this.#endWaits(this.#queued, Number.POSITIVE_INFINITY);
    while (retries.nextUs !== Number.POSITIVE_INFINITY) this.#retry();
    // The schedule ends with the last request; instances on demand live out their keep-alive.
    this.#advance(this.#lastUs);
    this.#provisioned?.finish(this.#lastUs);
    if (this.#hybrid !== null) this.#prewarm(this.#hybrid, Number.POSITIVE_INFINITY);
    this.#instances.finish(this.#lastUs);
    const { peak, peakByPool } = this.#instances;
    const { throttled, retried } = retries;
    return { instancesPeak: peak, instancesPeakByFunction: peakByPool, throttled, retried };
  }

  #retry(): void {
    const nowUs = this.#retries.nextUs;
    const at = this.#retries.take();
    if (this.#request(at, nowUs)) return;
    this.#retries.settled(at);
    this.#arrivals.release(at);
  }

  /** @returns whether it was refused and will come again. */
  #request(at: number, nowUs: number): boolean {
    const instances = this.#instances;
    const record = this.#arrivals.load(at);
    const pool = this.#arrivals.functionIndex;
    record.queueUs = nowUs - record.arrivedAtUs;
    this.#advance(nowUs);
    if (this.#provisioned?.run(pool, nowUs, record.runUs, record.cpuUs) === true) {
      this.#noteEnd(nowUs + record.runUs);
      this.#sink.execution(record, pool, true);
      return false;
    }
    let id = instances.takeIdle(pool);
    if (id < 0) {
      if (!this.#mayStart(record, pool, nowUs)) return this.#refused(record, at, pool, nowUs);
      this.#startCold(record, at);
      id = instances.create(pool, nowUs);
      this.#memory?.created(id, record.memoryBytesLimit);
      this.#ramp?.take(pool);
    }
    this.#hybrid?.started(pool, nowUs);
    this.#memory?.used(id, pool, this.#startupUs(at));
    const endUs = nowUs + record.startupUs + record.runUs;
    instances.occupy(id, endUs);
    this.#noteEnd(endUs);
    this.#sink.execution(record, pool);
    return false;
  }

  /** Whether a new instance may be started; idle ones of others give way for it. */
  #mayStart(record: MutableRecord, pool: number, nowUs: number): boolean {
    const instances = this.#instances;
    if (instances.aliveIn(pool) >= this.#maxPerFunction) return false;
    if (this.#ramp !== null && !this.#ramp.has(pool, nowUs)) return false;
    if (this.#memory !== null && !this.#memory.makeRoom(instances, record.memoryBytesLimit, nowUs))
      return false;
    return instances.alive < this.#settings.maxInstances || instances.giveUpIdle(nowUs);
  }

  #refused(record: MutableRecord, at: number, pool: number, nowUs: number): boolean {
    if (this.#retries.refused(at, nowUs)) {
      this.#arrivals.hold(at);
      return true;
    }
    this.#sink.execution(refuse(record, TOO_MANY_REQUESTS), pool);
    return false;
  }

  #startupUs(at: number): number {
    const { coldStartUs } = this.#settings;
    return coldStartUs === 'trace' ? (this.#arrivals.valueOf('startupUs', at) ?? 0) : coldStartUs;
  }

  #startCold(record: MutableRecord, at: number): void {
    record.warmth = 'cold';
    record.startupUs = this.#startupUs(at);
    if (this.#settings.coldStartUs !== 'trace') return;
    const stated = this.#arrivals.statedWarmth(at);
    // An instance that this replay had to create was not warm, unless nothing is ever kept and the trace's own
    // word is all there is.
    if (stated !== null && (stated !== 'warm' || this.#isFresh)) record.warmth = stated;
  }

  #advance(nowUs: number): void {
    const provisioned = this.#provisioned;
    while (provisioned !== null && provisioned.nextStepUs <= nowUs) {
      // What is over by then does not stand beside what the step adds.
      this.#instances.advance(provisioned.nextStepUs);
      provisioned.step();
    }
    if (this.#hybrid !== null) this.#prewarm(this.#hybrid, nowUs);
    this.#instances.advance(nowUs);
  }

  /** Releases and loads until now in the order in which they happen. */
  #prewarm(hybrid: HybridRetention, nowUs: number): void {
    const instances = this.#instances;
    while (true) {
      const releaseUs = instances.nextReleaseUs;
      const prewarmUs = hybrid.nextPrewarmUs;
      const firstUs = Math.min(releaseUs, prewarmUs);
      if (firstUs > nowUs || firstUs === Number.POSITIVE_INFINITY) return;
      instances.advance(firstUs);
      if (prewarmUs !== firstUs) continue;
      hybrid.prewarm((pool, atUs) => {
        if (instances.alive < this.#settings.maxInstances) instances.createIdle(pool, atUs);
      });
    }
  }

  #provision(): Provisioned | null {
    const { provisioned, memoryBytes } = this.#settings;
    if (provisioned === undefined) return null;
    const { functionNames, firstUs } = this.#head;
    const memoryOf = (pool: number): number =>
      memoryBytes ?? this.#head.memoryBytesOf(pool) ?? MEMORY_BYTES_DEFAULT;
    const changed = (pool: number, change: 1 | -1): void => this.#instances.countOther(pool, change);
    return new Provisioned(provisioned, functionNames.length, firstUs, this.#sink, changed, memoryOf);
  }

  #noteEnd(endUs: number): void {
    if (endUs > this.#lastUs) this.#lastUs = endUs;
  }
}

export function functionsPlatform(settings: FunctionsSettings): Platform {
  return { begin: (head, sink) => new FunctionsReplay(head, settings, sink) };
}
