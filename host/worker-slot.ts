/** One worker thread as the pool sees it: what it runs, what it has loaded, and how it is cut off. */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { CompiledComponent } from './component/module-cache.ts';
import type { NestedCalls } from './nested-calls.ts';
import { type OutboundLimits, sendOutbound } from './outbound-client.ts';
import type { OutboundPolicy } from './outbound-policy.ts';
import { siblingModule } from './sibling-module.ts';
import type { RequestData } from './wasi/http-incoming.ts';
import type { OutboundAnswer, OutboundRequest } from './wasi/http-outgoing.ts';
import {
  type AnswerMessage,
  CPU_STARTED_INDEX,
  type FromWorker,
  NEWS_INDEX,
  type RunResult,
  SHARED_BYTES,
  type ToWorker,
  type WorkerStart,
} from './worker-messages.ts';

export interface SlotSettings {
  readonly timeLimitMs: number;
  readonly memoryBytesMax: number;
  readonly responseBytesMax: number;
  readonly outboundPolicy: OutboundPolicy;
  readonly outboundLimits: OutboundLimits;
  readonly nestedCalls: NestedCalls;
}

/** Outbound requests that one execution may have under way at once. */
const OUTBOUND_PENDING_MAX = 64;

interface Running {
  readonly level: number;
  readonly startedMs: number;
  readonly timer: NodeJS.Timeout;
  /** Ends what it has asked of others; made when it first asks. */
  abort: AbortController | undefined;
  readonly finish: (result: RunResult) => void;
  outboundPending: number;
}

const cutOff = (outcome: 'time-limit' | 'interrupted', message: string) => ({
  outcome,
  error: { code: outcome === 'time-limit' ? ('guest-time-limit' as const) : ('internal' as const), message },
  startupUs: 0,
  log: '',
});

/** Calls back when it became idle or began to wait, and when it is gone and has to be replaced. */
export interface SlotEvents {
  readonly onChange: () => void;
  readonly onGone: (slot: WorkerSlot) => void;
}

export class WorkerSlot {
  readonly #settings: SlotSettings;
  readonly #events: SlotEvents;
  readonly #worker: Worker;
  readonly #shared = new SharedArrayBuffer(SHARED_BYTES);
  readonly #answers: MessagePort;
  readonly #loaded = new Set<string>();
  #state: 'starting' | 'idle' | 'busy' | 'gone' = 'starting';
  #wasReady = false;
  #idleSinceMs = 0;
  #running: Running | undefined;

