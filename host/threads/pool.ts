/**
 * Runs requests on worker threads: bounded queues in front that functions share fairly, a fresh thread behind for each
 * one that had to be cut off. Knows functions by their names and limits only, nothing of records or HTTP.
 */
import { CodedError } from '../../metering/errors.ts';
import { waitedTooLong } from '../../metering/policy.ts';
import type { CompiledComponent } from '../component/module-cache.ts';
import { NESTED_LEVELS_MAX, type NestedCalls } from '../nested-calls.ts';
import { startOutbound } from '../outbound-client.ts';
import type { RunLimits } from '../run-limits.ts';
import type { RequestHead } from '../wasi/execution-port.ts';
import { Execution, type ExecutionOrder } from './execution.ts';
import { LimitWatch, limitMessage, WATCH_MS } from './limit-watch.ts';
import { Placement } from './placement.ts';
import { letIn } from './pool-admission.ts';
import type { RunEvents, RunResult } from './run-events.ts';
import { SharedArea } from './shared-area.ts';
import { SlotStock } from './slot-stock.ts';
import { GuestThread } from './thread.ts';
import { type Waiting, WaitingRequests } from './waiting-requests.ts';

export interface PoolSettings {
  /** Threads that may compute at once. */
  readonly workers: number;
  /** Requests of all functions that may wait. */
  readonly queueLimit: number;
  readonly nestedCalls: NestedCalls;
  /** Whether threads should keep this compiled component for later requests. */
  readonly isKept: (key: string) => boolean;
  /** Whether instances of this lease may still be asked for. */
  readonly isCurrent: (functionName: string, lease: number) => boolean;
}

/** Threads that may fail to start in a row before requests are refused rather than kept waiting. */
const FAILED_STARTS_MAX = 5;

/** Who waits for a run. */
export interface Caller {
  /** How many functions of this host wait for this one: 0 for a request from outside. */
  readonly level: number;
  /** Takes the request out of the queue again; a run that has begun is told that nobody takes its response. */
  readonly signal?: AbortSignal;
}

/** One request to run. */
export interface RunOrder extends Caller {
  readonly functionName: string;
  /** Tells the function as it is deployed and set now from what it was before. */
  readonly lease: number;
  readonly limits: RunLimits;
  readonly request: RequestHead;
  readonly events: RunEvents;
}

const stopping = (): CodedError => new CodedError('host-draining', 'the host is stopping');

const clientGone = (): CodedError =>
  new CodedError('client-closed', 'the client closed the connection before the function started');

