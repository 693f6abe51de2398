/** The seam between a run and whoever asked for it: what a caller gives, and what it hears, as things happen. */
import type { ErrorCode } from '../../metering/errors.ts';
import type { Outcome } from '../../metering/execution.ts';
import type { ErrorCodeCase, ResponseHead } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';

/** A run under way, as its caller drives it. After it has ended all of it does nothing. */
export interface RunControl {
  /** More of the request's body, which nobody else may look at from now on. @returns false when the guest is behind: wait for `onSpace`. */
  sendBody(chunk: Uint8Array): boolean;
  endBody(trailers: WireHeaders): void;
  /** The rest of the request's body will never come. */
  failBody(error: ErrorCodeCase): void;
  /** That many bytes of the response have left. */
  taken(bytes: number): void;
  /** Nobody takes the response any more. */
  cancel(): void;
}

/** What the caller of a run hears, in this order; bodies may be overwritten after the call. */
export interface RunEvents {
  /** It has left the queue, and takes the request's body from now on. */
  onStart(control: RunControl): void;
  /** The guest wants more of the request's body after `sendBody` has said no. */
  onSpace(): void;
  /** The guest reads no more of the request's body. */
  onBodyUnwanted(): void;
  onInform(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  onBody(chunk: Buffer): void;
  onEnd(trailers: WireHeaders): void;
  /** The response's body will never be complete. */
  onAbort(): void;
  /** The guest goes on, and what it has answered so far should be on its way. */
  onPause(): void;
}

const nothing = (): void => undefined;

/** Of a caller that gives no body and looks at nothing but the result. */
export const UNHEARD: RunEvents = {
  onStart: (control) => control.endBody([]),
  onSpace: nothing,
  onBodyUnwanted: nothing,
  onInform: nothing,
  onHead: nothing,
  onBody: nothing,
  onEnd: nothing,
  onAbort: nothing,
  onPause: nothing,
};

/** How one run ended and what it used. */
export interface RunResult {
  readonly outcome: Outcome;
  /** Present whenever the outcome is not `ok`. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** When it left the queue, in milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  readonly startupUs: number;
  readonly runUs: number;
  readonly cpuUs: number;
  /** 0 where fuel is not counted. */
  readonly fuelUsed: number;
  readonly memoryBytesPeak: number;
  /** Whether it ran in an instance that had served before. */
  readonly isWarm: boolean;
  /** What the guest wrote to stdout and stderr, cut at a limit. */
  readonly log: string;
}
