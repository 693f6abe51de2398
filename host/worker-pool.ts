/**
 * Runs requests on worker threads: bounded queues in front that functions share fairly, a fresh thread behind for each
 * one that had to be cut off. Knows functions by their names and limits only, nothing of records or HTTP.
 */
import { CodedError } from '../metering/errors.ts';
import { waitedTooLong } from '../metering/policy.ts';
import type { CompiledComponent } from './component/module-cache.ts';
import { NESTED_LEVELS_MAX } from './nested-calls.ts';
import { letIn } from './pool-admission.ts';
import type { RunLimits } from './run-limits.ts';
import { type Waiting, WaitingRequests } from './waiting-requests.ts';
import type { RequestData } from './wasi/http-incoming.ts';
import type { RunResult } from './worker-messages.ts';
import { type SlotSettings, WorkerSlot } from './worker-slot.ts';

export interface PoolSettings extends SlotSettings {
  /** Threads that may compute at once. */
  readonly workers: number;
  /** Requests of all functions that may wait. */
  readonly queueLimit: number;
  /** Whether threads should keep this compiled component for later requests. */
  readonly isKept: (key: string) => boolean;
}

/**
 * Threads beyond `workers` that may be added while others wait for outbound requests: a guest that calls
 * another function of this host must not lock it up.
 */
const WAITING_WORKERS_MAX = 64;

/** How long a thread beyond `workers` stays when it has nothing to do. */
const SPARE_IDLE_MS = 5_000;

/** Threads that may fail to start in a row before requests are refused rather than kept waiting. */
const FAILED_STARTS_MAX = 5;

/** Who waits for a run. */
export interface Caller {
  /** How many functions of this host wait for this one: 0 for a request from outside. */
  readonly level: number;
  /** Takes the request out of the queue again; a run that has begun goes on. */
  readonly signal?: AbortSignal;
}

export interface RunOptions extends Caller {
  readonly functionName: string;
  readonly limits: RunLimits;
}

/** A finished run and when it left the queue, by `performance.now()`. */
export interface PoolRun {
  readonly result: RunResult;
  readonly dispatchedMs: number;
}

/** A thread that was given to a request, and what is to be called when the request has ended. */
interface Turn {
  readonly slot: WorkerSlot;
  readonly onEnd: () => void;
}

/** How often requests that wait are looked through. */
const SWEEP_MS_MIN = 10;
const SWEEP_MS_MAX = 1_000;

const stopping = (): CodedError => new CodedError('host-draining', 'the host is stopping');

