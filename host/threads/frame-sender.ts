/** Messages from the serving thread to a worker, which keep their order while there is no room for them. */
import { discard } from '../buffer-stock.ts';
import { FrameWriter, MIN_PIECE_BYTES, type RingWords } from './frame-ring.ts';
import type { Ring } from './shared-slot.ts';

/** A message, or the rest of one, that found no room in the ring. */
interface Unsent {
  readonly type: number;
  readonly stream: number;
  readonly bytes: Uint8Array;
  /** What `bytes` are the rest of. */
  readonly whole: Uint8Array;
}

/** What is heard of the ring. */
export interface SenderEvents {
  /** There is something new for the worker. */
  readonly onSent: () => void;
  /** There is more to write than fits; `sendUnsent` is to be called once the worker has read. */
  readonly onFull: () => void;
}

export class FrameSender {
  readonly #writer: FrameWriter;
  readonly #events: SenderEvents;
  readonly #unsent: Unsent[] = [];

  constructor(ring: Ring, at: RingWords, events: SenderEvents) {
    this.#writer = new FrameWriter(ring, at);
    this.#events = events;
  }

  /** @param text of one byte a character. */
  post(type: number, stream: number, text: string): void {
    if (this.#unsent.length > 0 || text.length > this.#writer.room) {
      this.postBytes(type, stream, Buffer.from(text, 'latin1'));
      return;
    }
    this.#writer.writeLatin1(type, stream, text);
    this.#writer.publish();
    this.#events.onSent();
  }

  /** The bytes are the sender's from now on, which lets go of their memory once they are written. */
  postBytes(type: number, stream: number, bytes: Uint8Array): void {
    const rest = this.#unsent.length > 0 ? bytes : this.#write(type, stream, bytes);
    if (rest) {
      this.#unsent.push({ type, stream, bytes: rest, whole: bytes });
      this.#events.onFull();
    } else discard(bytes);
    this.#events.onSent();
  }

  sendUnsent(): void {
    for (let next = this.#unsent[0]; next; next = this.#unsent[0]) {
      const { type, stream, bytes, whole } = next;
      const rest = this.#write(type, stream, bytes);
      if (rest) {
        this.#unsent[0] = { type, stream, bytes: rest, whole };
        this.#events.onFull();
        this.#events.onSent();
        return;
      }
      this.#unsent.shift();
      discard(whole);
      this.#events.onSent();
    }
  }

  /** Writes what there is room for. @returns what there was none for. */
  #write(type: number, stream: number, bytes: Uint8Array): Uint8Array | undefined {
    let rest = bytes;
    for (;;) {
      const { room } = this.#writer;
      if (room < Math.min(rest.length, MIN_PIECE_BYTES)) return rest;
      const length = this.#writer.pieceOf(rest.length);
      const piece = rest.subarray(0, length);
      rest = rest.subarray(length);
      this.#writer.write(type, stream, piece, rest.length > 0);
      this.#writer.publish();
      if (rest.length === 0) return undefined;
    }
  }
}
