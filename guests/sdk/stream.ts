// Bodies piece by piece, so that a guest's memory does not grow with their length. Knows streams and when they are
// dropped; must not know whose body it is.

import { lend } from './memory';
import { bytesAt } from './text';
import * as wasi from './wasi';

const PIECE_BYTES: i32 = 65536;

/** A body that comes in, one piece after the other. */
export class BodyReader {
  private stream: i32;
  private isOver: bool = false;
  private piece: Uint8Array = bytesAt(__new(PIECE_BYTES, idof<ArrayBuffer>()), PIECE_BYTES);

  /** Made by `Request.stream` alone, which owns the resource. */
  constructor(private body: i32) {
    wasi.incomingStream(body, wasi.answer);
    if (load<u8>(wasi.answer)) throw new Error('the body was read before');
    this.stream = load<i32>(wasi.answer, 4);
  }

  /**
   * Waits for the next piece, at most 64 KiB, and gives null after the last. It is the same array each time: copy what
   * has to outlast the next call. Traps when the client stops half way.
   */
  read(): Uint8Array | null {
    if (this.isOver) return null;
    lend(this.piece.dataStart, PIECE_BYTES);
    wasi.read(this.stream, PIECE_BYTES, wasi.answer);
    lend(0, 0);
    if (load<u8>(wasi.answer)) return this.end();
    store<i32>(changetype<usize>(this.piece), load<i32>(wasi.answer, 8), offsetof<Uint8Array>('byteLength'));
    return this.piece;
  }

  private end(): Uint8Array | null {
    // stream-error: 0 is last-operation-failed, 1 is closed, the usual end.
    if (!load<u8>(wasi.answer, 4)) throw new Error('the request body ended before it was complete');
    this.isOver = true;
    wasi.dropInput(this.stream);
    wasi.dropIncomingBody(this.body);
    return null;
  }
}

/** A body that goes out, one piece after the other. */
export class BodyWriter {
  private stream: i32;
  private isClosed: bool = false;

  /** Made by `Response.stream` alone, which owns the resource. */
  constructor(private body: i32) {
    wasi.outgoingStream(body, wasi.answer);
    this.stream = load<i32>(wasi.answer, 4);
  }

  /** Sends bytes, and waits while the client is slower; false when nobody reads any more. */
  write(bytes: Uint8Array): bool {
    let at = bytes.dataStart;
    let left = bytes.length;
    while (left > 0) {
      const taken = min(left, this.permitted());
      if (!this.isClosed) wasi.writePermitted(this.stream, at, taken, wasi.answer);
      if (this.isClosed || load<u8>(wasi.answer)) return this.close();
      at += taken;
      left -= taken;
    }
    wasi.flush(this.stream, wasi.answer);
    return load<u8>(wasi.answer) ? this.close() : true;
  }

  /** Ends the body; one that nobody reads any more is dropped, which says it is cut short. For the entry alone. */
  finish(): void {
    wasi.dropOutput(this.stream);
    if (this.isClosed) wasi.dropOutgoingBody(this.body);
    else wasi.finishBody(this.body, 0, 0, wasi.answer);
  }

  /** Waits until the host takes bytes, and says how many; at most what a piece has. */
  private permitted(): i32 {
    while (!this.isClosed) {
      wasi.checkWrite(this.stream, wasi.answer);
      if (load<u8>(wasi.answer)) break;
      const bytes = load<u64>(wasi.answer, 8);
      if (bytes) return <i32>min<u64>(bytes, PIECE_BYTES);
      const pollable = wasi.subscribeOutput(this.stream);
      wasi.block(pollable);
      wasi.dropPollable(pollable);
    }
    this.isClosed = true;
    return 0;
  }

  private close(): bool {
    this.isClosed = true;
    return false;
  }
}
