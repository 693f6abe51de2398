/**
 * One execution as the serving thread sees it: what it reads from the slot becomes events, what others ask of it
 * becomes frames. Knows no HTTP and no queue; when it has to stop is decided by limit-watch.ts.
 */
import { OUTCOMES, type Outcome } from '../../metering/execution.ts';
import { WINDOW_BYTES } from '../body-window.ts';
import { ROOM, type StopReason } from '../component/limit-cells.ts';
import { fuelUsed } from '../run-limits.ts';
import type { ErrorCodeCase } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';
import { FrameSender } from './frame-sender.ts';
import { errorText, FRAME, readResponse, readTrailers, startText, trailersText } from './frames.ts';
import { type Message, MessageReader } from './message-reader.ts';
import { OutboundStreams } from './outbound-streams.ts';
import type { RunControl, RunResult } from './run-events.ts';
import type { ExecutionOrder } from './run-order.ts';
import { IN_HEAD, IN_TAIL, OUT_HEAD, OUT_TAIL, type SharedSlot, SLOT_STATE, USED } from './shared-slot.ts';

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
  readonly #sender: FrameSender;
  readonly #reader: MessageReader;
  readonly #outbound: OutboundStreams;
  #bodyOutstanding = 0;
  #isBodyOpen = true;
  #wantsSpace = false;
  #hasAnswered = false;
  /** By `performance.now()`. */
  #pauseAtMs: number | undefined;
  #log = '';
  #isDone = false;

  constructor(slot: SharedSlot, order: ExecutionOrder, onDone: (result: RunResult) => void) {
    const { words, inRing, outRing } = slot;
    slot.clear();
    slot.room[ROOM.fuel] = BigInt(order.limits.fuelMax);
    this.slot = slot;
    this.order = order;
    this.#onDone = onDone;
    this.#sender = new FrameSender(
      inRing,
      { words, headAt: IN_HEAD, tailAt: IN_TAIL },
      { onSent: () => this.thread?.ring(), onFull: () => slot.wantInSpace() },
    );
    this.#reader = new MessageReader(outRing, { words, headAt: OUT_HEAD, tailAt: OUT_TAIL });
    this.#outbound = new OutboundStreams(this.#sender, order.sendOutbound, order.limits.outboundRequestsMax);
  }

  /** Writes the first frames, before any thread is given the slot. */
  begin(): void {
    const { component, request, limits, lease, events } = this.order;
    const { responseBytesMax, logBytesMax, reuse, preopens } = limits;
    const start = { component, responseBytesMax, logBytesMax, lease, reuse, preopens, request };
    this.#post(FRAME.start, 0, startText(start));
    events.onStart(this);
  }

  get hasChecks(): boolean {
    return this.order.hasChecks;
  }

  get isOutboundPending(): boolean {
    return this.#outbound.isPending;
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
    for (let frame = this.#reader.next(); frame && !this.#isDone; frame = this.#reader.next()) {
      this.#receive(frame);
    }
    if (this.#isDone) return;
    this.#sender.sendUnsent();
    if (this.slot.takeOutWanted()) this.thread?.ring();
    if (!this.#hasAnswered) return;
    const { state } = this.slot;
    if (state === SLOT_STATE.parked || state === SLOT_STATE.blocked) this.#pause();
    else this.#pauseAtMs ??= performance.now() + PAUSE_MS;
  }

  /**
   * Takes in what a guest that computes has written without a word, and looks whether it has gone on for so long that
   * what it has answered should leave without the rest.
   */
  look(nowMs: number): void {
    if (this.slot.state === SLOT_STATE.running) this.receive();
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
    const fuelLeft = this.thread?.fuelLeftOf(this);
    const used = {
      startupUs: 0,
      runUs,
      cpuUs: Math.min(cpuUs ?? runUs, runUs),
      fuelUsed: fuelUsed(this.order.limits, fuelLeft),
      memoryBytesPeak,
      isWarm: this.slot.isWarm,
    };
    this.#done({ ...result, ...used, startedAtMs: performance.timeOrigin + startedMs, log: this.#log });
  }

  #receive(message: Message): void {
    const { type, stream, bytes } = message;
    if (stream !== 0) {
      this.#outbound.receive(message);
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
      fuelUsed: fuelUsed(this.order.limits, fuelLeft),
      memoryBytesPeak: used[USED.memoryBytesPeak] as number,
      isWarm: this.slot.isWarm,
      log: this.#log,
    });
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
    this.#outbound.cancelAll();
    this.#onDone(result);
  }

  #post(type: number, stream: number, text: string): void {
    if (!this.#isDone) this.#sender.post(type, stream, text);
  }

  #postBytes(type: number, stream: number, bytes: Uint8Array): void {
    if (!this.#isDone) this.#sender.postBytes(type, stream, bytes);
  }
}

/** How long a guest that computes may take to end before what it has answered leaves without the rest. */
const PAUSE_MS = 20;
