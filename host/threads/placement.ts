/**
 * Which thread an execution goes to. A thread computes for one execution at a time; those that wait leave it to
 * others. Decides from what the threads hold now, and from how long a function's runs have taken.
 */
import { availableParallelism } from 'node:os';
import { NESTED_LEVELS_MAX } from '../nested-calls.ts';
import type { Execution } from './execution.ts';
import { RunTimes, SHORT_RUN_US } from './run-times.ts';
import { SLOT_STATE } from './shared-slot.ts';
import type { GuestThread } from './thread.ts';
import type { Waiting } from './waiting-requests.ts';

/**
 * Threads beyond `workers` that may be added for guests that hold their thread while they wait: one that calls
 * another function of this host must not lock it up.
 */
const HOLDING_THREADS_MAX = 64;

/** Threads beyond `workers` that are added before executions that wait share theirs with others. */
const SPARE_THREADS_MAX = 8;

/** Threads beyond all others that take short runs while those compute for long; processors are shared out by the system. */
const EXPRESS_THREADS = 1;
/** How long a short run waits before such a thread is started, which takes a while itself. */
const EXPRESS_WAIT_MS = 2;

/**
 * How long after a short run came long ones leave a processor free for the next. The system lets what computes go on for
 * some milliseconds before it gives the processor to a thread that wakes, and a short request wakes several.
 */
const COURTESY_MS = 10;

/** How long a thread beyond `workers` stays when it has nothing to do. */
const SPARE_IDLE_MS = 5_000;

/** Short runs that may wait behind others in a thread; no more of them than take the time of one such run together. */
const INBOX_MAX = 8;
/** Tiny runs that wait for one another rather than for a thread that sleeps, the one that runs included. */
const TINY_MAX = 3;

type Request = Waiting<GuestThread>;

export class Placement {
  readonly #workers: number;
  readonly #threads: ReadonlySet<GuestThread>;
  /** Long runs that may begin to compute at once while short ones come in. */
  readonly #longMax: number;
  readonly #times = new RunTimes();
  /** By `performance.now()`: until then long runs do not take the last processor. */
  #courtesyUntilMs = Number.NEGATIVE_INFINITY;
  /** Taken back from threads, and not yet given to another. */
  readonly #homeless = new Set<Execution>();

  /** @param processors of the machine, that threads may have. */
  constructor(
    workers: number,
    threads: ReadonlySet<GuestThread>,
    processors: number = availableParallelism(),
  ) {
    this.#workers = workers;
    this.#longMax = Math.max(1, processors - 1);
    this.#threads = threads;
  }

