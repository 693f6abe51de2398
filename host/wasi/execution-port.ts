/**
 * What the host functions of one execution need of the outside: bodies as streams in both directions, and a way to
 * wait for news of them. Knows neither threads nor sockets; the worker implements it over shared memory.
 */
import type { WireHeaders } from './fields.ts';

/** WIT's error-code; only the cases that carry a value have one. */
export interface ErrorCodeCase {
  readonly tag: string;
  readonly val?: unknown;
}

/** A request without its body. */
export interface RequestHead {
  readonly method: string;
  readonly pathWithQuery: string;
  readonly scheme: 'http' | 'https';
  /** Empty where there is none. */
  readonly authority: string;
  readonly headers: WireHeaders;
}

/** A response without its body. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: WireHeaders;
}

/** A request that a guest sends, without its body. Absent timeouts mean the host's own. */
export interface OutboundHead extends RequestHead {
  /** Length of the body where it is known before it is sent: 0 where there is none; undefined while it is open. */
  readonly bodyBytes: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly firstByteTimeoutMs: number | undefined;
  readonly betweenBytesTimeoutMs: number | undefined;
}

/** A body that comes in. What has arrived can be read; what is still to come is announced by news. */
export interface BodySource {
  /** Bytes that `read` would give now. */
  readonly availableBytes: number;
  /** What follows the available bytes: perhaps more, nothing, or a failure. */
  readonly state: 'open' | 'ended' | 'failed';
  /** Present exactly when the state is `failed`. */
  readonly failure: ErrorCodeCase | undefined;
  /** Present once the state is `ended`; empty where there were none. */
  readonly trailers: WireHeaders | undefined;
  /** At most `lengthMax` of the available bytes, which stay as they are until the next read. */
  read(lengthMax: number): Uint8Array;
  /** The guest will read no more: what still comes is thrown away. */
  cancel(): void;
}

/** A body that goes out. Once it is closed, finished or aborted, nothing has any effect any more. */
export interface BodySink {
  /** Bytes that may be written now; 0 while the receiver is slower than the guest. News follow when that changes. */
  readonly budgetBytes: number;
  /** Whether nobody takes any more bytes: the client is gone, or the other side has answered and closed. */
  readonly isClosed: boolean;
  /** Takes all bytes, which the caller may overwrite afterwards. More than the budget is a fault of the caller. */
  write(bytes: Uint8Array): void;
  /** Makes what was written visible soon to the receiver, without waiting for it. */
  flush(): void;
  /** The body is complete. */
  finish(trailers: WireHeaders): void;
  /** The body will never be complete. */
  abort(error: ErrorCodeCase): void;
}

export type OutboundAnswer =
  | ({ readonly tag: 'ok'; readonly body: BodySource } & ResponseHead)
  | { readonly tag: 'err'; readonly error: ErrorCodeCase };

/** A request that a guest has sent. */
export interface OutboundCall {
  readonly body: BodySink;
  /** The response's head, or why there is none; undefined until one of them is known. */
  answer(): OutboundAnswer | undefined;
  /** The guest wants no answer any more. */
  cancel(): void;
}

/**
 * Waiting for whatever may have changed in bodies and answers. Both forms end early without news: look again. What
 * changed after the last wait ended counts as news for the next one, so that nothing between a look and a wait is lost.
 */
export interface News {
  /** Whether the guest can be suspended here, so that the thread does other work meanwhile. */
  readonly canSuspend: boolean;
  /** Blocks the thread, at most `timeoutMs`. Throws when the execution has been stopped. */
  wait(timeoutMs: number): void;
  /** Resolves on news or after `timeoutMs`; rejects when the execution has been stopped. Only if `canSuspend`. */
  next(timeoutMs: number): Promise<void>;
}

/** The outside of one execution. */
export interface ExecutionPort {
  readonly news: News;
  /**
   * The guest's code runs from now on: it starts, is called, or goes on after it was suspended. Where another
   * execution's guest was the last to enter, its turn ends here.
   */
  enter(): void;
  /** It runs no more for now. Does nothing when its turn has already ended. */
  leave(): void;
  readonly requestBody: BodySource;
  /** The guest is about to do what may take its time without any wait for news, such as reading a file. */
  beforeBlocking(): void;
  /** An informational response (1xx) before the final one. */
  inform(head: ResponseHead): void;
  /** Sends the response's head; called at most once. */
  respond(head: ResponseHead): BodySink;
  /** Sends a request. */
  send(head: OutboundHead): OutboundCall;
}