export class WorkerPool {
  readonly #settings: PoolSettings;
  readonly #slots = new Set<WorkerSlot>();
  readonly #waiting = new WaitingRequests<WorkerSlot>(NESTED_LEVELS_MAX);
  #timer: NodeJS.Timeout | undefined;
  #sweepMs = Number.POSITIVE_INFINITY;
  #failedStarts = 0;
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    for (let count = 0; count < settings.workers; count++) this.#addSlot();
    this.#sweepAtLeastEvery(SWEEP_MS_MAX);
  }

  /**
   * Runs one request when a thread is free for it.
   * @throws CodedError `queue-full`, `queue-timeout`, `client-closed`, `request-invalid` or `host-draining`.
   */
  async run(component: CompiledComponent, request: RequestData, options: RunOptions): Promise<PoolRun> {
    const { slot, onEnd } = await this.#turnFor(options);
    const dispatchedMs = performance.now();
    const { limits, level } = options;
    const result = await slot.run(component, { request, limits, level, onEnd });
    if (!this.#settings.isKept(component.key)) slot.unload(component.key);
    return { result, dispatchedMs };
  }

  /** Makes every thread forget a component. */
  unload(key: string): void {
    for (const slot of this.#slots) slot.unload(key);
  }

  /** Ends all threads; what still waits is refused, and what runs is interrupted. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#waiting.refuseWhere(stopping);
    await Promise.all([...this.#slots].map((slot) => slot.terminate()));
  }

  #turnFor({ functionName, level, limits, signal }: RunOptions): Promise<Turn> {
    if (this.#closed) throw stopping();
    if (signal?.aborted) throw clientGone();
    if (level > NESTED_LEVELS_MAX) {
      const message = `expected functions that call each other at most ${NESTED_LEVELS_MAX} levels deep, got a deeper call`;
      throw new CodedError('request-invalid', message);
    }
    letIn({ functionName, level, limits }, this.#waiting as WaitingRequests<unknown>, {
      computing: this.#count((slot) => slot.isComputing),
      vacant: Math.max(0, this.#vacant(level)),
      queueLimit: this.#settings.queueLimit,
    });
    this.#sweepAtLeastEvery(limits.queueTimeoutMs / 4);
    return new Promise((resolve, reject) => {
      const withdraw = () => this.#waiting.refuse(waiting, clientGone());
      const settled = () => signal?.removeEventListener('abort', withdraw);
      const waiting: Waiting<WorkerSlot> = {
        functionName,
        level,
        concurrency: limits.concurrency,
        queueTimeoutMs: limits.queueTimeoutMs,
        enqueuedMs: performance.now(),
        start: (slot) => {
          settled();
          resolve({ slot, onEnd: () => this.#waiting.end(waiting) });
        },
        refuse: (error) => {
          settled();
          reject(error);
        },
      };
      signal?.addEventListener('abort', withdraw, { once: true });
      this.#waiting.add(waiting);
      this.#dispatch();
    });
  }

  #count(is: (slot: WorkerSlot) => boolean): number {
    let count = 0;
    for (const slot of this.#slots) if (is(slot)) count++;
    return count;
  }

  /**
   * How many more requests of a level may run. Each level leaves one thread to each deeper one, so those that wait
   * for a deeper one never hold every thread: however many nest at once, the deepest can run, and end.
   */
  #vacant(level: number): number {
    const { workers } = this.#settings;
    const busyMax = workers + WAITING_WORKERS_MAX - (NESTED_LEVELS_MAX - level);
    const computing = this.#count((slot) => slot.isComputing);
    return Math.min(workers - computing, busyMax - this.#count((slot) => slot.isBusy));
  }

  /** Hands waiting requests to idle threads, and adds threads where all others only wait. */
  #dispatch(): void {
    while (!this.#closed) {
      const waiting = this.#waiting.first((level) => this.#vacant(level) > 0);
      if (!waiting) return;
      const slot = [...this.#slots].find(({ isIdle }) => isIdle);
      if (!slot) {
        this.#grow();
        return;
      }
      this.#waiting.begin(waiting);
      slot.claim();
      waiting.start(slot);
    }
  }

  #grow(): void {
    const { workers } = this.#settings;
    const computing = this.#count((slot) => slot.isComputing);
    const missing = this.#waiting.startableFrom(0, Math.max(0, workers - computing));
    const starting = this.#count((slot) => slot.isStarting);
    const room = workers + WAITING_WORKERS_MAX - this.#slots.size;
    for (let count = Math.min(missing - starting, room); count > 0; count--) this.#addSlot();
  }

  #addSlot(): void {
    try {
      const slot = new WorkerSlot(this.#settings, {
        onChange: () => this.#dispatch(),
        onGone: (gone) => this.#replace(gone),
      });
      this.#slots.add(slot);
    } catch {
      // The system gives no more threads now; the next sweep tries again.
      this.#startFailed();
    }
  }

  #replace(slot: WorkerSlot): void {
    this.#slots.delete(slot);
    if (this.#closed) return;
    if (slot.wasReady) this.#failedStarts = 0;
    else if (this.#startFailed()) return;
    if (this.#slots.size < this.#settings.workers) this.#addSlot();
    this.#dispatch();
  }

  /** @returns whether it failed so often that what waits was refused. */
  #startFailed(): boolean {
    this.#failedStarts++;
    if (this.#failedStarts < FAILED_STARTS_MAX) return false;
    this.#failedStarts = 0;
    const message = `no worker thread can start: ${FAILED_STARTS_MAX} failed in a row`;
    this.#waiting.refuseWhere(() => new CodedError('internal', message));
    return true;
  }

  /** One sweep for all, not a timer for each request: as often as the shortest wait that was seen needs it. */
  #sweepAtLeastEvery(intervalMs: number): void {
    const sweepMs = Math.max(SWEEP_MS_MIN, intervalMs);
    if (sweepMs >= this.#sweepMs) return;
    this.#sweepMs = sweepMs;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#sweep(), sweepMs);
    this.#timer.unref();
  }

  #sweep(): void {
    const nowMs = performance.now();
    this.#waiting.refuseWhere(({ enqueuedMs, queueTimeoutMs }) => {
      if (!waitedTooLong((nowMs - enqueuedMs) * 1_000, queueTimeoutMs * 1_000)) return undefined;
      const message = `expected a free worker within ${queueTimeoutMs} ms, got none`;
      return new CodedError('queue-timeout', message);
    });
    this.#retireSpares(nowMs - SPARE_IDLE_MS);
    this.#dispatch();
  }

  #retireSpares(idleBeforeMs: number): void {
    for (const slot of this.#slots) {
      if (this.#slots.size <= this.#settings.workers) return;
      if (!slot.isIdle || slot.idleSinceMs > idleBeforeMs) continue;
      this.#slots.delete(slot);
      void slot.terminate();
    }
  }
}

const clientGone = (): CodedError =>
  new CodedError('client-closed', 'the client closed the connection before the function started');