  /** Threads whose guests compute, or are about to. */
  get computing(): number {
    let count = 0;
    for (const { load } of this.#threads) if (load.running + load.queued > 0) count++;
    return count;
  }

  /** Whether nothing is under way, and no thread is left over. */
  get isAtRest(): boolean {
    if (this.#threads.size > this.#workers || this.#homeless.size > 0) return false;
    for (const { executions } of this.#threads) if (executions.size > 0) return false;
    return true;
  }

  /**
   * How many more requests of a level may run. Each level leaves one thread to each deeper one, so those that wait
   * for a deeper one never hold every thread: however many nest at once, the deepest can run, and end.
   */
  vacant(level: number): number {
    let computing = this.#homeless.size;
    let held = 0;
    for (const { load } of this.#threads) {
      if (load.running + load.queued > 0) computing++;
      if (load.running + load.queued + load.blocked > 0) held++;
    }
    const heldMax = this.#workers + HOLDING_THREADS_MAX - (NESTED_LEVELS_MAX - level);
    return Math.min(this.#workers - computing, heldMax - held);
  }

  /** A request has come. */
  arrived(request: Request, nowMs: number): void {
    if (this.isForShort(request)) this.#keepFree(nowMs);
  }

  /**
   * Whether it may have a thread now: while short runs come in, no function takes the last processor with another long
   * run. Its first one always may, so that nobody waits for what others do.
   */
  mayStart(request: Request, nowMs: number): boolean {
    if (nowMs >= this.#courtesyUntilMs || this.isForShort(request)) return true;
    const isOwn = ({ order }: Execution): boolean => order.functionName === request.functionName;
    let long = this.#homeless.size;
    let hasOwn = [...this.#homeless].some(isOwn);
    for (const { load, executions } of this.#threads) {
      if (load.running + load.queued === 0 || this.#times.areShort(executions)) continue;
      long++;
      hasOwn ||= [...executions].some(isOwn);
    }
    return long < this.#longMax || !hasOwn;
  }

  /** A thread that can take it at once, one that keeps an instance for it before others. */
  threadFor({ functionName, lease, isExclusive }: Request): GuestThread | undefined {
    const isTiny = !isExclusive && this.#times.isTiny(functionName);
    let shared: GuestThread | undefined;
    let free: GuestThread | undefined;
    let awake: GuestThread | undefined;
    for (const thread of this.#threads) {
      if (!thread.isReady) continue;
      const { running, queued, blocked, parked } = thread.load;
      if (running + queued + blocked > 0) {
        const isAtOnce = isTiny && running + queued < TINY_MAX && blocked + parked === 0 && !thread.isStuck;
        if (isAtOnce && this.#times.areShort(thread.executions)) awake ??= thread;
        continue;
      }
      // What has ended on it may still have to be heard of.
      if (parked === 0 && thread.isWarmFor(lease)) return thread;
      if (parked === 0) {
        free ??= thread;
        continue;
      }
      if (isExclusive || holdsExclusive(thread)) continue;
      if (!shared || thread.executions.size < shared.executions.size) shared = thread;
    }
    if (awake || free) return awake ?? free;
    const mayShare =
      this.#times.isShort(functionName) || this.#threads.size >= this.#workers + SPARE_THREADS_MAX;
    return mayShare ? shared : undefined;
  }

  /** How many threads there may be for the sake of a request that found none. */
  threadsMaxFor({ isExclusive }: Request): number {
    return this.#workers + (isExclusive ? HOLDING_THREADS_MAX : SPARE_THREADS_MAX);
  }

  /** Whether it may wait in a thread for other short runs, or go to a thread that is there for such. */
  isForShort({ functionName, isExclusive }: Request): boolean {
    return !isExclusive && this.#times.isShort(functionName);
  }

  /** A thread where a short run may wait behind other short ones. */
  threadBehind(request: Request): GuestThread | undefined {
    if (!this.isForShort(request)) return undefined;
    let best: GuestThread | undefined;
    let soonestUs = SHORT_RUN_US;
    for (const thread of this.#threads) {
      if (!thread.isReady || thread.isStuck || thread.executions.size > 2 * INBOX_MAX) continue;
      const { queued, running, parked, blocked } = thread.load;
      if (
        queued + running === 0 ||
        queued >= INBOX_MAX ||
        parked + blocked > 0 ||
        !this.#times.areShort(thread.executions)
      )
        continue;
      const waitUs = this.#times.sumUs(thread.executions);
      if (waitUs >= soonestUs) continue;
      best = thread;
      soonestUs = waitUs;
    }
    return best;
  }

  /** A thread for a short run that found none, where no more of them compute than there may. */
  expressThread(request: Request): GuestThread | undefined {
    if (!this.isForShort(request) || !this.#mayExpress) return undefined;
    for (const thread of this.#threads) if (thread.isReady && thread.executions.size === 0) return thread;
    return undefined;
  }

  /** How many threads there may be so that a short run which has waited for long finds one; 0 while it may wait on. */
  expressThreadsMax({ enqueuedMs }: Request, nowMs: number): number {
    if (nowMs - enqueuedMs < EXPRESS_WAIT_MS || !this.#mayExpress) return 0;
    return this.#workers + SPARE_THREADS_MAX + EXPRESS_THREADS;
  }

  /** How long the function's runs take; Infinity where none has ended. */
  meanRunUs(functionName: string): number {
    return this.#times.meanUs(functionName);
  }

  /** A function has run outside of all threads. */
  ranElsewhere(functionName: string, runUs: number, nowMs: number): void {
    this.#times.add(functionName, runUs);
    this.#keepFree(nowMs);
  }

  /** An execution has ended. @param runUs how long it ran; undefined when it never began. */
  ended(execution: Execution, runUs: number | undefined): void {
    const { thread } = execution;
    this.#homeless.delete(execution);
    thread?.remove(execution);
    if (thread) thread.isStuck = false;
    if (runUs !== undefined) this.#times.add(execution.order.functionName, runUs);
  }

  /** Takes back what a thread has not begun, for `rebalance` to give to others. */
  takeBackAll(thread: GuestThread): void {
    for (const execution of [...thread.executions]) this.#takeBack(execution);
  }

  /** Takes one back that is not to run any more. @returns false when a thread has begun with it. */
  withdraw(execution: Execution): boolean {
    if (this.#homeless.has(execution)) return true;
    const { thread } = execution;
    if (!this.#takeBack(execution)) return false;
    // Its entry stays in the inbox: clients that come and go must not fill one that nobody empties.
    if (thread) thread.isStuck = true;
    return true;
  }

  /** Moves what waits behind a run to threads that have nothing to do but wait. */
  rebalance(): void {
    for (const thread of this.#threads) {
      if (!thread.isReady || !isWaiting(thread)) continue;
      const execution = this.#homelessFor(thread) ?? this.#queuedElsewhere();
      if (!execution) continue;
      this.#homeless.delete(execution);
      thread.learn(execution.order.compiled, execution.order.component);
      thread.push(execution);
    }
  }

  /** Takes back what nobody has begun for too long. @returns those executions. */
  overdue(isOverdue: (execution: Execution) => boolean): Execution[] {
    const found = [...this.#homeless].filter(isOverdue);
    for (const { executions } of this.#threads) {
      for (const execution of [...executions]) {
        if (execution.startedMs === 0 && isOverdue(execution) && this.#takeBack(execution))
          found.push(execution);
      }
    }
    return found;
  }

  /** Threads that are no longer needed. */
  retired(nowMs: number): GuestThread[] {
    const idle = [...this.#threads].filter(
      ({ isReady, executions, idleSinceMs }) =>
        isReady && executions.size === 0 && idleSinceMs < nowMs - SPARE_IDLE_MS,
    );
    return idle.slice(0, Math.max(0, this.#threads.size - this.#workers));
  }

  /** Whether short runs would have to wait for long ones, and only for those: soon there is room behind other short ones. */
  get #mayExpress(): boolean {
    let computing = 0;
    for (const { load, executions } of this.#threads) {
      if (load.running + load.queued === 0) continue;
      computing++;
      if (this.#times.areShort(executions)) return false;
    }
    return computing >= this.#workers && computing < this.#workers + EXPRESS_THREADS;
  }

  #keepFree(nowMs: number): void {
    this.#courtesyUntilMs = nowMs + COURTESY_MS;
  }

  #homelessFor({ executions }: GuestThread): Execution | undefined {
    for (const execution of this.#homeless)
      if (executions.size === 0 || !execution.order.isExclusive) return execution;
    return undefined;
  }

  /** Something that another thread would begin only after a run. */
  #queuedElsewhere(): Execution | undefined {
    const nowMs = performance.now();
    for (const thread of this.#threads) {
      if (thread.executions.size < 2 || thread.load.running + thread.load.blocked === 0) continue;
      if (this.#times.areShort(thread.executions) && hasJustBegun(thread, nowMs)) continue;
      for (const execution of thread.executions) {
        if (execution.startedMs !== 0 || !this.#takeBack(execution)) continue;
        thread.isStuck = true;
        return execution;
      }
    }
    return undefined;
  }

  #takeBack(execution: Execution): boolean {
    if (!execution.slot.recall()) return false;
    execution.thread?.remove(execution);
    execution.thread = undefined;
    this.#homeless.add(execution);
    return true;
  }
}

/** Whether all that is on it waits, and may share it with others. */
function isWaiting({ executions }: GuestThread): boolean {
  for (const { slot, order } of executions)
    if (slot.state !== SLOT_STATE.parked || order.isExclusive) return false;
  return true;
}

/** Whether what runs there would still be short if it ended now. */
function hasJustBegun({ executions }: GuestThread, nowMs: number): boolean {
  for (const { slot, startedMs } of executions)
    if (slot.state === SLOT_STATE.running && nowMs - startedMs < SHORT_RUN_US / 1_000) return true;
  return false;
}

function holdsExclusive({ executions }: GuestThread): boolean {
  for (const { order } of executions) if (order.isExclusive) return true;
  return false;
}
