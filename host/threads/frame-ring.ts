/**
 * A ring of frames in shared memory, for one writer and one reader on different threads. A frame has a type, the
 * number of a stream and bytes; what they mean is none of its business. Neither side ever waits here.
 */
import { RING_BYTES, type Ring } from './shared-slot.ts';

const HEADER_BYTES = 8;
const MASK = RING_BYTES - 1;
/** Marks a frame whose message goes on in the next one of its stream. */
const MORE = 0x80;

/** Less is not worth a frame of its own. */
export const MIN_PIECE_BYTES = 4_096;
/** The most bytes that one frame carries, so that several fit at once. */
export const FRAME_BYTES_MAX = RING_BYTES / 4;

const padded = (lengthBytes: number): number => (lengthBytes + 7) & ~7;

/** Where a ring keeps how far it was written and read: indexes among the words. */
export interface RingWords {
  readonly words: Int32Array;
  readonly headAt: number;
  readonly tailAt: number;
}

/** A frame that was read; its bytes may be overwritten after the next call of `next`. */
export interface Frame {
  readonly type: number;
  readonly stream: number;
  /** Whether the message goes on in the next frame of the stream. */
  readonly hasMore: boolean;
  readonly bytes: Buffer;
}

export class FrameWriter {
  readonly #ring: Buffer;
  readonly #view: Int32Array;
  readonly #at: RingWords;
  #head = 0;

  constructor({ bytes, view }: Ring, at: RingWords) {
    this.#ring = bytes;
    this.#view = view;
    this.#at = at;
  }

  /** The largest payload that a frame could have now; below 0 when there is no room for any frame. */
  get room(): number {
    const used = (this.#head - Atomics.load(this.#at.words, this.#at.tailAt)) | 0;
    return Math.min(FRAME_BYTES_MAX, RING_BYTES - used - HEADER_BYTES);
  }

  /**
   * How much of a longer message the next frame should carry, of what there is room for: no more than lies in one piece,
   * where that is worth a frame, since its reader need not put it together then.
   */
  pieceOf(lengthBytes: number): number {
    const most = Math.min(lengthBytes, this.room);
    const toEnd = RING_BYTES - ((this.#head + HEADER_BYTES) & MASK);
    return toEnd < most && toEnd >= MIN_PIECE_BYTES ? toEnd : most;
  }

  /** Whether anything was written that the reader has not yet taken. */
  get isEmpty(): boolean {
    return this.#head === Atomics.load(this.#at.words, this.#at.tailAt);
  }

  /** Writes one frame, which has to fit; `publish` lets the reader see it. */
  write(type: number, stream: number, bytes: Uint8Array, hasMore = false): void {
    const at = this.#begin(type, stream, bytes.length, hasMore);
    const first = Math.min(bytes.length, RING_BYTES - at);
    this.#ring.set(first === bytes.length ? bytes : bytes.subarray(0, first), at);
    if (first < bytes.length) this.#ring.set(bytes.subarray(first), 0);
  }

  /** The same for text of which each character is one byte. */
  writeLatin1(type: number, stream: number, text: string): void {
    const at = (this.#head + HEADER_BYTES) & MASK;
    if (at + text.length > RING_BYTES) {
      this.write(type, stream, Buffer.from(text, 'latin1'));
      return;
    }
    this.#ring.write(text, this.#begin(type, stream, text.length, false), 'latin1');
  }

  publish(): void {
    Atomics.store(this.#at.words, this.#at.headAt, this.#head);
  }

  #begin(type: number, stream: number, lengthBytes: number, hasMore: boolean): number {
    const at = this.#head & MASK;
    this.#view[at >> 2] = (stream << 8) | type | (hasMore ? MORE : 0);
    this.#view[(at >> 2) + 1] = lengthBytes;
    this.#head = (this.#head + HEADER_BYTES + padded(lengthBytes)) | 0;
    return (at + HEADER_BYTES) & MASK;
  }
}

export class FrameReader {
  readonly #ring: Buffer;
  readonly #view: Int32Array;
  readonly #at: RingWords;
  #tail = 0;

  constructor({ bytes, view }: Ring, at: RingWords) {
    this.#ring = bytes;
    this.#view = view;
    this.#at = at;
  }

  /** The next frame; gives the one before back to the writer. */
  next(): Frame | undefined {
    const { words, headAt, tailAt } = this.#at;
    Atomics.store(words, tailAt, this.#tail);
    if (Atomics.load(words, headAt) === this.#tail) return undefined;
    const at = this.#tail & MASK;
    const word = this.#view[at >> 2] as number;
    const lengthBytes = this.#view[(at >> 2) + 1] as number;
    const from = (at + HEADER_BYTES) & MASK;
    this.#tail = (this.#tail + HEADER_BYTES + padded(lengthBytes)) | 0;
    const bytes =
      from + lengthBytes <= RING_BYTES
        ? this.#ring.subarray(from, from + lengthBytes)
        : Buffer.concat([this.#ring.subarray(from), this.#ring.subarray(0, from + lengthBytes - RING_BYTES)]);
    return { type: word & (MORE - 1), stream: word >>> 8, hasMore: (word & MORE) !== 0, bytes };
  }
}
