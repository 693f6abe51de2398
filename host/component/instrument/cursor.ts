/** Reads and steps over the numbers of a core module, fast enough for millions of instructions. Knows no sections. */
import { Refusal } from './refusal.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A place in bytes; what lies beyond `end` is refused as `module-malformed`. */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  offset: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  byte(): number {
    if (this.offset >= this.end) throw tooShort(this.offset);
    return this.bytes[this.offset++] as number;
  }

  /** The byte that comes next, which stays where it is. */
  peek(): number {
    if (this.offset >= this.end) throw tooShort(this.offset);
    return this.bytes[this.offset] as number;
  }

  /** An unsigned LEB128 of at most 32 bits. */
  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    const start = this.offset - 1;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (value > 0xffff_ffff) break;
      return value;
    }
    throw new Refusal('module-malformed', start, 'expected an unsigned number of 32 bits, got a longer one');
  }

  /** An unsigned LEB128 of at most 64 bits. */
  u64(): bigint {
    const start = this.offset;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80 && value < 1n << 64n) return value;
    }
    throw new Refusal('module-malformed', start, 'expected an unsigned number of 64 bits, got a longer one');
  }

  /** Steps over a LEB128 of any sign, of at most 64 bits. */
  skipLeb(): void {
    const start = this.offset;
    for (let count = 0; count < 10; count++) {
      if (this.byte() < 0x80) return;
    }
    throw new Refusal('module-malformed', start, 'expected a number of at most 64 bits, got a longer one');
  }

  skip(bytes: number): void {
    if (bytes > this.end - this.offset) throw tooShort(this.offset);
    this.offset += bytes;
  }

  /** The next `length` bytes as a cursor of their own. */
  slice(length: number): Cursor {
    const start = this.offset;
    this.skip(length);
    return new Cursor(this.bytes, start, this.offset);
  }

  name(): string {
    const part = this.slice(this.u32());
    try {
      return decoder.decode(part.bytes.subarray(part.offset, part.end));
    } catch {
      throw new Refusal('module-malformed', part.offset, 'expected a name in UTF-8, got other bytes');
    }
  }
}

const tooShort = (offset: number): Refusal =>
  new Refusal('module-malformed', offset, 'expected more bytes, got the end');
