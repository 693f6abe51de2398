/**
 * Runs short guests on the serving thread, where no other thread has to be woken for them. An attempt counts only when
 * the guest has returned within a moment with a whole small response, and has asked for nothing that others could see;
 * otherwise nothing of it remains, and the request runs in a thread of its own as if there had been none.
 */
import { PAGE_BYTES } from '../component/instrument/growth-guards.ts';
import { type LinkedComponent, linkComponent } from '../component/link.ts';
import { MemoryPool } from '../component/memory-pool.ts';
import type { CompiledComponent } from '../component/module-cache.ts';
import { LogBuffer } from '../log-buffer.ts';
import { fuelUsed } from '../run-limits.ts';
import type { RunControl, RunResult } from '../threads/run-events.ts';
import type { RunOrder } from '../threads/run-order.ts';
import { Execution } from '../wasi/execution.ts';
import type { ResponseHead } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';
import { Departure, InlinePort } from './inline-port.ts';
import { InlineWatch } from './inline-watch.ts';

/** Instances that are larger would take too long to clear, and to fill in one instruction. */
const PAGES_MAX = 64;
const BYTES_MAX = PAGES_MAX * PAGE_BYTES;
/** How long a component stays away after an attempt that did not count: twice as long each time, up to the most. */
const AWAY_MS = { first: 20, most: 60_000 } as const;
/** Attempts in a row that count, after which it is the first time again. */
const TRUSTED_RUNS = 1_000;

/** A whole response, and what it took. */
interface Done {
  readonly head: ResponseHead;
  readonly chunks: readonly Buffer[];
  readonly trailers: WireHeaders;
  readonly result: RunResult;
}

/** A component, and how its attempts went. */
class Inline {
  readonly linked: LinkedComponent;
  #awayUntilMs = 0;
  #awayMs: number = AWAY_MS.first;
  #counted = 0;

  constructor(linked: LinkedComponent) {
    this.linked = linked;
  }

  isAway(nowMs: number): boolean {
    return nowMs < this.#awayUntilMs;
  }

  hasCounted(): void {
    if (++this.#counted === TRUSTED_RUNS) this.#awayMs = AWAY_MS.first;
  }

  goAway(nowMs: number): void {
    this.#counted = 0;
    this.#awayUntilMs = nowMs + this.#awayMs;
    this.#awayMs = Math.min(2 * this.#awayMs, AWAY_MS.most);
  }
}

/** Everything has happened when its caller first hears of it. */
const NO_CONTROL: RunControl = {
  sendBody: () => true,
  endBody: () => undefined,
  failBody: () => undefined,
  taken: () => undefined,
  cancel: () => undefined,
};

const inUs = (ms: number): number => Math.ceil(ms * 1_000);

function isSmall({ plan, memories }: CompiledComponent): boolean {
  if (plan.linking !== 'direct' || !plan.isRenewable) return false;
  const pages = Object.values(memories).reduce((sum, { pagesInitial }) => sum + pagesInitial, 0);
  return pages <= PAGES_MAX;
}

export class InlineRuns {
  readonly #watch = new InlineWatch();
  readonly #pool = new MemoryPool();
  /** Undefined for those that never run here. */
  readonly #components = new Map<string, Inline | undefined>();
  readonly #nowMs: () => number;

  /** @param nowMs a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Whether runs are watched by now; the first question sees to it. */
  get isReady(): boolean {
    return this.#watch.isReady;
  }

