/** One worker thread as the pool sees it: what it runs, what it has loaded, and how it is cut off. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { LimitCells, type StopReason } from './component/limit-cells.ts';
import type { CompiledComponent } from './component/module-cache.ts';
import type { NestedCalls } from './nested-calls.ts';
import { sendOutbound } from './outbound-client.ts';
import type { RunLimits } from './run-limits.ts';
import { siblingModule } from './sibling-module.ts';
import type { RequestData } from './wasi/http-incoming.ts';
import type { OutboundAnswer, OutboundRequest } from './wasi/http-outgoing.ts';
import {
  type AnswerMessage,
  CPU_STARTED_INDEX,
  type FromWorker,
  limitMessage,
  NEWS_INDEX,
  type RunResult,
  SHARED_BYTES,
  type ToWorker,
  type WorkerStart,
} from './worker-messages.ts';

export interface SlotSettings {
  readonly nestedCalls: NestedCalls;
}

/** One execution to run. */
export interface SlotRun {
  readonly request: RequestData;
  readonly limits: RunLimits;
  /** How many functions of this host wait for this one. */
  readonly level: number;
  /** Called once when it has ended, whatever way, before the thread takes another. */
  readonly onEnd: () => void;
}

/** Outbound requests that one execution may have under way at once. */
const OUTBOUND_PENDING_MAX = 64;

/** How long a guest has to come to a check, or its host call to an end, before its thread is ended. */
const STOP_GRACE_MS = 500;

interface Running {
  readonly level: number;
  readonly limits: RunLimits;
  readonly startedMs: number;
  readonly hasChecks: boolean;
  readonly timers: Set<NodeJS.Timeout>;
  /** Ends what it has asked of others; made when it first asks. */
  abort: AbortController | undefined;
  readonly finish: (result: RunResult) => void;
  outboundPending: number;
  outboundSent: number;
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
  readonly #cells = new LimitCells();
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
    const workerData: WorkerStart = { answers: port2, shared: this.#shared, limits: this.#cells.memory };
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
  run(component: CompiledComponent, { request, limits, level, onEnd }: SlotRun): Promise<RunResult> {
    const { key } = component;
    if (!this.#loaded.has(key)) {
      this.#loaded.add(key);
      this.#post({ type: 'load', component });
    }
    return new Promise((resolve) => {
      const running: Running = {
        level,
        limits,
        startedMs: performance.now(),
        hasChecks: component.plan.deadlines === 'checks',
        timers: new Set(),
        abort: undefined,
        finish: (result) => {
          onEnd();
          resolve(result);
        },
        outboundPending: 0,
        outboundSent: 0,
      };
      this.#running = running;
      this.#cells.allow();
      const { responseBytesMax, logBytesMax, timeLimitMs, cpuLimitMs } = limits;
      this.#post({
        type: 'run',
        key,
        request,
        limits: { responseBytesMax, logBytesMax, timeLimitMs, cpuLimitMs },
      });
      this.#startTimers(running);
    });
  }

  /** Lets a component go; the thread's own collector frees it. */
  unload(key: string): void {
    if (this.#loaded.delete(key)) this.#post({ type: 'unload', key });
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
    for (const timer of running.timers) clearTimeout(timer);
    running.abort?.abort();
    running.finish(result);
  }

  async #outbound({ id, request }: Extract<FromWorker, { type: 'outbound' }>): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.outboundPending++;
    running.outboundSent++;
    this.#events.onChange();
    const answer = await this.#send(request, running);
    running.outboundPending--;
    if (this.#running !== running) return;
    this.#answers.postMessage({ id, answer } satisfies AnswerMessage);
    this.#wake();
  }

  #wake(): void {
    const news = new Int32Array(this.#shared);
    Atomics.add(news, NEWS_INDEX, 1);
    Atomics.notify(news, NEWS_INDEX);
  }

  async #send(request: OutboundRequest, running: Running): Promise<OutboundAnswer> {
    const { timeLimitMs, responseBytesMax, outboundRequestsMax, outbound } = running.limits;
    if (running.outboundPending > OUTBOUND_PENDING_MAX || running.outboundSent > outboundRequestsMax) {
      return { tag: 'err', error: { tag: 'connection-limit-reached' } };
    }
    const { nestedCalls } = this.#settings;
    running.abort ??= new AbortController();
    return sendOutbound(request, {
      access: outbound,
      limits: { responseBytesMax, timeoutMs: timeLimitMs },
      signal: running.abort.signal,
      onConnected: (socket) => nestedCalls.begin(socket, running.level + 1),
    });
  }

  #startTimers(running: Running): void {
    const { timeLimitMs, cpuLimitMs } = running.limits;
    this.#after(running, timeLimitMs, () => this.#stop(running, 'time'));
    // Nobody uses more processor time than passes.
    if (cpuLimitMs < timeLimitMs) this.#after(running, cpuLimitMs, () => void this.#checkCpu(running));
  }

  #after(running: Running, delayMs: number, then: () => void): void {
    const timer = setTimeout(() => {
      running.timers.delete(timer);
      then();
    }, delayMs);
    running.timers.add(timer);
  }

  async #checkCpu(running: Running): Promise<void> {
    const runUs = Math.ceil((performance.now() - running.startedMs) * 1_000);
    const leftMs = running.limits.cpuLimitMs - (await this.#cpuUsSinceStart(runUs)) / 1_000;
    if (this.#running !== running) return;
    if (leftMs <= 0) this.#stop(running, 'cpu');
    else this.#after(running, Math.ceil(leftMs), () => void this.#checkCpu(running));
  }

  /** Makes the guest trap at its next check or in its wait; where that does not happen, its thread has to go. */
  #stop(running: Running, passed: StopReason): void {
    if (!running.hasChecks) {
      void this.#cutOff(passed);
      return;
    }
    this.#cells.stop(passed);
    this.#wake();
    this.#after(running, STOP_GRACE_MS, () => void this.#cutOff(passed));
  }

  /** Ends the thread, and with it what it runs. */
  async #cutOff(passed: StopReason): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const runUs = Math.ceil((performance.now() - running.startedMs) * 1_000);
    const cpuUs = await this.#cpuUsSinceStart(runUs);
    if (this.#running !== running) return;
    const message = limitMessage(passed, running.limits);
    // What its memory had grown to is lost with the thread; the limit is what it cannot have passed.
    const { memoryBytesMax: memoryBytesPeak } = running.limits;
    this.#settle({ ...cutOff('time-limit', message), runUs, cpuUs, memoryBytesPeak });
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
    const memoryBytesPeak = running.limits.memoryBytesMax;
    this.#settle({ ...cutOff('interrupted', reason), runUs, cpuUs: runUs, memoryBytesPeak });
  }
}

type MessagePort = MessageChannel['port1'];
