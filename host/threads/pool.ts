/**
 * Runs requests on worker threads: bounded queues in front that functions share fairly, a fresh thread behind for each
 * one that had to be cut off. Knows functions by their names and limits only, nothing of records or HTTP.
 */
import { CodedError } from '../../metering/errors.ts';
import { waitedTooLong } from '../../metering/policy.ts';
import type { CompiledComponent } from '../component/module-cache.ts';
import { InlineRuns } from '../inline/inline-runs.ts';
import { NESTED_LEVELS_MAX, type NestedCalls } from '../nested-calls.ts';
import type { Execution } from './execution.ts';
import { Executions, type Place } from './executions.ts';
import { LimitWatch, WATCH_MS } from './limit-watch.ts';
import { Placement } from './placement.ts';
import { letIn } from './pool-admission.ts';
import { type RunResult, UNHEARD } from './run-events.ts';
import type { RunOrder } from './run-order.ts';
import { SharedArea } from './shared-area.ts';
import { SlotStock } from './slot-stock.ts';
import type { GuestThread } from './thread.ts';
import { ThreadCrew } from './thread-crew.ts';
import { ThreadRehearsal } from './thread-rehearsal.ts';
import { type Waiting, WaitingRequests } from './waiting-requests.ts';

export interface PoolSettings {
  /** Threads that may compute at once. */
  readonly workers: number;
  /** Requests of all functions that may wait. */
  readonly queueLimit: number;
  /** Functions whose runs take less may run on the serving thread. */
  readonly inlineUs: number;
  readonly nestedCalls: NestedCalls;
  /** Whether threads should keep this compiled component for later requests. */
  readonly isKept: (key: string) => boolean;
  /** Whether instances of this lease may still be asked for. */
  readonly isCurrent: (functionName: string, lease: number) => boolean;
}

/** How the end of a request that waits for a thread is told. */
interface Queued {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: CodedError) => void;
  /** Told when a thread has it. */
  readonly onThread?: (thread: GuestThread) => void;
}

const stopping = (): CodedError => new CodedError('host-draining', 'the host is stopping');

const clientGone = (): CodedError =>
  new CodedError('client-closed', 'the client closed the connection before the function started');

