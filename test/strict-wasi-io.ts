/**
 * Handles and streams for a strict WASI host (strict-wasi-host.ts): they trap where they are given away in the wrong
 * order or twice, and know which were never given back.
 */
export type Variant = { tag: string; val?: unknown };

/** What a host function throws to give `err`: jco reads `payload`. */
export class Refusal {
  readonly payload: unknown;
  constructor(payload?: unknown) {
    this.payload = payload;
  }
}

/** Those in the guest's hands. */
export const alive = new Set<Resource>();

/** A handle in the guest's hands until it is dropped or moved into another call. */
export class Resource {
  readonly parent: Resource | undefined;
  constructor(parent?: Resource) {
    this.parent = parent;
    alive.add(this);
  }
  release(): void {
    const child = [...alive].find((other) => other.parent === this);
    if (child) throw new Error(`${this.constructor.name} given away before its ${child.constructor.name}`);
    if (!alive.delete(this)) throw new Error(`${this.constructor.name} given away twice`);
  }
  [Symbol.dispose](): void {
    this.release();
  }
}

export class IoError extends Resource {
  readonly code: Variant | undefined;
  constructor(code?: Variant) {
    super();
    this.code = code;
  }
}

export class Pollable extends Resource {
  onBlock: () => void = () => undefined;
  block(): void {
    this.onBlock();
  }
}

export class InputStream extends Resource {
  private chunks: Uint8Array[] = [];
  private failure: Variant | undefined;
  static of(parent: Resource, chunks: Uint8Array[], failure?: Variant): InputStream {
    const stream = new InputStream(parent);
    stream.chunks = [...chunks];
    stream.failure = failure;
    return stream;
  }
  blockingRead(): Uint8Array {
    const chunk = this.chunks.shift();
    if (chunk) return chunk;
    throw new Refusal(
      this.failure ? { tag: 'last-operation-failed', val: new IoError(this.failure) } : { tag: 'closed' },
    );
  }
}

export class OutputStream extends Resource {
  readonly written: Uint8Array[] = [];
  isClosed = false;
  private budgetBytes = 0n;
  /** None at first, so that a guest has to wait for it. */
  checkWrite(): bigint {
    if (this.isClosed) throw new Refusal({ tag: 'closed' });
    return this.budgetBytes;
  }
  write(bytes: Uint8Array): void {
    this.budgetBytes -= BigInt(bytes.length);
    if (this.budgetBytes < 0n) throw new Error(`a write of ${bytes.length} bytes, more than were permitted`);
    this.written.push(bytes.slice());
  }
  flush(): void {}
  subscribe(): Pollable {
    const pollable = new Pollable(this);
    pollable.onBlock = () => {
      this.budgetBytes = 10_000n;
    };
    return pollable;
  }
  blockingWriteAndFlush(bytes: Uint8Array): void {
    if (bytes.length > 4096) throw new Error(`a write of ${bytes.length} bytes, more than 4096`);
    if (this.isClosed) throw new Refusal({ tag: 'closed' });
    this.written.push(bytes.slice());
  }
}