  /** @returns undefined where it has to run elsewhere; its events have heard nothing then. */
  run(compiled: CompiledComponent, order: RunOrder): RunResult | undefined {
    if (order.limits.reuse.requestsMax > 1) return undefined;
    const inline = this.#inlineOf(compiled);
    if (!inline || inline.isAway(this.#nowMs()) || !this.#watch.isReady) return undefined;
    const body = order.wholeBody;
    const done = body && this.#attempt(inline, order, body);
    if (!done) return undefined;
    const { events } = order;
    events.onStart(NO_CONTROL);
    events.onHead(done.head);
    for (const chunk of done.chunks) events.onBody(chunk);
    events.onEnd(done.trailers);
    return done.result;
  }

  /** Goes through a run of a guest that is known to return, so that the first real one finds the code compiled. */
  rehearse(compiled: CompiledComponent, order: RunOrder): void {
    const inline = this.#inlineOf(compiled);
    if (inline && order.wholeBody) this.#attempt(inline, order, order.wholeBody);
    this.unload(compiled.key);
  }

  /** Forgets a component. */
  unload(key: string): void {
    this.#components.get(key)?.linked.close();
    this.#components.delete(key);
  }

  async close(): Promise<void> {
    await this.#watch.close();
  }

  #inlineOf(compiled: CompiledComponent): Inline | undefined {
    const { key } = compiled;
    if (this.#components.has(key)) return this.#components.get(key);
    const surroundings = { pool: this.#pool, cells: this.#watch.cells };
    const inline = isSmall(compiled) ? new Inline(linkComponent(compiled, surroundings)) : undefined;
    this.#components.set(key, inline);
    return inline;
  }

  #attempt(inline: Inline, order: RunOrder, body: readonly Uint8Array[]): Done | undefined {
    const attempt = new Attempt(inline.linked, { order, body, watch: this.#watch });
    const done = attempt.run();
    if (!done || !attempt.isKept || done.result.memoryBytesPeak > BYTES_MAX) inline.goAway(this.#nowMs());
    else inline.hasCounted();
    return done;
  }
}

interface AttemptOptions {
  readonly order: RunOrder;
  /** Of the request. */
  readonly body: readonly Uint8Array[];
  readonly watch: InlineWatch;
}

/** One run. */
class Attempt {
  /** Whether its instance is there for the next one: to make one takes longer than a short run. */
  isKept = false;
  readonly #linked: LinkedComponent;
  readonly #order: RunOrder;
  readonly #watch: InlineWatch;
  readonly #departure = new Departure();
  readonly #port: InlinePort;
  readonly #log: LogBuffer;
  readonly #execution: Execution;
  readonly #startedMs = performance.now();

  constructor(linked: LinkedComponent, { order, body, watch }: AttemptOptions) {
    const { request, limits } = order;
    this.#port = new InlinePort(body, this.#departure);
    this.#linked = linked;
    this.#order = order;
    this.#watch = watch;
    this.#log = new LogBuffer(limits.logBytesMax);
    this.#execution = new Execution({
      port: this.#port,
      head: request,
      bodyBytesMax: limits.responseBytesMax,
      onTooLarge: () => this.#departure.leave('a large response'),
      onLog: this.#log.write,
      preopens: limits.preopens,
    });
  }

  run(): Done | undefined {
    const { limits } = this.#order;
    const { cells } = this.#watch;
    this.#watch.begin(limits.fuelMax);
    cells.hasRefusedGrowth = false;
    let release: ((isSound: boolean) => boolean) | undefined;
    let done: Done | undefined;
    try {
      const instance = this.#linked.instantiate(this.#execution);
      release = (isSound) => instance.release(isSound);
      const readyMs = performance.now();
      // One instruction may write all that there is. A guest that is refused more runs where it has its own limit.
      cells.growthBytesLeft = Math.min(cells.growthBytesLeft, BYTES_MAX);
      instance.handle(this.#execution.request, this.#execution.outparam);
      if (this.#isWhole()) done = this.#done(readyMs, instance.memoryBytes());
    } catch {
      // Whatever it is, it happens again where it can be told.
    } finally {
      if (!done) this.#watch.end();
      this.isKept = release?.(done !== undefined) ?? false;
    }
    return done;
  }

  /** Whether the guest has answered, all of it, and was not told to stop. */
  #isWhole(): boolean {
    const answered = this.#execution.end();
    if (answered instanceof Promise) {
      // It waits for what cannot come.
      answered.catch(() => undefined);
      return false;
    }
    const { hasRefusedGrowth, stopReason } = this.#watch.cells;
    if (this.#departure.hasLeft || hasRefusedGrowth || stopReason !== undefined) return false;
    return answered.tag === 'ok' && answered.failure === undefined;
  }

  #done(readyMs: number, memoryBytesPeak: number): Done | undefined {
    const { head, body } = this.#port;
    const { chunks, trailers } = body;
    if (!head || !trailers) return undefined;
    const fuelLeft = this.#watch.end();
    const startupUs = inUs(readyMs - this.#startedMs);
    const runUs = inUs(performance.now() - readyMs);
    const log = this.#log.bytes;
    const result: RunResult = {
      outcome: 'ok',
      startedAtMs: performance.timeOrigin + this.#startedMs,
      startupUs,
      runUs,
      // It never waits, and what the kernel counts is too coarse for some microseconds.
      cpuUs: startupUs + runUs,
      fuelUsed: fuelUsed(this.#order.limits, fuelLeft),
      memoryBytesPeak,
      isWarm: false,
      log: log ? Buffer.from(log).toString('utf8') : '',
    };
    return { head, chunks, trailers, result };
  }
}