  constructor(settings: SlotSettings, events: SlotEvents) {
    this.#settings = settings;
    this.#events = events;
    const { port1, port2 } = new MessageChannel();
    this.#answers = port1;
    const workerData: WorkerStart = {
      answers: port2,
      shared: this.#shared,
      responseBytesMax: settings.responseBytesMax,
    };
    this.#worker = new Worker(siblingModule(import.meta.url, 'worker'), {
      workerData,
      transferList: [port2],
    });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#ended(`the worker failed: ${String(error)}`));
    this.#worker.on('exit', () => this.#ended('the worker ended'));
  }

  /** False for a thread that ended before it could take its first request. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  get isStarting(): boolean {
    return this.#state === 'starting';
  }

  get isBusy(): boolean {
    return this.#state === 'busy';
  }

  /** By `performance.now()`; meaningful while it is idle. */
  get idleSinceMs(): number {
    return this.#idleSinceMs;
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** Whether its guest waits for outbound requests, as far as can be seen, and so leaves the processor to others. */
  get isBlocked(): boolean {
    return this.#state === 'busy' && (this.#running?.outboundPending ?? 0) > 0;
  }

  get isComputing(): boolean {
    return this.#state === 'busy' && !this.isBlocked;
  }

  /** Takes an idle slot, so that nobody else does before it runs. */
  claim(): void {
    this.#state = 'busy';
  }

  /** Runs one request on a claimed slot; the promise always resolves. */
  run(component: CompiledComponent, request: RequestData, level: number): Promise<RunResult> {
    const version = component.plan.version;
    if (!this.#loaded.has(version)) {
      this.#loaded.add(version);
      this.#post({ type: 'load', component });
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => void this.#cutOffAtTimeLimit(), this.#settings.timeLimitMs);
      const startedMs = performance.now();
      this.#running = { level, startedMs, timer, abort: undefined, finish: resolve, outboundPending: 0 };
      this.#post({ type: 'run', version, request });
    });
  }

  /** Lets a component go; the thread's own collector frees it. */
  unload(version: string): void {
    if (this.#loaded.delete(version)) this.#post({ type: 'unload', version });
  }

  /** Ends the thread, and with it what it runs. */
  async terminate(): Promise<void> {
    this.#state = 'gone';
    this.#interrupt('the host stopped before the function had ended');
    this.#answers.close();
    await this.#worker.terminate();
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#wasReady = true;
        this.#becomeIdle();
        return;
      case 'done':
        this.#settle(message.result);
        this.#becomeIdle();
        return;
      case 'outbound':
        void this.#outbound(message);
        return;
      default:
        message satisfies never;
    }
  }

  #becomeIdle(): void {
    if (this.#state === 'gone') return;
    this.#state = 'idle';
    this.#idleSinceMs = performance.now();
    this.#events.onChange();
  }

  #settle(result: RunResult): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    clearTimeout(running.timer);
    running.abort?.abort();
    running.finish(result);
  }

  async #outbound({ id, request }: Extract<FromWorker, { type: 'outbound' }>): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.outboundPending++;
    this.#events.onChange();
    const answer = await this.#send(request, running);
    running.outboundPending--;
    if (this.#running !== running) return;
    this.#answers.postMessage({ id, answer } satisfies AnswerMessage);
    const news = new Int32Array(this.#shared);
    Atomics.add(news, NEWS_INDEX, 1);
    Atomics.notify(news, NEWS_INDEX);
  }

  async #send(request: OutboundRequest, running: Running): Promise<OutboundAnswer> {
    if (running.outboundPending > OUTBOUND_PENDING_MAX) {
      return { tag: 'err', error: { tag: 'connection-limit-reached' } };
    }
    const { outboundPolicy: policy, outboundLimits: limits, nestedCalls } = this.#settings;
    running.abort ??= new AbortController();
    return sendOutbound(request, {
      policy,
      limits,
      signal: running.abort.signal,
      onConnected: (socket) => nestedCalls.begin(socket, running.level + 1),
    });
  }

  /** Ends the thread: the only way to stop a guest that does not return. */
  async #cutOffAtTimeLimit(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const runUs = Math.ceil((performance.now() - running.startedMs) * 1_000);
    const cpuUs = await this.#cpuUsSinceStart(runUs);
    if (this.#running !== running) return;
    const { timeLimitMs, memoryBytesMax } = this.#settings;
    const message = `the guest ran longer than its time limit of ${timeLimitMs} ms`;
    // What its memory had grown to is lost with the thread; the limit is what it cannot have passed.
    this.#settle({ ...cutOff('time-limit', message), runUs, cpuUs, memoryBytesPeak: memoryBytesMax });
    const ended = this.terminate();
    this.#events.onGone(this);
    await ended;
  }

  async #cpuUsSinceStart(runUs: number): Promise<number> {
    try {
      const { user, system } = await this.#worker.cpuUsage();
      const startedUs = new Float64Array(this.#shared)[CPU_STARTED_INDEX] ?? 0;
      return Math.min(Math.max(0, Math.ceil(user + system - startedUs)), runUs);
    } catch {
      return runUs;
    }
  }

  #ended(reason: string): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#interrupt(reason);
    this.#events.onGone(this);
  }

  #interrupt(reason: string): void {
    const running = this.#running;
    if (!running) return;
    const runUs = Math.ceil((performance.now() - running.startedMs) * 1_000);
    const memoryBytesPeak = this.#settings.memoryBytesMax;
    this.#settle({ ...cutOff('interrupted', reason), runUs, cpuUs: runUs, memoryBytesPeak });
  }
}

type MessagePort = MessageChannel['port1'];