export class WorkerPool {
  readonly #settings: PoolSettings;
  readonly #area = new SharedArea();
  readonly #stock = new SlotStock(this.#area);
  readonly #threads = new Set<GuestThread>();
  readonly #waiting = new WaitingRequests<GuestThread>(NESTED_LEVELS_MAX);
  readonly #placement: Placement;
  readonly #watch = new LimitWatch((thread, execution, cpuUs) => this.#giveUp(thread, execution, cpuUs));
  /** Executions under way, by their slot. */
  readonly #running: (Execution | undefined)[] = [];
  readonly #components = new Map<string, number>();
  #lastComponent = 0;
  #timer: NodeJS.Timeout | undefined;
  #failedStarts = 0;
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#placement = new Placement(settings.workers, this.#threads);
    for (let count = 0; count < settings.workers; count++) this.#addThread();
  }

  /**
   * Runs one request when a thread is free for it.
   * @throws CodedError `queue-full`, `queue-timeout`, `client-closed`, `request-invalid` or `host-draining`.
   */
  run(component: CompiledComponent, order: RunOrder): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      this.#admit(order);
      const { functionName, lease, level, limits, signal } = order;
      let withdraw = () => this.#waiting.refuse(waiting, clientGone());
      const onAbort = () => withdraw();
      const settled = () => signal?.removeEventListener('abort', onAbort);
      const waiting: Waiting<GuestThread> = {
        functionName,
        lease,
        level,
        isExclusive: component.plan.linking === 'generated' || component.plan.deadlines !== 'checks',
        concurrency: limits.concurrency,
        queueTimeoutMs: limits.queueTimeoutMs,
        enqueuedMs: performance.now(),
        start: (thread) => {
          const execution = this.#begin(component, order, waiting, thread, (result) => {
            settled();
            const { outcome, error } = result;
            if (outcome === 'rejected' && error) reject(new CodedError(error.code, error.message));
            else resolve(result);
          });
          withdraw = () => execution.cancel();
        },
        refuse: (error) => {
          settled();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiting);
      this.#dispatch();
      this.#keepTime();
    });
  }

  /** Makes every thread forget a component. */
  unload(key: string): void {
    const id = this.#components.get(key);
    if (id === undefined) return;
    this.#components.delete(key);
    for (const thread of this.#threads) thread.unload(id);
  }

  /** Makes every thread let go of the instances that it keeps for a function as it was. */
  retire(lease: number): void {
    for (const thread of this.#threads) thread.retire(lease);
  }

  /** Ends all threads; what still waits is refused, and what runs is interrupted. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#waiting.refuseWhere(stopping);
    await Promise.all([...this.#threads].map((thread) => this.#interrupt(thread, STOPPED)));
  }

  #admit({ functionName, level, limits, signal }: RunOrder): void {
    if (this.#closed) throw stopping();
    if (signal?.aborted) throw clientGone();
    if (level > NESTED_LEVELS_MAX) {
      const message = `expected functions that call each other at most ${NESTED_LEVELS_MAX} levels deep, got a deeper call`;
      throw new CodedError('request-invalid', message);
    }
    letIn({ functionName, level, limits }, this.#waiting as WaitingRequests<unknown>, {
      computing: this.#placement.computing,
      vacant: Math.max(0, this.#vacant(level)),
      queueLimit: this.#settings.queueLimit,
    });
  }

  #begin(
    component: CompiledComponent,
    order: RunOrder,
    waiting: Waiting<GuestThread>,
    thread: GuestThread,
    onDone: (result: RunResult) => void,
  ): Execution {
    const { functionName, lease, request, limits, level, events } = order;
    const slot = this.#stock.take();
    const execution: Execution = new Execution(
      slot,
      {
        functionName,
        lease,
        request,
        limits,
        level,
        events,
        compiled: component,
        component: this.#numberOf(component),
        enqueuedMs: waiting.enqueuedMs,
        hasChecks: component.plan.deadlines === 'checks',
        isExclusive: waiting.isExclusive,
        sendOutbound: this.#outboundOf(order),
      },
      (result) => {
        this.#running[slot.index] = undefined;
        this.#stock.giveBack(slot);
        this.#placement.ended(execution, result.runUs);
        if (!this.#settings.isCurrent(functionName, lease)) this.retire(lease);
        this.#waiting.end(waiting);
        if (!this.#settings.isKept(component.key)) this.unload(component.key);
        onDone(this.#described(execution, result));
      },
    );
    this.#running[slot.index] = execution;
    thread.learn(component, execution.order.component);
    execution.begin();
    thread.push(execution);
    return execution;
  }

  /** Which limit was passed is known here, not in the thread. */
  #described(execution: Execution, result: RunResult): RunResult {
    const { stopped } = execution;
    if (result.outcome !== 'time-limit' || !stopped) return result;
    return { ...result, error: { code: 'guest-time-limit', message: limitMessage(stopped, execution) } };
  }

  #outboundOf({ limits, level }: RunOrder): ExecutionOrder['sendOutbound'] {
    const { nestedCalls } = this.#settings;
    const { timeLimitMs, responseBytesMax, outbound } = limits;
    return (head, events) =>
      startOutbound(
        head,
        {
          access: outbound,
          limits: { responseBytesMax, timeoutMs: timeLimitMs },
          onConnected: (socket) => nestedCalls.begin(socket, level + 1),
        },
        events,
      );
  }

  #numberOf({ key }: CompiledComponent): number {
    const known = this.#components.get(key);
    if (known !== undefined) return known;
    const id = ++this.#lastComponent;
    this.#components.set(key, id);
    return id;
  }

  #vacant(level: number): number {
    return Math.min(this.#placement.vacant(level), this.#stock.count - (NESTED_LEVELS_MAX - level));
  }

  #receiveNews(): void {
    for (let slot = this.#area.nextNews(); slot; slot = this.#area.nextNews()) {
      this.#running[slot.index]?.receive();
    }
    this.#dispatch();
  }

  /** Hands waiting requests to threads, and adds threads where all others only wait. */
  #dispatch(): void {
    while (!this.#closed) {
      const waiting = this.#waiting.first((level) => this.#vacant(level) > 0);
      if (!waiting) break;
      const thread = this.#placement.threadFor(waiting);
      if (!thread) {
        this.#grow(this.#placement.threadsMaxFor(waiting));
        break;
      }
      this.#waiting.begin(waiting);
      waiting.start(thread);
    }
    this.#fillInboxes();
  }

  /** Short runs may wait behind short runs in a thread, so that it need not wait for the next one. */
  #fillInboxes(): void {
    while (!this.#closed) {
      const waiting = this.#waiting.first((level) => this.#stock.count > NESTED_LEVELS_MAX - level);
      const thread = waiting && this.#placement.threadBehind(waiting);
      if (!waiting || !thread) break;
      this.#waiting.begin(waiting);
      waiting.start(thread);
    }
    this.#placement.rebalance();
  }

  #grow(threadsMax: number): void {
    const missing = this.#waiting.startableFrom(0, Math.max(1, this.#placement.vacant(NESTED_LEVELS_MAX)));
    const starting = [...this.#threads].filter(({ isStarting }) => isStarting).length;
    const room = threadsMax - this.#threads.size;
    for (let count = Math.min(missing - starting, room); count > 0; count--) this.#addThread();
  }

  #addThread(): void {
    try {
      const thread = new GuestThread(this.#area, {
        onReady: () => {
          this.#failedStarts = 0;
          this.#dispatch();
        },
        onNews: () => this.#receiveNews(),
        onGone: (gone, reason) => this.#replace(gone, reason),
      });
      this.#threads.add(thread);
    } catch {
      // The system gives no more threads now; the next look tries again.
      this.#startFailed();
    }
  }

  /** A thread has ended by itself. */
  #replace(thread: GuestThread, reason: string): void {
    const wasReady = thread.wasReady;
    void this.#interrupt(thread, reason);
    if (this.#closed) return;
    if (!wasReady && this.#startFailed()) return;
    this.#keepThreads();
    this.#dispatch();
  }

  #keepThreads(): void {
    if (!this.#closed && this.#threads.size < this.#settings.workers) this.#addThread();
  }

  /** A guest that cannot be stopped: its thread has to go. */
  #giveUp(thread: GuestThread, execution: Execution, cpuUs: number | undefined): void {
    const passed = { outcome: 'time-limit', error: { code: 'guest-time-limit', message: '' } } as const;
    void this.#interrupt(thread, 'another function on its thread could not be stopped', () =>
      execution.end(passed, cpuUs),
    );
    this.#keepThreads();
    this.#dispatch();
  }

  /** Ends a thread and what is on it; what it has not begun goes elsewhere. @param first is done before the rest. */
  async #interrupt(thread: GuestThread, reason: string, first?: () => void): Promise<void> {
    this.#threads.delete(thread);
    this.#placement.takeBackAll(thread);
    const letGo = this.#stock.hold([...thread.executions].map(({ slot }) => slot));
    first?.();
    for (const execution of [...thread.executions]) {
      execution.end({ outcome: 'interrupted', error: { code: 'internal', message: reason } });
    }
    await thread.terminate();
    letGo();
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

  /** One timer for all that may take too long, as long as there is anything. */
  #keepTime(): void {
    this.#timer ??= setInterval(() => this.#look(), WATCH_MS).unref();
  }

  #look(): void {
    const nowMs = performance.now();
    for (const thread of this.#threads) {
      this.#watch.look(thread, nowMs);
      for (const execution of thread.executions) execution.look(nowMs);
    }
    this.#waiting.refuseWhere(({ enqueuedMs, queueTimeoutMs }) => {
      const isTooLong = waitedTooLong((nowMs - enqueuedMs) * 1_000, queueTimeoutMs * 1_000);
      return isTooLong ? queueTimeout(queueTimeoutMs) : undefined;
    });
    for (const execution of this.#placement.overdue((one) => isOverdue(one, nowMs))) {
      const { code, message } = queueTimeout(execution.order.limits.queueTimeoutMs);
      execution.end({ outcome: 'rejected', error: { code, message } });
    }
    for (const thread of this.#placement.retired(nowMs)) void this.#interrupt(thread, STOPPED);
    this.#receiveNews();
    if (this.#placement.isAtRest && this.#waiting.countFrom(0) === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

const STOPPED = 'the host stopped before the function had ended';

const queueTimeout = (queueTimeoutMs: number): CodedError =>
  new CodedError('queue-timeout', `expected a free worker within ${queueTimeoutMs} ms, got none`);

const isOverdue = ({ order }: Execution, nowMs: number): boolean =>
  waitedTooLong((nowMs - order.enqueuedMs) * 1_000, order.limits.queueTimeoutMs * 1_000);
