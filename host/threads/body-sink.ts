/** A body that goes out, as it is written in a worker: it leaves as frames, so far as they are taken. */
import { WINDOW_BYTES } from '../body-window.ts';
import type { BodySink, ErrorCodeCase } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';
import { errorText, FRAME, trailersText } from './frames.ts';

/** Where frames about a body go. */
export interface FramePoster {
  postText(type: number, stream: number, text: string): void;
  postBytes(type: number, stream: number, bytes: Uint8Array): void;
  postBody(stream: number, bytes: Uint8Array): void;
  /** Lets the serving thread hear of it before long. */
  announceSoon(): void;
}

export class FramedSink implements BodySink {
  isClosed = false;
  readonly #port: FramePoster;
  readonly #stream: number;
  #outstanding = 0;

  constructor(port: FramePoster, stream: number) {
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
