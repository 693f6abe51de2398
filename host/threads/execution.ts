/**
 * One execution as the serving thread sees it: what it reads from the slot becomes events, what others ask of it
 * becomes frames. Knows no HTTP and no queue; when it has to stop is decided by limit-watch.ts.
 */
import { OUTCOMES, type Outcome } from '../../metering/execution.ts';
import { WINDOW_BYTES } from '../body-window.ts';
import { ROOM, type StopReason } from '../component/limit-cells.ts';
import type { CompiledComponent } from '../component/module-cache.ts';
import type { OutboundEvents, OutboundExchange } from '../outbound-exchange.ts';
import type { RunLimits } from '../run-limits.ts';
import type { ErrorCodeCase, OutboundHead, RequestHead } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';
import { type Frame, FrameReader, FrameWriter } from './frame-ring.ts';
import {
  errorText,
  FRAME,
  readError,
  readOutbound,
  readResponse,
  readTrailers,
  responseText,
  startText,
  trailersText,
} from './frames.ts';
import type { RunControl, RunEvents, RunResult } from './run-events.ts';
import { IN_HEAD, IN_TAIL, OUT_HEAD, OUT_TAIL, type SharedSlot, SLOT_STATE, USED } from './shared-area.ts';

/** Outbound requests that one execution may have under way at once. */
const OUTBOUND_PENDING_MAX = 64;

/** What is to be run. */
export interface ExecutionOrder {
  readonly functionName: string;
  readonly request: RequestHead;
  readonly limits: RunLimits;
  /** How many functions of this host wait for this one. */
  readonly level: number;
  readonly events: RunEvents;
  readonly compiled: CompiledComponent;
  /** The component by its number, which threads know it by. */
  readonly component: number;
  /** When it came, by `performance.now()`. */
  readonly enqueuedMs: number;
  /** Of its function as it is deployed and set now; instances are kept under it. */
  readonly lease: number;
  /** Whether the guest comes to checks, where it can be stopped without its thread. */
  readonly hasChecks: boolean;
  /** Whether it has to have its thread for itself. */
  readonly isExclusive: boolean;
  /** Sends a guest's request. */
  readonly sendOutbound: (head: OutboundHead, events: OutboundEvents) => OutboundExchange;
}

/** A frame that found no room in the ring. */
interface Unsent {
  readonly type: number;
  readonly stream: number;
  readonly bytes: Uint8Array;
}

export class Execution implements RunControl {
  readonly slot: SharedSlot;
  readonly order: ExecutionOrder;
  /** The thread that has the slot. */
  thread:
    | {
        ring(): void;
        remove(execution: Execution): void;
        fuelLeftOf(execution: Execution): bigint;
        isStuck: boolean;
      }
    | undefined;
  /** Which limit it was stopped for. */
  stopped: StopReason | undefined;
  /** By `performance.now()`: when its processor time is to be looked at again, and its thread to be given up. */
  checkCpuAtMs = 0;
  giveUpAtMs = Number.POSITIVE_INFINITY;
  isCheckingCpu = false;
  readonly #onDone: (result: RunResult) => void;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #unsent: Unsent[] = [];
  readonly #exchanges = new Map<number, OutboundExchange>();
  readonly #parts: Buffer[] = [];
  #outboundSent = 0;
  #bodyOutstanding = 0;
  #isBodyOpen = true;
  #wantsSpace = false;
  #hasAnswered = false;
  /** By `performance.now()`. */
  #pauseAtMs: number | undefined;
  #log = '';
  #isDone = false;

  constructor(slot: SharedSlot, order: ExecutionOrder, onDone: (result: RunResult) => void) {
    const { words, inBytes, outBytes } = slot;
    slot.clear();
    slot.room[ROOM.fuel] = BigInt(order.limits.fuelMax);
    this.slot = slot;
    this.order = order;
    this.#onDone = onDone;
    this.#writer = new FrameWriter(inBytes, { words, headAt: IN_HEAD, tailAt: IN_TAIL });
    this.#reader = new FrameReader(outBytes, { words, headAt: OUT_HEAD, tailAt: OUT_TAIL });
  }

