/**
 * The outside of one execution, for a worker: bodies and answers that travel as frames through the execution's slot.
 * Must not know which guest runs, nor what else its thread does.
 */
import type { BufferStock } from '../buffer-stock.ts';
import type {
  BodySink,
  ExecutionPort,
  News,
  OutboundCall,
  OutboundHead,
  ResponseHead,
} from '../wasi/execution-port.ts';
import { FramedSink, type FramePoster } from './body-sink.ts';
import { FramedSource } from './body-source.ts';
import { FRAME_BYTES_MAX, FrameWriter } from './frame-ring.ts';
import {
  FRAME,
  outboundText,
  readError,
  readResponse,
  readStart,
  readTrailers,
  responseText,
  type StartHead,
} from './frames.ts';
import { type Message, MessageReader } from './message-reader.ts';
import { FramedCall, RequestSink } from './outbound-call.ts';
import { IN_HEAD, IN_TAIL, OUT_HEAD, OUT_TAIL, type SharedSlot } from './shared-slot.ts';

/** What the port needs of its thread. */
export interface PortThread {
  /** For the bodies that its executions read. */
  readonly buffers: BufferStock;
  /** Tells the serving thread that the slot has news. */
  announce(slot: SharedSlot): void;
  /** Sleeps until the thread has news, whoever they are for, at most `timeoutMs`. */
  sleep(seen: number, timeoutMs: number): void;
  readonly news: number;
  /** From now on the thread's processor time is the execution's, and what stops it stops the thread. */
  beginTurn(port: SharedPort): void;
  /** Does nothing where another has begun its turn. */
  endTurn(port: SharedPort): void;
}

/** What the guest writes before the serving thread hears of it, when it neither waits nor flushes. */
const ANNOUNCE_BYTES = 65_536;
/** A guest that ends sooner is heard of once, however often it flushes. */
const ANNOUNCE_MS = 1;

export class SharedPort implements ExecutionPort, FramePoster {
  readonly slot: SharedSlot;
  readonly news: News;
  readonly requestBody: FramedSource;
  readonly #thread: PortThread;
  readonly #reader: MessageReader;
  readonly #writer: FrameWriter;
  readonly #response: FramedSink;
  readonly #calls = new Map<number, FramedCall>();
  #lastStream = 0;
  #unannouncedBytes = 0;
  #announcedMs: number;

