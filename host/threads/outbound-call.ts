/** A request that a guest sends, as a worker has it: its body on the way out, and the answer once that has come. */
import type { ErrorCodeCase, OutboundAnswer, OutboundCall, ResponseHead } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';
import { FramedSink, type FramePoster } from './body-sink.ts';
import type { FramedSource } from './body-source.ts';

/** What a guest writes of a request's body before the head leaves without waiting for the rest. */
const HELD_BYTES_MAX = 16_384;

/**
 * The body of a request that a guest sends. The head is held while the body may still turn out to be short: then its
 * length is known, which servers like to be told, and one that is not as long as was declared is never sent.
 */
export class RequestSink extends FramedSink {
  #sendHead: ((bodyBytes: number | undefined) => void) | undefined;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  readonly #onAbort: (error: ErrorCodeCase) => void;

  constructor(
    port: FramePoster,
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

export class FramedCall implements OutboundCall {
  readonly body: RequestSink;
  readonly source: FramedSource;
  readonly #onCancel: () => void;
  #answer: OutboundAnswer | undefined;

  constructor(body: RequestSink, source: FramedSource, onCancel: () => void) {
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
