/** The requests that one execution sends, as the serving thread sees them: frames become calls, and events frames. */
import type { OutboundEvents, OutboundExchange } from '../outbound-exchange.ts';
import type { OutboundHead } from '../wasi/execution-port.ts';
import {
  errorText,
  FRAME,
  readError,
  readOutbound,
  readTrailers,
  responseText,
  trailersText,
} from './frames.ts';
import type { Message } from './message-reader.ts';

/** Outbound requests that one execution may have under way at once. */
const OUTBOUND_PENDING_MAX = 64;

/** Sends a guest's request. */
export type SendOutbound = (head: OutboundHead, events: OutboundEvents) => OutboundExchange;

/** Where frames about the requests go; the bytes are copied. */
export interface FramePost {
  /** @param text of one byte a character. */
  post(type: number, stream: number, text: string): void;
  postBytes(type: number, stream: number, bytes: Uint8Array): void;
}

export class OutboundStreams {
  readonly #frames: FramePost;
  readonly #sendOutbound: SendOutbound;
  readonly #requestsMax: number;
  readonly #exchanges = new Map<number, OutboundExchange>();
  #sent = 0;

  /** @param requestsMax how many the execution may send in all. */
  constructor(frames: FramePost, sendOutbound: SendOutbound, requestsMax: number) {
    this.#frames = frames;
    this.#sendOutbound = sendOutbound;
    this.#requestsMax = requestsMax;
  }

  get isPending(): boolean {
    return this.#exchanges.size > 0;
  }

  receive({ type, stream, bytes }: Message): void {
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
        this.#frames.post(FRAME.fail, stream, errorText({ tag: 'connection-terminated' }));
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

  cancelAll(): void {
    for (const exchange of this.#exchanges.values()) exchange.cancel();
    this.#exchanges.clear();
  }

  #send(stream: number, head: OutboundHead): void {
    this.#sent++;
    if (this.#exchanges.size >= OUTBOUND_PENDING_MAX || this.#sent > this.#requestsMax) {
      this.#frames.post(FRAME.fail, stream, errorText({ tag: 'connection-limit-reached' }));
      return;
    }
    this.#exchanges.set(stream, this.#sendOutbound(head, this.#eventsOf(stream)));
  }

  #eventsOf(stream: number): OutboundEvents {
    const frames = this.#frames;
    const whileOpen = (then: () => void): void => {
      if (this.#exchanges.has(stream)) then();
    };
    const last = (then: () => void): void =>
      whileOpen(() => {
        then();
        this.#exchanges.delete(stream);
      });
    return {
      onWritten: (bytes) => whileOpen(() => frames.post(FRAME.taken, stream, String(bytes))),
      onResponse: (status, headers) =>
        whileOpen(() => frames.post(FRAME.answer, stream, responseText({ status, headers }))),
      onChunk: (chunk) => whileOpen(() => frames.postBytes(FRAME.body, stream, chunk)),
      onEnd: (trailers) => last(() => frames.post(FRAME.end, stream, trailersText(trailers))),
      onFailed: (error) => last(() => frames.postBytes(FRAME.fail, stream, Buffer.from(errorText(error)))),
    };
  }
}
