/**
 * Buffers of one size that bodies pass through, used again: the memory of a new one is let go only by the collector,
 * which long bodies outrun.
 */

/** A frame of a body fits. */
const BUFFER_BYTES = 32_768;
/** Kept at once. */
const COUNT_MAX = 32;
/** Smaller copies are cheap to make. */
const COPY_BYTES_MAX = 4_096;

/** A copy of bytes, and the buffer that it lies in where that is to be given back. */
export interface StockedCopy {
  readonly bytes: Buffer;
  readonly buffer: Buffer | undefined;
}

export class BufferStock {
  readonly #free: Buffer[] = [];

  copyOf(bytes: Uint8Array): StockedCopy {
    if (bytes.length <= COPY_BYTES_MAX || bytes.length > BUFFER_BYTES)
      return { bytes: Buffer.from(bytes), buffer: undefined };
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    buffer.set(bytes);
    return { bytes: buffer.subarray(0, bytes.length), buffer };
  }

  /** To be called when nobody looks at the copy any more. */
  giveBack({ buffer }: StockedCopy): void {
    if (buffer && this.#free.length < COUNT_MAX) this.#free.push(buffer);
  }
}

/**
 * Lets go of the memory behind a chunk that came from a socket and was taken in, at once. Nobody else may look at it.
 */
export function discard(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && chunk.length === buffer.byteLength && chunk.length > COPY_BYTES_MAX)
    buffer.transfer(0);
}
