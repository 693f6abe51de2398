/** The three times that a request may take: to connect, until it is answered, and between two pieces of the answer. */
import type { ErrorCodeCase, OutboundHead } from './wasi/execution-port.ts';

/** Node's timers take no more; they would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class OutboundDeadlines {
  readonly #onPassed: (error: ErrorCodeCase) => void;
  readonly #betweenBytesMs: number;
  readonly #connecting: NodeJS.Timeout;
  /** For the first byte, then for the next; undefined while nothing is expected of the server. */
  #silence: NodeJS.Timeout | undefined;

  /**
   * All three run from now on, or from when their turn comes.
   * @param timeoutMs for those that the guest has not set.
   */
  constructor(head: OutboundHead, timeoutMs: number, onPassed: (error: ErrorCodeCase) => void) {
    this.#onPassed = onPassed;
    this.#betweenBytesMs = head.betweenBytesTimeoutMs ?? timeoutMs;
    this.#connecting = this.#after(head.connectTimeoutMs ?? timeoutMs, 'connection-timeout');
    this.#silence = this.#after(head.firstByteTimeoutMs ?? timeoutMs, 'HTTP-response-timeout');
  }

  get betweenBytesMs(): number {
    return Math.min(this.#betweenBytesMs, TIMER_MS_MAX);
  }

  connected(): void {
    clearTimeout(this.#connecting);
    this.progressed();
  }

  /** Bytes went one way or the other: a server that is still being told something need not answer yet. */
  progressed(): void {
    this.#silence?.refresh();
  }

  /** The response has begun, or is wanted again. */
  expectBytes(): void {
    this.expectNothing();
    this.#silence = this.#after(this.#betweenBytesMs, 'connection-read-timeout');
  }

  /** It is the guest that is slow: what the server sends would not be read. */
  expectNothing(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  stop(): void {
    clearTimeout(this.#connecting);
    this.expectNothing();
  }

  #after(ms: number, tag: string): NodeJS.Timeout {
    return setTimeout(() => this.#onPassed({ tag }), Math.min(ms, TIMER_MS_MAX));
  }
}
