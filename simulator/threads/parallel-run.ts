/**
 * Replays tasks on worker threads. Which thread does what and when has no influence on what comes out: outcomes are kept
 * by the task's place.
 */
import { Worker } from 'node:worker_threads';
import { CodedError } from '../../metering/errors.ts';
import type { Planned, ReplayOutcome } from '../replay.ts';
import type { WorkloadOptions } from '../traces/load.ts';
import { isStream, type Replayable } from '../traces/trace.ts';
import { type Traffic, trafficSize } from '../traces/traffic.ts';
import {
  ARRIVALS,
  CONTROL_WORDS,
  type FromThread,
  STOP,
  type ToThread,
  type TraceMessage,
} from './messages.ts';

/** One replay. */
export interface Task {
  readonly planned: Planned;
  /** From 0; tasks come in its order. */
  readonly replication: number;
  /** What a sweep changes about the trace; tasks of one traffic come one after the other. */
  readonly traffic: Traffic;
  readonly seed: number;
}

/** Where the traces come from. */
export interface Traces {
  /** A replication's trace, its columns in shared memory; the same object where it is the same trace. */
  of(replication: number, traffic: Traffic): Promise<Replayable>;
  /** How a thread makes the stream of a replication by itself. Needed where `of` gives streams that are in no file. */
  optionsOf?(replication: number, traffic: Traffic): WorkloadOptions;
  /** What has to be there for a replication's trace, by names of its own; asked after the first trace was opened. */
  partsOf?(replication: number, traffic: Traffic): readonly string[];
  /** Hears when all replays that need a part are over. */
  release?(part: string): void;
}

export interface Progress {
  readonly arrivals: number;
  readonly arrivalsTotal: number;
  readonly tasks: number;
  readonly tasksTotal: number;
}

interface Thread {
  readonly worker: Worker;
  readonly control: Int32Array;
  /** What it has. */
  trace: Replayable | null;
  /** The place of its current task; below 0 when it has none. */
  task: number;
}

const NONE = -1;

/** The module of a thread: `.ts` in a checkout, `.js` in a package. */
const ENTRY = new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

export class ParallelRun {
  /** By the task's place; null for those that a stop kept from beginning. Rejects with a CodedError when one fails. */
  readonly outcomes: Promise<readonly (ReplayOutcome | null)[]>;
  readonly #tasks: readonly Task[];
  readonly #traces: Traces;
  readonly #outcomes: (ReplayOutcome | null)[];
  readonly #threads: Thread[] = [];
  /** Replays that are not over, by each part of the traces that they need. */
  readonly #left = new Map<string, number>();
  readonly #resolve: (outcomes: readonly (ReplayOutcome | null)[]) => void;
  readonly #reject: (thrown: unknown) => void;
  #next = 0;
  #done = 0;
  #arrivalsDone = 0;
  /** Arrivals to a unit of traffic's size; 0 while no trace is open. */
  #arrivalsPerSize = 0;
  readonly #sizes: number;
  #isStopped = false;
  #isOver = false;

