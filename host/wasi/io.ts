/** wasi:io: pollables, input and output streams over buffers, and errors. Waiting is the only thing that blocks. */
import { GuestFault, ResultError } from './result-error.ts';

/** What a pollable waits for: whether it is there, and how to wait for some news of it. */
export interface Readiness {
  isReady(): boolean;
  /** Milliseconds until it is ready by the clock alone; Infinity when only news can make it ready. */
  remainingMs(): number;
}

export const ALWAYS_READY: Readiness = { isReady: () => true, remainingMs: () => 0 };

/** Blocks this thread until there is news for some pollable, at most `timeoutMs`. */
export type WaitForNews = (timeoutMs: number) => void;

export class Pollable {
  readonly readiness: Readiness;
  readonly wait: WaitForNews;

  constructor(readiness: Readiness = ALWAYS_READY, wait: WaitForNews = () => undefined) {
    this.readiness = readiness;
    this.wait = wait;
  }

  ready(): boolean {
    return this.readiness.isReady();
  }

  block(): void {
    while (!this.readiness.isReady()) this.wait(this.readiness.remainingMs());
  }

  /** wasi:io/poll.poll: the indexes of those that are ready, at least one. */
  static poll(pollables: readonly Pollable[]): Uint32Array {
    if (pollables.length === 0) throw new GuestFault('poll: expected at least one pollable, got none');
    for (;;) {
      const ready = pollables.flatMap((pollable, index) => (pollable.ready() ? [index] : []));
      if (ready.length > 0) return Uint32Array.from(ready);
      const remaining = pollables.map((pollable) => pollable.readiness.remainingMs());
      pollables[0]?.wait(Math.min(...remaining));
    }
  }
}

export class IoError {
  readonly message: string;

  constructor(message = 'unknown error') {
    this.message = message;
  }

  toDebugString(): string {
    return this.message;
  }
}

/** A stream over bytes that are all there. */
export class InputStream {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.#bytes = bytes;
  }

  read(lengthBytes: bigint): Uint8Array {
    if (this.#offset >= this.#bytes.length) throw new ResultError({ tag: 'closed' });
    const left = this.#bytes.length - this.#offset;
    const count = lengthBytes < BigInt(left) ? Number(lengthBytes) : left;
    this.#offset += count;
    return this.#bytes.subarray(this.#offset - count, this.#offset);
  }

  blockingRead(lengthBytes: bigint): Uint8Array {
    return this.read(lengthBytes);
  }

  skip(lengthBytes: bigint): bigint {
    return BigInt(this.read(lengthBytes).length);
  }

  blockingSkip(lengthBytes: bigint): bigint {
    return this.skip(lengthBytes);
  }

  subscribe(): Pollable {
    return new Pollable();
  }
}

/** Takes what a guest writes; throws what the guest must not survive. */
export type ByteSink = (bytes: Uint8Array) => void;

/** How much a guest may write after one check, as wasmtime offers. */
const WRITE_BUDGET_BYTES = 1_048_576n;
/** The most that the blocking forms take at once, by the text of wasi:io/streams. */
const BLOCKING_WRITE_BYTES = 4_096;

export class OutputStream {
  readonly #sink: ByteSink;

  constructor(sink: ByteSink = () => undefined) {
    this.#sink = sink;
  }

  checkWrite(): bigint {
    return WRITE_BUDGET_BYTES;
  }

  write(bytes: Uint8Array): void {
    this.#sink(bytes.slice());
  }

  blockingWriteAndFlush(bytes: Uint8Array): void {
    if (bytes.length > BLOCKING_WRITE_BYTES) {
      throw new GuestFault(
        `blocking-write-and-flush: expected at most ${BLOCKING_WRITE_BYTES} bytes, got ${bytes.length}`,
      );
    }
    this.write(bytes);
  }

  flush(): void {}

  blockingFlush(): void {}

  writeZeroes(lengthBytes: bigint): void {
    if (lengthBytes > WRITE_BUDGET_BYTES) {
      throw new GuestFault(`write-zeroes: expected at most ${WRITE_BUDGET_BYTES} bytes, got ${lengthBytes}`);
    }
    this.write(new Uint8Array(Number(lengthBytes)));
  }

  blockingWriteZeroesAndFlush(lengthBytes: bigint): void {
    this.writeZeroes(lengthBytes);
  }

  splice(source: InputStream, lengthBytes: bigint): bigint {
    const bytes = source.read(lengthBytes < WRITE_BUDGET_BYTES ? lengthBytes : WRITE_BUDGET_BYTES);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  blockingSplice(source: InputStream, lengthBytes: bigint): bigint {
    return this.splice(source, lengthBytes);
  }

  subscribe(): Pollable {
    return new Pollable();
  }
}
