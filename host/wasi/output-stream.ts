/** wasi:io output streams over whatever takes bytes, as fast as that takes them. */
import type { News } from './execution-port.ts';
import { type InputStream, NO_NEWS, Pollable, streamClosed } from './io.ts';
import { GuestFault } from './result-error.ts';
import { byNews, type Readiness, whenReady } from './waiting.ts';

/** Where the bytes of a stream go. */
export interface ByteTarget {
  /** Bytes that may be written now. */
  readonly budgetBytes: number;
  readonly isClosed: boolean;
  /** Passes the bytes on, or keeps a copy: they are the guest's memory, and change as soon as it goes on. Throws a ResultError, or what the guest must not survive. */
  write(bytes: Uint8Array): void;
  flush(): void;
}

/** Takes what a guest writes, or a copy of it, since the bytes are the guest's memory; throws what the guest must not survive. */
export type ByteSink = (bytes: Uint8Array) => void;

/** A target that is always ready. */
export const alwaysOpen = (write: ByteSink): ByteTarget => ({
  budgetBytes: Number.POSITIVE_INFINITY,
  isClosed: false,
  write,
  flush: () => undefined,
});

/** How much a guest may write after one check, as wasmtime offers. */
const WRITE_BUDGET_BYTES = 1_048_576;
/** The most that the blocking forms take at once, by the text of wasi:io/streams. */
const BLOCKING_WRITE_BYTES = 4_096;

export class OutputStream {
  readonly #target: ByteTarget;
  readonly #news: News;

  constructor(target: ByteTarget = alwaysOpen(() => undefined), news: News = NO_NEWS) {
    this.#target = target;
    this.#news = news;
  }

  checkWrite(): bigint {
    if (this.#target.isClosed) throw streamClosed();
    return BigInt(Math.min(this.#target.budgetBytes, WRITE_BUDGET_BYTES));
  }

  write(bytes: Uint8Array): void {
    if (this.#target.isClosed) throw streamClosed();
    if (bytes.length > this.#target.budgetBytes) {
      throw new GuestFault(
        `write: expected at most the ${this.#target.budgetBytes} bytes that check-write permits, got ${bytes.length}`,
      );
    }
    this.#target.write(bytes);
  }

  blockingWriteAndFlush(bytes: Uint8Array): void | Promise<void> {
    checkBlocking('blocking-write-and-flush', bytes.length);
    let left = bytes;
    const written = byNews(() => {
      const count = Math.min(left.length, this.#target.budgetBytes);
      this.write(left.subarray(0, count));
      left = left.subarray(count);
      return left.length === 0;
    });
    return whenReady(this.#news, written, () => this.#target.flush());
  }

  flush(): void {
    if (this.#target.isClosed) throw streamClosed();
    this.#target.flush();
  }

  /** What was flushed is on its way, and nothing more is known of it; but the stream has to take more by then. */
  blockingFlush(): void | Promise<void> {
    this.flush();
    return whenReady(this.#news, this.#readiness, () => {
      if (this.#target.isClosed) throw streamClosed();
    });
  }

  writeZeroes(lengthBytes: bigint): void {
    if (lengthBytes > WRITE_BUDGET_BYTES) {
      throw new GuestFault(`write-zeroes: expected at most ${WRITE_BUDGET_BYTES} bytes, got ${lengthBytes}`);
    }
    this.write(new Uint8Array(Number(lengthBytes)));
  }

  blockingWriteZeroesAndFlush(lengthBytes: bigint): void | Promise<void> {
    checkBlocking('blocking-write-zeroes-and-flush', lengthBytes);
    return this.blockingWriteAndFlush(new Uint8Array(Number(lengthBytes)));
  }

  splice(source: InputStream, lengthBytes: bigint): bigint {
    const permitted = this.checkWrite();
    const length = lengthBytes < permitted ? lengthBytes : permitted;
    if (length === 0n) return 0n;
    const bytes = source.read(length);
    if (bytes.length > 0) this.write(bytes);
    return BigInt(bytes.length);
  }

  blockingSplice(source: InputStream, lengthBytes: bigint): bigint | Promise<bigint> {
    const both = byNews(() => this.#isReady && (this.#target.isClosed || source.isReady));
    // Whichever of the two has to be waited for at all has the news.
    const news = this.#news === NO_NEWS ? source.news : this.#news;
    return whenReady(news, both, () => this.splice(source, lengthBytes));
  }

  subscribe(): Pollable {
    return new Pollable(this.#readiness, this.#news);
  }

  get #isReady(): boolean {
    return this.#target.isClosed || this.#target.budgetBytes > 0;
  }

  get #readiness(): Readiness {
    return byNews(() => this.#isReady);
  }
}

function checkBlocking(name: string, lengthBytes: number | bigint): void {
  if (lengthBytes <= BLOCKING_WRITE_BYTES) return;
  throw new GuestFault(`${name}: expected at most ${BLOCKING_WRITE_BYTES} bytes, got ${lengthBytes}`);
}