  /** @param threads how many work at most. */
  constructor(tasks: readonly Task[], traces: Traces, threads: number) {
    this.#tasks = tasks;
    this.#traces = traces;
    this.#outcomes = tasks.map(() => null);
    this.#sizes = tasks.reduce((sum, { traffic }) => sum + trafficSize(traffic), 0);
    for (const part of tasks.flatMap((task) => this.#partsOf(task))) {
      this.#left.set(part, (this.#left.get(part) ?? 0) + 1);
    }
    const { promise, resolve, reject } = Promise.withResolvers<readonly (ReplayOutcome | null)[]>();
    this.outcomes = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    for (let thread = 0; thread < Math.min(threads, tasks.length); thread++) this.#start();
    if (tasks.length === 0) this.#end();
  }

  get progress(): Progress {
    let arrivals = this.#arrivalsDone;
    for (const { task, control } of this.#threads) {
      if (task !== NONE) arrivals += Atomics.load(control, ARRIVALS);
    }
    const tasksTotal = this.#tasks.length;
    const arrivalsTotal = Math.max(arrivals, Math.round(this.#arrivalsPerSize * this.#sizes));
    return { arrivals, arrivalsTotal, tasks: this.#done, tasksTotal };
  }

  /** Nothing new begins, and what is under way ends where it is; `outcomes` has it, marked as not complete. */
  stop(): void {
    this.#isStopped = true;
    for (const { control } of this.#threads) Atomics.store(control, STOP, 1);
  }

  #start(): void {
    const control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT));
    const worker = new Worker(ENTRY, { workerData: control });
    const thread: Thread = { worker, control, trace: null, task: NONE };
    this.#threads.push(thread);
    worker.on('message', (message: FromThread) => this.#heard(thread, message));
    worker.on('error', (thrown) => this.#fail(lost(String(thrown))));
    worker.on('exit', (code) => this.#fail(lost(`it ended with code ${code}`)));
    void this.#give(thread);
  }

  /** Hands the next task to a thread that has none. */
  async #give(thread: Thread): Promise<void> {
    const task = this.#isStopped ? undefined : this.#tasks[this.#next];
    if (task === undefined) {
      this.#rest(thread);
      return;
    }
    thread.task = this.#next++;
    Atomics.store(thread.control, ARRIVALS, 0);
    try {
      const { planned, replication, traffic, seed } = task;
      const trace = await this.#traces.of(replication, traffic);
      if (this.#isStopped) this.#rest(thread);
      if (this.#isStopped || this.#isOver) return;
      this.#arrivalsPerSize ||= (isStream(trace) ? trace.expected : trace.count) / trafficSize(traffic);
      if (trace !== thread.trace) this.#post(thread, this.#traceMessage(trace, task));
      thread.trace = trace;
      this.#post(thread, { kind: 'task', planned, seed });
    } catch (thrown) {
      // What keeps a trace from being read after a stop is the stop: what is done so far is the result.
      if (this.#isStopped) this.#rest(thread);
      else this.#fail(thrown);
    }
  }

  /** There is nothing more for a thread to do; with the last one all is over. */
  #rest(thread: Thread): void {
    thread.task = NONE;
    if (this.#threads.every(({ task }) => task === NONE)) this.#end();
  }

  #traceMessage(trace: Replayable, { replication, traffic }: Task): TraceMessage {
    if (!isStream(trace)) return { kind: 'trace', trace };
    if (trace.stored !== null) return { kind: 'stored', surveyed: trace.stored };
    const options = this.#traces.optionsOf?.(replication, traffic);
    if (options === undefined)
      throw new Error('streams cannot be sent to threads, and nobody says how to make them');
    return { kind: 'stream', options };
  }

  #post({ worker }: Thread, message: ToThread): void {
    worker.postMessage(message);
  }

  #heard(thread: Thread, message: FromThread): void {
    if (message.kind === 'failed') {
      const { code, message: text, details } = message.error;
      this.#fail(new CodedError(code, text, details));
      return;
    }
    this.#outcomes[thread.task] = message.outcome;
    this.#arrivalsDone += message.outcome.seen.arrivals;
    this.#done++;
    this.#release(this.#tasks[thread.task] as Task);
    thread.task = NONE;
    void this.#give(thread);
  }

  #partsOf({ replication, traffic }: Task): readonly string[] {
    return this.#traces.partsOf?.(replication, traffic) ?? [];
  }

  #release(task: Task): void {
    for (const part of this.#partsOf(task)) {
      const left = (this.#left.get(part) as number) - 1;
      this.#left.set(part, left);
      if (left === 0) this.#traces.release?.(part);
    }
  }

  #fail(thrown: unknown): void {
    if (this.#isOver) return;
    this.#close();
    this.#reject(thrown);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#close();
    this.#resolve(this.#outcomes);
  }

  #close(): void {
    this.#isOver = true;
    for (const { worker } of this.#threads) void worker.terminate();
  }
}

/** A thread that ends by itself has failed, most likely for want of memory. */
function lost(reason: string): CodedError {
  return new CodedError('internal', `a thread of the simulation was lost: ${reason}`);
}
