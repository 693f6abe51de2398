/**
 * The outside of one execution, for a worker: bodies and answers that travel as frames through the execution's slot.
 * Must not know which guest runs, nor what else its thread does.
 */
import { WINDOW_BYTES } from '../body-window.ts';
import type {
  BodySink,
  BodySource,
  ErrorCodeCase,
  ExecutionPort,
  News,
  OutboundAnswer,
  OutboundCall,
  OutboundHead,
  ResponseHead,
} from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';
import { FRAME_BYTES_MAX, type Frame, FrameReader, FrameWriter } from './frame-ring.ts';
import {
  errorText,
  FRAME,
  outboundText,
  readError,
  readResponse,
  readStart,
  readTrailers,
  responseText,
  type StartHead,
  trailersText,
} from './frames.ts';
import { IN_HEAD, IN_TAIL, OUT_HEAD, OUT_TAIL, type SharedSlot } from './shared-area.ts';

/** What a reader takes before it says so: often enough that the sender never runs dry. */
const TAKEN_BYTES = WINDOW_BYTES / 4;

const NOTHING = new Uint8Array(0);

class Source implements BodySource {
  availableBytes = 0;
  state: BodySource['state'] = 'open';
  failure: ErrorCodeCase | undefined;
  trailers: WireHeaders | undefined;
  readonly #chunks: Uint8Array[] = [];
  readonly #tell: (type: number, text: string) => void;
  #offset = 0;
  #untold = 0;
  #isCancelled = false;

  /** @param tell sends a frame about this body. */
  constructor(tell: (type: number, text: string) => void) {
    this.#tell = tell;
  }