  /** @param newsFor makes the way of waiting, which is the thread's business. */
  constructor(slot: SharedSlot, thread: PortThread, newsFor: (port: SharedPort) => News) {
    const { words, inRing, outRing } = slot;
    this.slot = slot;
    this.#thread = thread;
    this.#reader = new MessageReader(inRing, { words, headAt: IN_HEAD, tailAt: IN_TAIL });
    this.#writer = new FrameWriter(outRing, { words, headAt: OUT_HEAD, tailAt: OUT_TAIL });
    this.requestBody = new FramedSource(thread.buffers, (type, text) => this.#tell(type, 0, text));
    this.#response = new FramedSink(this, 0);
    this.news = newsFor(this);
    this.#announcedMs = performance.now();
  }

  /** The first message, which is there before a worker is given the slot; reads on as far as there is more. */
  begin(): StartHead {
    const text = this.#reader.next();
    const start = readStart(text?.bytes.toString('latin1') ?? '');
    this.receive();
    return start;
  }

  enter(): void {
    this.#thread.beginTurn(this);
  }

  /** A turn goes on through the host's work between two entries: it ends when the execution waits or has ended. */
  leave(): void {}

  endTurn(): void {
    this.#thread.endTurn(this);
  }

  inform(head: ResponseHead): void {
    this.postText(FRAME.inform, 0, responseText(head));
    this.announce();
  }

  /** Whoever else the thread has waits as long, which is what it is for. */
  beforeBlocking(): void {}

  respond(head: ResponseHead): BodySink {
    this.postText(FRAME.respond, 0, responseText(head));
    return this.#response;
  }

  send(head: OutboundHead): OutboundCall {
    const stream = ++this.#lastStream;
    const source = new FramedSource(this.#thread.buffers, (type, text) => {
      // Without an answer to read, the request is over.
      if (type === FRAME.cancel) body.isClosed = true;
      this.#tell(type, stream, text);
    });
    const sendHead = (bodyBytes: number | undefined): void => {
      this.postText(FRAME.send, stream, outboundText({ ...head, bodyBytes: head.bodyBytes ?? bodyBytes }));
      this.announce();
    };
    const body = new RequestSink(this, stream, sendHead, (error) => {
      this.#calls.delete(stream);
      call.failed(error);
    });
    const call: FramedCall = new FramedCall(body, source, () => {
      if (!this.#calls.delete(stream)) return;
      body.begin();
      body.isClosed = true;
      this.#tell(FRAME.cancel, stream, '');
    });
    this.#calls.set(stream, call);
    if (head.bodyBytes === 0) body.begin();
    return call;
  }

  /** To be called before the execution waits: nothing that others could answer is held back any more. */
  beginWait(): void {
    for (const { body } of this.#calls.values()) body.begin();
  }

  /** Takes in all that has arrived. @returns how many frames that were. */
  receive(): number {
    let count = 0;
    for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
      count++;
      this.#receive(frame);
    }
    if (this.slot.takeInWanted()) this.announce();
    return count;
  }

  postText(type: number, stream: number, text: string): void {
    if (text.length > this.#writer.room) {
      this.postBytes(type, stream, Buffer.from(text, 'latin1'));
      return;
    }
    this.#writer.writeLatin1(type, stream, text);
    this.#writer.publish();
  }

  /** Sends a message, in pieces where it has to be; waits for the serving thread to read, which it always does. */
  postBytes(type: number, stream: number, bytes: Uint8Array): void {
    let from = 0;
    do {
      this.#waitForRoom(Math.min(bytes.length - from, FRAME_BYTES_MAX));
      const to = from + this.#writer.pieceOf(bytes.length - from);
      this.#writer.write(type, stream, bytes.subarray(from, to), to < bytes.length);
      this.#writer.publish();
      from = to;
    } while (from < bytes.length);
  }

  postBody(stream: number, bytes: Uint8Array): void {
    this.postBytes(FRAME.body, stream, bytes);
    this.#unannouncedBytes += bytes.length;
    if (this.#unannouncedBytes >= ANNOUNCE_BYTES) this.announce();
  }

  announce(): void {
    this.#unannouncedBytes = 0;
    this.#announcedMs = performance.now();
    this.#thread.announce(this.slot);
  }

  /** For what the guest would have others see: at once, unless it has only just begun. */
  announceSoon(): void {
    if (performance.now() - this.#announcedMs >= ANNOUNCE_MS) this.announce();
  }

  #tell(type: number, stream: number, text: string): void {
    this.postText(type, stream, text);
    this.announce();
  }

  #waitForRoom(lengthBytes: number): void {
    while (this.#writer.room < Math.min(lengthBytes, FRAME_BYTES_MAX / 2)) {
      const seen = this.#thread.news;
      this.slot.wantOutSpace();
      this.announce();
      if (this.#writer.room >= Math.min(lengthBytes, FRAME_BYTES_MAX / 2)) break;
      this.#thread.sleep(seen, ROOM_WAIT_MS);
    }
  }

  #receive({ type, stream, bytes }: Message): void {
    const call = this.#calls.get(stream);
    if (stream !== 0 && !call) return;
    const source = call?.source ?? this.requestBody;
    switch (type) {
      case FRAME.body:
        source.add(bytes);
        return;
      case FRAME.end:
        source.end(readTrailers(bytes.toString('latin1')));
        // A response that is complete ends the request, whether or not that is.
        if (call) call.body.isClosed = true;
        return;
      case FRAME.fail: {
        const error = readError(bytes.toString('utf8'));
        if (call) call.failed(error);
        else source.fail(error);
        return;
      }
      case FRAME.answer:
        call?.answered(readResponse(bytes.toString('latin1')));
        return;
      case FRAME.taken:
        (call?.body ?? this.#response).taken(Number(bytes.toString('latin1')));
        return;
      case FRAME.cancel:
        (call?.body ?? this.#response).isClosed = true;
        return;
      default:
        throw new Error(`a worker was sent a frame of type ${type}`);
    }
  }
}

/** Looked again after this long, should a wake-up ever be missed. */
const ROOM_WAIT_MS = 50;
