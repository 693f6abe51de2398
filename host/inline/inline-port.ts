/**
 * The outside of an execution that runs on the serving thread: a request that is there as a whole, and a response that
 * is kept until the guest has returned. Whatever else a guest asks for ends the attempt before it has any effect.
 */
import { WINDOW_BYTES } from '../body-window.ts';
import type {
  BodySink,
  BodySource,
  ExecutionPort,
  News,
  OutboundCall,
  ResponseHead,
} from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';

/**
 * Why an attempt cannot count: the guest has to run where it can wait, and where others hear of what it does meanwhile.
 * What is thrown ends the guest soon, but host functions may make an error of their own of it.
 */
export class Departure {
  hasLeft = false;

  leave(what: string): never {
    this.hasLeft = true;
    throw new Error(`${what} is not for the serving thread`);
  }
}

class NoNews implements News {
  readonly canSuspend = false;
  readonly #departure: Departure;

  constructor(departure: Departure) {
    this.#departure = departure;
  }

  wait(): void {
    this.#departure.leave('waiting');
  }

  next(): Promise<void> {
    return this.#departure.leave('waiting');
  }
}

/** A body that is all there. */
class HeldBody implements BodySource {
  readonly state = 'ended';
  readonly failure = undefined;
  readonly trailers: WireHeaders = [];
  availableBytes = 0;
  readonly #chunks: readonly Uint8Array[];
  #chunk = 0;
  /** Of the chunk that is being read. */
  #readBytes = 0;

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks;
    for (const { length } of chunks) this.availableBytes += length;
  }

  read(lengthMax: number): Uint8Array {
    while (this.#readBytes === this.#chunks[this.#chunk]?.length) {
      this.#chunk++;
      this.#readBytes = 0;
    }
    const chunk = this.#chunks[this.#chunk];
    if (!chunk) return new Uint8Array();
    const read = chunk.subarray(this.#readBytes, this.#readBytes + lengthMax);
    this.#readBytes += read.length;
    this.availableBytes -= read.length;
    return read;
  }

  cancel(): void {
    this.availableBytes = 0;
  }
}

/** Keeps a body, which is refused where it is not small. */
class KeptBody implements BodySink {
  readonly chunks: Buffer[] = [];
  readonly isClosed = false;
  /** Of the complete body; undefined while it is not. */
  trailers: WireHeaders | undefined;
  budgetBytes = WINDOW_BYTES;

  write(bytes: Uint8Array): void {
    this.budgetBytes -= bytes.length;
    this.chunks.push(Buffer.from(bytes));
  }

  flush(): void {}

  finish(trailers: WireHeaders): void {
    this.trailers = trailers;
  }

  abort(): void {}
}

export class InlinePort implements ExecutionPort {
  readonly news: News;
  readonly requestBody: BodySource;
  readonly body = new KeptBody();
  head: ResponseHead | undefined;
  readonly #departure: Departure;

  constructor(body: readonly Uint8Array[], departure: Departure) {
    this.#departure = departure;
    this.news = new NoNews(departure);
    this.requestBody = new HeldBody(body);
  }

  enter(): void {}

  leave(): void {}

  beforeBlocking(): void {
    this.#departure.leave('a file');
  }

  inform(): void {
    this.#departure.leave('an informational response');
  }

  respond(head: ResponseHead): BodySink {
    this.head = head;
    return this.body;
  }

  send(): OutboundCall {
    return this.#departure.leave('an outbound request');
  }
}