  /** Writes the first frames, before any thread is given the slot. */
  begin(): void {
    const { component, request, limits, lease, events } = this.order;
    const { responseBytesMax, logBytesMax, reuse } = limits;
    const start = { component, responseBytesMax, logBytesMax, lease, reuse, request };
    this.#post(FRAME.start, 0, startText(start));
    events.onStart(this);
  }

  get hasChecks(): boolean {
    return this.order.hasChecks;
  }

  get isOutboundPending(): boolean {
    return this.#exchanges.size > 0;
  }

  /** When a worker took it, by `performance.now()`; 0 while none has. */
  get startedMs(): number {
    const at = this.slot.used[USED.startedAtMs] as number;
    return at === 0 ? 0 : at - performance.timeOrigin;
  }

  // What the caller does.

  sendBody(chunk: Uint8Array): boolean {
    if (this.#isDone || !this.#isBodyOpen) return true;
    this.#bodyOutstanding += chunk.length;
    this.#postBytes(FRAME.body, 0, chunk);
    this.#wantsSpace = this.#bodyOutstanding >= WINDOW_BYTES;
    return !this.#wantsSpace;
  }

  endBody(trailers: WireHeaders): void {
    if (!this.#isBodyOpen) return;
    this.#isBodyOpen = false;
    this.#post(FRAME.end, 0, trailersText(trailers));
  }

  failBody(error: ErrorCodeCase): void {
    if (!this.#isBodyOpen) return;
    this.#isBodyOpen = false;
    this.#postBytes(FRAME.fail, 0, Buffer.from(errorText(error)));
  }

  taken(bytes: number): void {
    if (bytes > 0) this.#post(FRAME.taken, 0, String(bytes));
  }

  cancel(): void {
    this.#post(FRAME.cancel, 0, '');
    this.failBody({ tag: 'connection-terminated' });
  }

  // What the worker does.

  /** Takes in what the worker has written. */
  receive(): void {
    if (this.#isDone) return;
    for (let frame = this.#nextMessage(); frame && !this.#isDone; frame = this.#nextMessage()) {
      this.#receive(frame);
    }
    if (this.#isDone) return;
    this.#sendUnsent();
    if (this.slot.takeOutWanted()) this.thread?.ring();
    if (!this.#hasAnswered) return;
    const { state } = this.slot;
    if (state === SLOT_STATE.parked || state === SLOT_STATE.blocked) this.#pause();
    else this.#pauseAtMs ??= performance.now() + PAUSE_MS;
  }

  /** Looks whether the guest has gone on for so long that what it has answered should leave without the rest. */
  look(nowMs: number): void {
    if (this.#pauseAtMs !== undefined && nowMs >= this.#pauseAtMs) {
      this.receive();
      if (!this.#isDone) this.#pause();
    }
  }

  #pause(): void {
    this.#pauseAtMs = undefined;
    this.order.events.onPause();
  }

  /** Ends it without its worker: what that has written until now is all there will be. */
  end(result: Pick<RunResult, 'outcome' | 'error'>, cpuUs?: number): void {
    if (this.#isDone) return;
    this.receive();
    if (this.#isDone) return;
    const startedMs = this.startedMs;
    const runUs = startedMs === 0 ? 0 : Math.ceil((performance.now() - startedMs) * 1_000);
    // What its memory had grown to is lost with the thread; the limit is what it cannot have passed.
    const { memoryBytesMax: memoryBytesPeak } = this.order.limits;
    const fuelUsed = this.#fuelUsed(this.thread?.fuelLeftOf(this));
    const used = {
      startupUs: 0,
      runUs,
      cpuUs: Math.min(cpuUs ?? runUs, runUs),
      fuelUsed,
      memoryBytesPeak,
      isWarm: this.slot.isWarm,
    };
    this.#done({ ...result, ...used, startedAtMs: performance.timeOrigin + startedMs, log: this.#log });
  }

  #nextMessage(): Pick<Frame, 'type' | 'stream' | 'bytes'> | undefined {
    for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
      if (frame.type === FRAME.body) return frame;
      if (frame.hasMore || this.#parts.length > 0) this.#parts.push(Buffer.from(frame.bytes));
      if (frame.hasMore) continue;
      if (this.#parts.length === 0) return frame;
      return { type: frame.type, stream: frame.stream, bytes: Buffer.concat(this.#parts.splice(0)) };
    }
    return undefined;
  }

  #receive({ type, stream, bytes }: Pick<Frame, 'type' | 'stream' | 'bytes'>): void {
    if (stream !== 0) {
      this.#receiveOutbound(type, stream, bytes);
      return;
    }
    const { events } = this.order;
    switch (type) {
      case FRAME.respond:
        this.#hasAnswered = true;
        events.onHead(readResponse(bytes.toString('latin1')));
        return;
      case FRAME.inform:
        events.onInform(readResponse(bytes.toString('latin1')));
        return;
      case FRAME.body:
        events.onBody(bytes);
        return;
      case FRAME.end:
        events.onEnd(readTrailers(bytes.toString('latin1')));
        return;
      case FRAME.fail:
        events.onAbort();
        return;
      case FRAME.taken:
        this.#bodyTaken(Number(bytes.toString('latin1')));
        return;
      case FRAME.cancel:
        this.#isBodyOpen = false;
        events.onBodyUnwanted();
        return;
      case FRAME.log:
        this.#log = bytes.toString('utf8');
        return;
      case FRAME.result:
        this.#finished(bytes);
        return;
      default:
        throw new Error(`a worker sent a frame of type ${type}`);
    }
  }

  #bodyTaken(bytes: number): void {
    this.#bodyOutstanding -= bytes;
    if (!this.#wantsSpace || this.#bodyOutstanding >= WINDOW_BYTES) return;
    this.#wantsSpace = false;
    this.order.events.onSpace();
  }

  #finished(bytes: Buffer): void {
    const { used, room } = this.slot;
    const fuelLeft = room[ROOM.fuel] as bigint;
    const startupUs = used[USED.startupUs] as number;
    const runUs = used[USED.runUs] as number;
    // The kernel counts in ticks: what it adds at once may belong to the time before.
    const cpuUs = Math.min(Math.ceil(used[USED.cpuUs] as number), startupUs + runUs);
    const error = bytes.length === 0 ? undefined : (JSON.parse(bytes.toString('utf8')) as RunResult['error']);
    this.#done({
      ...this.#inViewOfFuel(OUTCOMES[this.slot.outcome] as Outcome, error, fuelLeft),
      startedAtMs: used[USED.startedAtMs] as number,
      startupUs,
      runUs,
      cpuUs,
      fuelUsed: this.#fuelUsed(fuelLeft),
      memoryBytesPeak: used[USED.memoryBytesPeak] as number,
      isWarm: this.slot.isWarm,
      log: this.#log,
    });
  }

  #fuelUsed(left: bigint | undefined): number {
    const { fuelMax } = this.order.limits;
    if (fuelMax === 0 || left === undefined) return 0;
    return Math.min(Number(BigInt(fuelMax) - left), Number.MAX_SAFE_INTEGER);
  }

  /** Whatever else ended a guest that was out of fuel: it would have come no further on any machine. */
  #inViewOfFuel(
    outcome: Outcome,
    error: RunResult['error'],
    fuelLeft: bigint,
  ): Pick<RunResult, 'outcome' | 'error'> {
    const { fuelMax } = this.order.limits;
    if (fuelMax > 0 && fuelLeft < 0n && (outcome === 'trap' || outcome === 'time-limit')) {
      const message = `the guest used more fuel than its limit of ${fuelMax}`;
      return { outcome: 'fuel-limit', error: { code: 'guest-fuel-limit', message } };
    }
    return error ? { outcome, error } : { outcome };
  }

  #done(result: RunResult): void {
    this.#isDone = true;
    for (const exchange of this.#exchanges.values()) exchange.cancel();
    this.#exchanges.clear();
    this.#onDone(result);
  }

  // Requests that the guest sends.

  #receiveOutbound(type: number, stream: number, bytes: Buffer): void {
    if (type === FRAME.send) {
      this.#send(stream, readOutbound(bytes.toString('latin1')));
      return;
    }
    const exchange = this.#exchanges.get(stream);
    if (!exchange) return;
    switch (type) {
      case FRAME.body:
        exchange.write(Buffer.from(bytes));
        return;
      case FRAME.end:
        exchange.end(readTrailers(bytes.toString('latin1')));
        return;
      case FRAME.taken:
        exchange.taken(Number(bytes.toString('latin1')));
        return;
      case FRAME.fail:
        readError(bytes.toString('utf8'));
        exchange.cancel();
        this.#post(FRAME.fail, stream, errorText({ tag: 'connection-terminated' }));
        this.#exchanges.delete(stream);
        return;
      case FRAME.cancel:
        exchange.cancel();
        this.#exchanges.delete(stream);
        return;
      default:
        throw new Error(`a worker sent a frame of type ${type} for a request`);
    }
  }

  #send(stream: number, head: OutboundHead): void {
    const { limits, sendOutbound } = this.order;
    this.#outboundSent++;
    if (this.#exchanges.size >= OUTBOUND_PENDING_MAX || this.#outboundSent > limits.outboundRequestsMax) {
      this.#post(FRAME.fail, stream, errorText({ tag: 'connection-limit-reached' }));
      return;
    }
    const exchange = sendOutbound(head, this.#eventsOf(stream));
    this.#exchanges.set(stream, exchange);
  }

  #eventsOf(stream: number): OutboundEvents {
    const whileOpen = (then: () => void): void => {
      if (!this.#isDone && this.#exchanges.has(stream)) then();
    };
    const last = (then: () => void): void =>
      whileOpen(() => {
        then();
        this.#exchanges.delete(stream);
      });
    return {
      onWritten: (bytes) => whileOpen(() => this.#post(FRAME.taken, stream, String(bytes))),
      onResponse: (status, headers) =>
        whileOpen(() => this.#post(FRAME.answer, stream, responseText({ status, headers }))),
      onChunk: (chunk) => whileOpen(() => this.#postBytes(FRAME.body, stream, chunk)),
      onEnd: (trailers) => last(() => this.#post(FRAME.end, stream, trailersText(trailers))),
      onFailed: (error) => last(() => this.#postBytes(FRAME.fail, stream, Buffer.from(errorText(error)))),
    };
  }

  // Frames.

  /** @param text of one byte a character. */
  #post(type: number, stream: number, text: string): void {
    if (this.#isDone) return;
    if (this.#unsent.length > 0 || text.length > this.#writer.room) {
      this.#postBytes(type, stream, Buffer.from(text, 'latin1'));
      return;
    }
    this.#writer.writeLatin1(type, stream, text);
    this.#writer.publish();
    this.thread?.ring();
  }

  #postBytes(type: number, stream: number, bytes: Uint8Array): void {
    if (this.#isDone) return;
    const rest = this.#unsent.length > 0 ? bytes : this.#write(type, stream, bytes);
    if (rest) {
      this.#unsent.push({ type, stream, bytes: Buffer.from(rest) });
      this.slot.wantInSpace();
    }
    this.thread?.ring();
  }

  /** Writes what there is room for. @returns what there was none for. */
  #write(type: number, stream: number, bytes: Uint8Array): Uint8Array | undefined {
    let rest = bytes;
    for (;;) {
      const { room } = this.#writer;
      if (room < Math.min(rest.length, MIN_PIECE_BYTES)) return rest;
      const piece = rest.subarray(0, room);
      rest = rest.subarray(room);
      this.#writer.write(type, stream, piece, rest.length > 0);
      this.#writer.publish();
      if (rest.length === 0) return undefined;
    }
  }

  #sendUnsent(): void {
    for (let next = this.#unsent[0]; next; next = this.#unsent[0]) {
      const { type, stream, bytes } = next;
      const rest = this.#write(type, stream, bytes);
      if (rest) {
        this.#unsent[0] = { type, stream, bytes: rest };
        this.slot.wantInSpace();
        this.thread?.ring();
        return;
      }
      this.#unsent.shift();
      this.thread?.ring();
    }
  }
}

/** How long a guest that computes may take to end before what it has answered leaves without the rest. */
const PAUSE_MS = 5;

/** Less room than that is not worth a piece of a longer message. */
const MIN_PIECE_BYTES = 4_096;
