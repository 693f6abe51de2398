/** One outbound request under way, as the serving thread sees it: what the guest does to it, and what it hears of it. */
import type { ErrorCodeCase } from './wasi/execution-port.ts';
import type { WireHeaders } from './wasi/fields.ts';

/** What is done to a request that was begun. After `onEnd` or `onFailed` all of it does nothing. */
export interface OutboundExchange {
  /** More of the request's body. */
  write(chunk: Uint8Array): void;
  /** The request's body is complete. */
  end(trailers: WireHeaders): void;
  /** The guest has taken that many more bytes of the response. */
  taken(bytes: number): void;
  /** Nobody waits for it any more, or the request's body will never be complete. */
  cancel(): void;
}

/** What is heard of it, never before the call that begins it has returned. */
export interface OutboundEvents {
  /** That many bytes of the request's body have left. */
  onWritten(bytes: number): void;
  onResponse(status: number, headers: WireHeaders): void;
  /** Comes after `onResponse`, and stops while `WINDOW_BYTES` or more are not yet `taken`. */
  onChunk(chunk: Uint8Array): void;
  /** The response is complete. */
  onEnd(trailers: WireHeaders): void;
  /** Instead of a response, or in the middle of it; nothing follows. */
  onFailed(error: ErrorCodeCase): void;
}
