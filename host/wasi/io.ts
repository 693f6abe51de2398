/** wasi:io: pollables, errors and input streams. */
import type { BodySource, ErrorCodeCase, News } from './execution-port.ts';
import type { FileErrorCode } from './files/file-errors.ts';
import { GuestFault, ResultError } from './result-error.ts';
import { ALWAYS_READY, byNews, type Readiness, whenReady } from './waiting.ts';

/** The news of whoever never waits: what is always ready. */
export const NO_NEWS: News = {
  canSuspend: false,
  wait: () => {
    throw new GuestFault('expected something to wait for, got nothing that could ever change');
  },
  next: () => Promise.reject(new GuestFault('expected something to wait for, got nothing')),
};

export class Pollable {
  readonly readiness: Readiness;
  readonly news: News;

  constructor(readiness: Readiness = ALWAYS_READY, news: News = NO_NEWS) {
    this.readiness = readiness;
    this.news = news;
  }

  ready(): boolean {
    return this.readiness.isReady();
  }

  block(): void | Promise<void> {
    return whenReady(this.news, this.readiness, () => undefined);
  }

  /** wasi:io/poll.poll: the indexes of those that are ready, at least one. */
  static poll(pollables: readonly Pollable[]): Uint32Array | Promise<Uint32Array> {
    const [first] = pollables;
    if (!first) throw new GuestFault('poll: expected at least one pollable, got none');
    let ready: number[] = [];
    const some: Readiness = {
      isReady: () => {
        ready = pollables.flatMap((pollable, index) => (pollable.ready() ? [index] : []));
        return ready.length > 0;
      },
      remainingMs: () => Math.min(...pollables.map(({ readiness }) => readiness.remainingMs())),
    };
    // Whatever has to be waited for at all has the same news.
    return whenReady(first.news, some, () => Uint32Array.from(ready));
  }
}

export class IoError {
  readonly message: string;
  /** What wasi:http says of it, where it comes from there. */
  readonly code: ErrorCodeCase | undefined;
  /** What wasi:filesystem says of it, where it comes from there. */
  readonly fileCode: FileErrorCode | undefined;

  constructor(message = 'unknown error', code?: ErrorCodeCase, fileCode?: FileErrorCode) {
    this.message = message;
    this.code = code;
    this.fileCode = fileCode;
  }

  toDebugString(): string {
    return this.message;
  }
}

/** The error case of a stream that failed for a reason that wasi:http has a code for. */
export const streamFailure = (code: ErrorCodeCase): ResultError =>
  new ResultError({ tag: 'last-operation-failed', val: new IoError(`the body failed: ${code.tag}`, code) });

export const streamClosed = (): ResultError => new ResultError({ tag: 'closed' });

/** What an input stream reads. */
export type ByteSource = Pick<BodySource, 'availableBytes' | 'state' | 'failure' | 'read'>;

const NOTHING: ByteSource = {
  availableBytes: 0,
  state: 'ended',
  failure: undefined,
  read: () => new Uint8Array(),
};

export class InputStream {
  readonly #source: ByteSource;
  readonly #news: News;
  readonly #onDrop: () => void;
  #hasToldFailure = false;

  constructor(source: ByteSource = NOTHING, news: News = NO_NEWS, onDrop: () => void = () => undefined) {
    this.#source = source;
    this.#news = news;
    this.#onDrop = onDrop;
  }

  /** Whether a read would tell anything. */
  get isReady(): boolean {
    return this.#source.availableBytes > 0 || this.#source.state !== 'open';
  }

  get news(): News {
    return this.#news;
  }

  read(lengthBytes: bigint): Uint8Array {
    const source = this.#source;
    const available = source.availableBytes;
    if (available > 0) return source.read(lengthBytes < BigInt(available) ? Number(lengthBytes) : available);
    if (source.state === 'open') return new Uint8Array();
    if (source.failure === undefined || this.#hasToldFailure) throw streamClosed();
    this.#hasToldFailure = true;
    throw streamFailure(source.failure);
  }

  blockingRead(lengthBytes: bigint): Uint8Array | Promise<Uint8Array> {
    return whenReady(this.#news, this.#readiness, () => this.read(lengthBytes));
  }

  skip(lengthBytes: bigint): bigint {
    return BigInt(this.read(lengthBytes).length);
  }

  blockingSkip(lengthBytes: bigint): bigint | Promise<bigint> {
    return whenReady(this.#news, this.#readiness, () => this.skip(lengthBytes));
  }

  subscribe(): Pollable {
    return new Pollable(this.#readiness, this.#news);
  }

  [Symbol.dispose](): void {
    this.#onDrop();
  }

  get #readiness(): Readiness {
    return byNews(() => this.isReady);
  }
}
