/**
 * Runs requests on worker threads: a bounded first-come queue in front, a fresh thread behind for each one that
 * had to be cut off. Knows nothing of functions, records or HTTP.
 */
import { CodedError } from '../metering/errors.ts';
import { admit, waitedTooLong } from '../metering/policy.ts';
import type { CompiledComponent } from './component/module-cache.ts';
import type { RequestData } from './wasi/http-incoming.ts';
import type { RunResult } from './worker-messages.ts';
import { type SlotSettings, WorkerSlot } from './worker-slot.ts';

export interface PoolSettings extends SlotSettings {
  /** Threads that may compute at once. */
  readonly workers: number;
  readonly queueLimit: number;
  readonly queueTimeoutMs: number;
}

/**
 * Threads beyond `workers` that may be added while others wait for outbound requests: a guest that calls
 * another function of this host must not lock it up.
 */
const WAITING_WORKERS_MAX = 64;

/** Threads that may fail to start in a row before requests are refused rather than kept waiting. */
const FAILED_STARTS_MAX = 5;

interface Waiting {
  readonly start: (slot: WorkerSlot) => void;
  readonly refuse: (error: CodedError) => void;
  readonly enqueuedMs: number;
}

/** A finished run and when it left the queue, by `performance.now()`. */
export interface PoolRun {
  readonly result: RunResult;
  readonly dispatchedMs: number;
}

export class WorkerPool {
  readonly #settings: PoolSettings;
  readonly #slots = new Set<WorkerSlot>();
  readonly #queue: Waiting[] = [];
  readonly #timer: NodeJS.Timeout;
  #failedStarts = 0;
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    for (let count = 0; count < settings.workers; count++) this.#addSlot();
    // One sweep for all, not a timer for each request.
    this.#timer = setInterval(
      () => this.#expire(),
      Math.max(10, Math.min(1_000, settings.queueTimeoutMs / 4)),
    );
    this.#timer.unref();
  }

  get queued(): number {
    return this.#queue.length;
  }

  /**
   * Runs one request when a thread is free for it.
   * @param signal takes the request out of the queue again; a run that has begun goes on.
   * @throws CodedError `queue-full`, `queue-timeout`, `client-closed` or `host-draining`.
   */
  async run(component: CompiledComponent, request: RequestData, signal?: AbortSignal): Promise<PoolRun> {
    const slot = await this.#slotFor(signal);
    const dispatchedMs = performance.now();
    return { result: await slot.run(component, request), dispatchedMs };
  }

  /** Makes every thread forget a component. */
  unload(version: string): void {
    for (const slot of this.#slots) slot.unload(version);
  }

  /** Ends all threads; what still waits is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const waiting of this.#queue.splice(0))
      waiting.refuse(new CodedError('host-draining', 'the host is stopping'));
    await Promise.all([...this.#slots].map((slot) => slot.terminate()));
  }

  #slotFor(signal: AbortSignal | undefined): Promise<WorkerSlot> {
    if (this.#closed) throw new CodedError('host-draining', 'the host is stopping');
    const { queueLimit, workers } = this.#settings;
    const idle = this.#idleSlot();
    const running = idle ? this.#computing() : workers;
    const decision = admit({ running, concurrencyLimit: workers, queued: this.#queue.length, queueLimit });
    if (decision === 'start' && idle) {
      idle.claim();
      return Promise.resolve(idle);
    }
    if (decision === 'reject') {
      throw new CodedError(
        'queue-full',
        `expected fewer than ${queueLimit} waiting requests, got ${this.#queue.length}`,
      );
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { start: resolve, refuse: reject, enqueuedMs: performance.now() };
      this.#queue.push(waiting);
      signal?.addEventListener('abort', () => this.#withdraw(waiting), { once: true });
      this.#dispatch();
    });
  }

  #idleSlot(): WorkerSlot | undefined {
    for (const slot of this.#slots) if (slot.isIdle) return slot;
    return undefined;
  }

  #computing(): number {
    let count = 0;
    for (const slot of this.#slots) if (slot.isComputing) count++;
    return count;
  }

  /** Hands waiting requests to idle threads, and adds a thread where all others only wait. */
  #dispatch(): void {
    if (this.#closed) return;
    while (this.#queue.length > 0 && this.#computing() < this.#settings.workers) {
      const slot = this.#idleSlot();
      if (!slot) {
        this.#growIfBlocked();
        return;
      }
      const waiting = this.#queue.shift() as Waiting;
      slot.claim();
      waiting.start(slot);
    }
  }

  #growIfBlocked(): void {
    const { workers } = this.#settings;
    const available = [...this.#slots].filter((slot) => !slot.isBlocked).length;
    if (available < workers && this.#slots.size < workers + WAITING_WORKERS_MAX) this.#addSlot();
  }

  #addSlot(): void {
    const slot = new WorkerSlot(this.#settings, {
      onChange: () => this.#dispatch(),
      onIdle: (idle) => this.#idle(idle),
      onGone: (gone) => this.#replace(gone),
    });
    this.#slots.add(slot);
  }

  #idle(slot: WorkerSlot): void {
    this.#dispatch();
    const isSpare = this.#slots.size > this.#settings.workers && slot.isIdle;
    if (!isSpare) return;
    this.#slots.delete(slot);
    void slot.terminate();
  }

  #replace(slot: WorkerSlot): void {
    this.#slots.delete(slot);
    if (this.#closed) return;
    this.#failedStarts = slot.wasReady ? 0 : this.#failedStarts + 1;
    if (this.#failedStarts >= FAILED_STARTS_MAX) {
      const error = new CodedError(
        'internal',
        `no worker thread can start: ${FAILED_STARTS_MAX} failed in a row`,
      );
      for (const waiting of this.#queue.splice(0)) waiting.refuse(error);
      return;
    }
    if (this.#slots.size < this.#settings.workers) this.#addSlot();
    this.#dispatch();
  }

  #withdraw(waiting: Waiting): void {
    const index = this.#queue.indexOf(waiting);
    if (index < 0) return;
    this.#queue.splice(index, 1);
    waiting.refuse(
      new CodedError('client-closed', 'the client closed the connection before the function started'),
    );
  }

  #expire(): void {
    const nowMs = performance.now();
    const { queueTimeoutMs } = this.#settings;
    while (
      this.#queue[0] &&
      waitedTooLong((nowMs - this.#queue[0].enqueuedMs) * 1_000, queueTimeoutMs * 1_000)
    ) {
      const message = `expected a free worker within ${queueTimeoutMs} ms, got none`;
      this.#queue.shift()?.refuse(new CodedError('queue-timeout', message));
    }
  }
}
