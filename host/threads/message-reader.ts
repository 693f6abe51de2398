/** The messages that come through a ring, whole again where they came in pieces. Knows only which frames are bodies. */
import { type Frame, FrameReader, type RingWords } from './frame-ring.ts';
import { FRAME } from './frames.ts';
import type { Ring } from './shared-slot.ts';

/** A message; its bytes may be overwritten after the next call of `next`. */
export type Message = Pick<Frame, 'type' | 'stream' | 'bytes'>;

export class MessageReader {
  readonly #reader: FrameReader;
  readonly #parts: Buffer[] = [];

  constructor(ring: Ring, at: RingWords) {
    this.#reader = new FrameReader(ring, at);
  }

  /** The next message; bodies come as they are. */
  next(): Message | undefined {
    for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
      if (frame.type === FRAME.body) return frame;
      if (frame.hasMore || this.#parts.length > 0) this.#parts.push(Buffer.from(frame.bytes));
      if (frame.hasMore) continue;
      if (this.#parts.length === 0) return frame;
      return { type: frame.type, stream: frame.stream, bytes: Buffer.concat(this.#parts.splice(0)) };
    }
    return undefined;
  }
}