  read(lengthMax: number): Uint8Array {
    const chunk = this.#chunks[0];
    if (!chunk) return NOTHING;
    const bytes = chunk.subarray(this.#offset, this.#offset + lengthMax);
    this.#offset += bytes.length;
    this.availableBytes -= bytes.length;
    if (this.#offset === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    this.#take(bytes.length);
    return bytes;
  }

  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#chunks.length = 0;
    this.availableBytes = 0;
    if (this.state === 'open') this.#tell(FRAME.cancel, '');
  }

  /** Takes what has arrived; the bytes are copied. */
  add(bytes: Uint8Array): void {
    if (this.#isCancelled || bytes.length === 0) return;
    this.#chunks.push(new Uint8Array(bytes));
    this.availableBytes += bytes.length;
  }

  end(trailers: WireHeaders): void {
    this.trailers = trailers;
    this.state = 'ended';
  }

  fail(error: ErrorCodeCase): void {
    if (this.state !== 'open') return;
    this.failure = error;
    this.state = 'failed';
  }

  #take(bytes: number): void {
    this.#untold += bytes;
    if (this.#untold < TAKEN_BYTES || this.state !== 'open') return;
    this.#tell(FRAME.taken, String(this.#untold));
    this.#untold = 0;
  }
}

class Sink implements BodySink {
  isClosed = false;
  readonly #port: SharedPort;
  readonly #stream: number;
  #outstanding = 0;

  constructor(port: SharedPort, stream: number) {
    this.#port = port;
    this.#stream = stream;
  }

  get budgetBytes(): number {
    return this.isClosed ? 0 : WINDOW_BYTES - this.#outstanding;
  }

  write(bytes: Uint8Array): void {
    if (this.isClosed || bytes.length === 0) return;
    this.#outstanding += bytes.length;
    this.#port.postBody(this.#stream, bytes);
  }

  flush(): void {
    this.#port.announceSoon();
  }

  finish(trailers: WireHeaders): void {
    this.#port.postText(FRAME.end, this.#stream, trailersText(trailers));
    this.#port.announceSoon();
  }

  abort(error: ErrorCodeCase): void {
    this.#port.postBytes(FRAME.fail, this.#stream, Buffer.from(errorText(error)));
    this.#port.announceSoon();
  }

  taken(bytes: number): void {
    this.#outstanding -= bytes;
  }
}

/** What a guest writes of a request's body before the head leaves without waiting for the rest. */
const HELD_BYTES_MAX = 16_384;

/**
 * The body of a request that a guest sends. The head is held while the body may still turn out to be short: then its
 * length is known, which servers like to be told, and one that is not as long as was declared is never sent.
 */
class RequestSink extends Sink {
  #sendHead: ((bodyBytes: number | undefined) => void) | undefined;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  readonly #onAbort: (error: ErrorCodeCase) => void;

  constructor(
    port: SharedPort,
    stream: number,
    sendHead: (bodyBytes: number | undefined) => void,
    onAbort: (error: ErrorCodeCase) => void,
  ) {
    super(port, stream);
    this.#sendHead = sendHead;
    this.#onAbort = onAbort;
  }

  /** Sends what is held, if anything is. @param bodyBytes the length of the whole body where it is known. */
  begin(bodyBytes?: number): void {
    if (!this.#sendHead) return;
    this.#sendHead(bodyBytes);
    this.#sendHead = undefined;
    for (const bytes of this.#held.splice(0)) super.write(bytes);
  }

  override write(bytes: Uint8Array): void {
    if (this.#sendHead && this.#heldBytes + bytes.length <= HELD_BYTES_MAX) {
      this.#heldBytes += bytes.length;
      this.#held.push(bytes.slice());
      return;
    }
    this.begin();
    super.write(bytes);
  }

  override flush(): void {
    this.begin();
    super.flush();
  }

  override finish(trailers: WireHeaders): void {
    this.begin(trailers.length === 0 ? this.#heldBytes : undefined);
    super.finish(trailers);
  }

  override abort(error: ErrorCodeCase): void {
    if (this.#sendHead) {
      this.#sendHead = undefined;
      this.#held = [];
      this.#onAbort(error);
    } else super.abort(error);
  }
}

class Call implements OutboundCall {
  readonly body: RequestSink;
  readonly source: Source;
  readonly #onCancel: () => void;
  #answer: OutboundAnswer | undefined;

  constructor(body: RequestSink, source: Source, onCancel: () => void) {
    this.body = body;
    this.source = source;
    this.#onCancel = onCancel;
  }

  answer(): OutboundAnswer | undefined {
    return this.#answer;
  }

  cancel(): void {
    this.#onCancel();
  }

  answered(head: ResponseHead): void {
    this.#answer = { tag: 'ok', ...head, body: this.source };
  }

  failed(error: ErrorCodeCase): void {
    this.#answer ??= { tag: 'err', error };
    this.source.fail(error);
    this.body.isClosed = true;
  }
}

/** What the port needs of its thread. */
export interface PortThread {
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

export class SharedPort implements ExecutionPort {
  readonly slot: SharedSlot;
  readonly news: News;
  readonly requestBody: Source;
  /** What its memories may still grow by, while it is not its turn: the cells of the thread count it in its turn. */
  growthBytesLeft = 0;
  readonly #thread: PortThread;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #response: Sink;
  readonly #calls = new Map<number, Call>();
  readonly #parts: Buffer[] = [];
  #lastStream = 0;
  #unannouncedBytes = 0;
  #announcedMs: number;

  /** @param newsFor makes the way of waiting, which is the thread's business. */
  constructor(slot: SharedSlot, thread: PortThread, newsFor: (port: SharedPort) => News) {
    const { words, inBytes, outBytes } = slot;
    this.slot = slot;
    this.#thread = thread;
    this.#reader = new FrameReader(inBytes, { words, headAt: IN_HEAD, tailAt: IN_TAIL });
    this.#writer = new FrameWriter(outBytes, { words, headAt: OUT_HEAD, tailAt: OUT_TAIL });
    this.requestBody = new Source((type, text) => this.#tell(type, 0, text));
    this.#response = new Sink(this, 0);
    this.news = newsFor(this);
    this.#announcedMs = performance.now();
  }

  /** The first message, which is there before a worker is given the slot; reads on as far as there is more. */
  begin(): StartHead {
    const text = this.#nextMessage();
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

  respond(head: ResponseHead): BodySink {
    this.postText(FRAME.respond, 0, responseText(head));
    return this.#response;
  }

  send(head: OutboundHead): OutboundCall {
    const stream = ++this.#lastStream;
    const source = new Source((type, text) => this.#tell(type, stream, text));
    const sendHead = (bodyBytes: number | undefined): void => {
      this.postText(FRAME.send, stream, outboundText({ ...head, bodyBytes: head.bodyBytes ?? bodyBytes }));
      this.announce();
    };
    const body = new RequestSink(this, stream, sendHead, (error) => {
      this.#calls.delete(stream);
      call.failed(error);
    });
    const call: Call = new Call(body, source, () => {
      if (!this.#calls.delete(stream)) return;
      body.begin();
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
    for (let frame = this.#nextMessage(); frame; frame = this.#nextMessage()) {
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
      const room = this.#roomFor(Math.min(bytes.length - from, FRAME_BYTES_MAX));
      const to = Math.min(bytes.length, from + room);
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

  #roomFor(lengthBytes: number): number {
    while (this.#writer.room < Math.min(lengthBytes, FRAME_BYTES_MAX / 2)) {
      const seen = this.#thread.news;
      this.slot.wantOutSpace();
      this.announce();
      if (this.#writer.room >= Math.min(lengthBytes, FRAME_BYTES_MAX / 2)) break;
      this.#thread.sleep(seen, ROOM_WAIT_MS);
    }
    return this.#writer.room;
  }

  /** The next message, put together where it came in pieces; bodies come as they are. */
  #nextMessage(): Pick<Frame, 'type' | 'stream' | 'bytes'> | undefined {
    for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
      if (frame.type === FRAME.body) return frame;
      if (frame.hasMore || this.#parts.length > 0) this.#parts.push(Buffer.from(frame.bytes));
      if (frame.hasMore) continue;
      if (this.#parts.length === 0) return frame;
      const bytes = Buffer.concat(this.#parts.splice(0));
      return { type: frame.type, stream: frame.stream, bytes };
    }
    return undefined;
  }

  #receive({ type, stream, bytes }: Pick<Frame, 'type' | 'stream' | 'bytes'>): void {
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