export class WorkerPool {
  readonly #settings: PoolSettings;
  readonly #area = new SharedArea();
  readonly #stock = new SlotStock(this.#area);
  readonly #crew: ThreadCrew;
  readonly #waiting = new WaitingRequests<GuestThread>(NESTED_LEVELS_MAX);
  readonly #placement: Placement;
  readonly #watch = new LimitWatch((thread, execution, cpuUs) => this.#giveUp(thread, execution, cpuUs));
  readonly #executions: Executions;
  readonly #inline = new InlineRuns();
  #rehearsal: ThreadRehearsal<GuestThread> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#executions = new Executions(this.#stock, settings.nestedCalls);
    this.#crew = new ThreadCrew(settings.workers, this.#area, this.#stock, {
      onReady: (thread) => this.#takeUp(thread),
      onReplaced: () => this.#dispatch(),
      onNews: () => this.#receiveNews(),
      onHopeless: (error) => this.#waiting.refuseWhere(() => error),
      onEnding: (thread) => {
        this.#rehearsal?.leave(thread);
        this.#placement.takeBackAll(thread);
      },
    });
    this.#placement = new Placement(settings.workers, this.#crew.threads);
    this.#crew.open();
  }

  /**
   * Runs one request when a thread is free for it.
   * @throws CodedError `queue-full`, `queue-timeout`, `client-closed`, `request-invalid` or `host-draining`.
   */
  run(component: CompiledComponent, order: RunOrder): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      this.#check(order);
      const inline = this.#runInline(component, order);
      if (inline) resolve(inline);
      else this.#queue(component, order, { resolve, reject });
    });
  }

  /**
   * Runs one request once on each thread that there is now, before that takes any other; one that somebody waits for is
   * left alone. Until it is over a thread counts as one that is still starting, so that all others are let in, wait and
   * run as if there were no rehearsal.
   * @returns how it ended on the first thread, of which alone the order's events tell, when all have ended.
   * @throws CodedError `host-draining` when no thread had time for it.
   */
  async rehearse(component: CompiledComponent, order: RunOrder): Promise<RunResult> {
    if (this.#closed) throw stopping();
    const rehearsal = new ThreadRehearsal(this.#crew.threads, order.events, (thread, events, onEnd) => {
      const place = { ...order, isExclusive: false, enqueuedMs: performance.now() };
      thread.isRehearsing = true;
      this.#begin(component, { ...order, events }, place, thread, (result) => {
        thread.isRehearsing = false;
        onEnd(result);
        this.#takeUp(thread);
      });
    });
    this.#rehearsal = rehearsal;
    const cancel = () => rehearsal.leaveAll();
    order.signal?.addEventListener('abort', cancel, { once: true });
    for (const thread of this.#crew.threads) if (thread.isReady) this.#takeUp(thread);
    this.#keepTime();
    try {
      const result = await rehearsal.ended;
      if (this.#settings.inlineUs > 0) this.#inline.rehearse(component, order);
      await this.#rehearseQueue(component, order);
      return result;
    } finally {
      this.#rehearsal = undefined;
      order.signal?.removeEventListener('abort', cancel);
    }
  }

  /** Makes every thread forget a component. */
  unload(key: string): void {
    this.#inline.unload(key);
    const id = this.#executions.forget(key);
    if (id === undefined) return;
    for (const thread of this.#crew.threads) thread.unload(id);
  }

  /** Makes every thread let go of the instances that it keeps for a function as it was. */
  retire(lease: number): void {
    for (const thread of this.#crew.threads) thread.retire(lease);
  }

  /** Ends all threads; what still waits is refused, and what runs is interrupted. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#waiting.refuseWhere(stopping);
    const closed = this.#crew.close(STOPPED);
    // What was taken back from the threads has nowhere to go any more.
    for (const execution of this.#placement.overdue(() => true)) {
      const { code, message } = stopping();
      execution.end({ outcome: 'rejected', error: { code, message } });
    }
    await this.#inline.close();
    await closed;
  }

  /** Goes the way that all requests go to a thread, where there is a free one; others are let in as before. */
  async #rehearseQueue(component: CompiledComponent, order: RunOrder): Promise<void> {
    const gone = new AbortController();
    let taken: GuestThread | undefined;
    const onThread = (thread: GuestThread) => {
      taken = thread;
      thread.isRehearsing = true;
    };
    const unheard = { ...order, events: UNHEARD, signal: gone.signal };
    const ended = new Promise<RunResult>((resolve, reject) =>
      this.#queue(component, unheard, { resolve, reject, onThread }),
    );
    if (!taken) gone.abort();
    await ended.catch(() => undefined);
    if (!taken) return;
    taken.isRehearsing = false;
    this.#takeUp(taken);
  }

  /** Lets a request wait for a thread, which it may get at once. @throws CodedError `queue-full` */
  #queue(component: CompiledComponent, order: RunOrder, { resolve, reject, onThread }: Queued): void {
    this.#letIn(order);
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
        withdraw = () => this.#withdraw(execution);
        onThread?.(thread);
      },
      refuse: (error) => {
        settled();
        reject(error);
      },
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(waiting);
    this.#placement.arrived(waiting, waiting.enqueuedMs);
    this.#dispatch();
    this.#keepTime();
  }

  #check({ level, signal }: RunOrder): void {
    if (this.#closed) throw stopping();
    if (signal?.aborted) throw clientGone();
    if (level > NESTED_LEVELS_MAX) {
      const message = `expected functions that call each other at most ${NESTED_LEVELS_MAX} levels deep, got a deeper call`;
      throw new CodedError('request-invalid', message);
    }
  }

  /** Short runs need no thread: on this one they are over before another is awake. */
  #runInline(component: CompiledComponent, order: RunOrder): RunResult | undefined {
    const { functionName, level, limits } = order;
    if (this.#placement.meanRunUs(functionName) >= this.#settings.inlineUs) return undefined;
    const { queued, running } = this.#waiting.stateOf(level, functionName);
    if (queued > 0 || running >= limits.concurrency) return undefined;
    const result = this.#inline.run(component, order);
    if (!result) return undefined;
    this.#placement.ranElsewhere(functionName, result.startupUs + result.runUs, performance.now());
    if (!this.#settings.isKept(component.key)) this.unload(component.key);
    return result;
  }

  #letIn({ functionName, level, limits }: RunOrder): void {
    letIn({ functionName, level, limits }, this.#waiting as WaitingRequests<unknown>, {
      computing: this.#placement.computing,
      vacant: Math.max(0, this.#vacant(level)),
      queueLimit: this.#settings.queueLimit,
    });
  }

  #begin(
    component: CompiledComponent,
    order: RunOrder,
    place: Place & Pick<Waiting<GuestThread>, 'functionName' | 'level'>,
    thread: GuestThread,
    onDone: (result: RunResult) => void,
  ): Execution {
    const { functionName, lease } = order;
    return this.#executions.begin(component, order, place, thread, (execution, result) => {
      const usedUs = result.outcome === 'rejected' ? undefined : result.startupUs + result.runUs;
      this.#placement.ended(execution, usedUs);
      if (!this.#settings.isCurrent(functionName, lease)) this.retire(lease);
      this.#waiting.end(place);
      if (!this.#settings.isKept(component.key)) this.unload(component.key);
      onDone(result);
    });
  }

  /** Nobody waits for it any more: what no thread has begun never runs, and what runs is told. */
  #withdraw(execution: Execution): void {
    if (!this.#placement.withdraw(execution)) {
      execution.cancel();
      return;
    }
    const { code, message } = clientGone();
    execution.end({ outcome: 'rejected', error: { code, message } });
    this.#dispatch();
  }

  #vacant(level: number): number {
    return Math.min(this.#placement.vacant(level), this.#stock.count - (NESTED_LEVELS_MAX - level));
  }

  #receiveNews(): void {
    for (let slot = this.#area.nextNews(); slot; slot = this.#area.nextNews()) {
      this.#executions.receive(slot);
    }
    this.#dispatch();
  }

  /** A thread takes executions from now on, or does so again. */
  #takeUp(thread: GuestThread): void {
    const isFree = thread.executions.size === 0 && this.#waiting.countFrom(0) === 0;
    if (isFree && this.#crew.threads.has(thread) && this.#rehearsal?.take(thread)) return;
    this.#rehearsal?.leave(thread);
    this.#dispatch();
  }

  /** Hands waiting requests to threads, and adds threads where all others only wait. */
  #dispatch(): void {
    while (!this.#closed) {
      const nowMs = performance.now();
      const waiting = this.#waiting.firstOf(
        (level) => this.#vacant(level) > 0,
        (one) => this.#placement.mayStart(one, nowMs),
      );
      if (!waiting) break;
      const thread = this.#placement.threadFor(waiting);
      if (!thread) {
        const missing = this.#waiting.startableFrom(
          0,
          Math.max(1, this.#placement.vacant(NESTED_LEVELS_MAX)),
        );
        this.#crew.grow(missing, this.#placement.threadsMaxFor(waiting));
        break;
      }
      this.#waiting.begin(waiting);
      waiting.start(thread);
    }
    this.#fillInboxes();
  }

  /**
   * Short runs may wait behind short runs in a thread, so that it need not wait for the next one, and need not wait for
   * long ones where all threads are at those.
   */
  #fillInboxes(): void {
    const placement = this.#placement;
    while (!this.#closed) {
      const waiting = this.#waiting.firstOf(
        (level) => this.#stock.count > NESTED_LEVELS_MAX - level,
        (one) => placement.isForShort(one),
      );
      if (!waiting) break;
      const thread = placement.threadBehind(waiting) ?? placement.expressThread(waiting);
      if (!thread) {
        this.#crew.grow(1, placement.expressThreadsMax(waiting, performance.now()));
        break;
      }
      this.#waiting.begin(waiting);
      waiting.start(thread);
    }
    placement.rebalance();
  }

  /** A guest that cannot be stopped: its thread has to go. */
  #giveUp(thread: GuestThread, execution: Execution, cpuUs: number | undefined): void {
    const passed = { outcome: 'time-limit', error: { code: 'guest-time-limit', message: '' } } as const;
    void this.#crew.interrupt(thread, 'another function on its thread could not be stopped', () =>
      execution.end(passed, cpuUs),
    );
    this.#crew.keep();
    this.#dispatch();
  }

  /** One timer for all that may take too long, as long as there is anything. */
  #keepTime(): void {
    this.#timer ??= setInterval(() => this.#look(), WATCH_MS).unref();
  }

  #look(): void {
    const nowMs = performance.now();
    for (const thread of this.#crew.threads) {
      this.#watch.look(thread, nowMs);
      for (const execution of [...thread.executions]) execution.look(nowMs);
    }
    this.#waiting.refuseWhere(({ enqueuedMs, queueTimeoutMs }) => {
      const isTooLong = waitedTooLong((nowMs - enqueuedMs) * 1_000, queueTimeoutMs * 1_000);
      return isTooLong ? queueTimeout(queueTimeoutMs) : undefined;
    });
    for (const execution of this.#placement.overdue((one) => isOverdue(one, nowMs))) {
      const { code, message } = queueTimeout(execution.order.limits.queueTimeoutMs);
      execution.end({ outcome: 'rejected', error: { code, message } });
    }
    for (const thread of this.#placement.retired(nowMs)) void this.#crew.interrupt(thread, STOPPED);
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
