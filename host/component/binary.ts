/** Reads the primitives of WebAssembly binaries. Knows bytes and bounds, no sections and no meaning. */
import { CodedError } from '../../metering/errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A cursor over bytes; reading past the end is `component-truncated`. */
export class BinaryReader {
  readonly bytes: Uint8Array;
  offset: number;
  readonly end: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  byte(): number {
    if (this.offset >= this.end) {
      throw new CodedError(
        'component-truncated',
        `the component ends too early: expected another byte at offset ${this.offset}, got the end`,
      );
    }
    return this.bytes[this.offset++] as number;
  }

  /** An unsigned LEB128 of at most 32 bits. */
  u32(): number {
    const start = this.offset;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new CodedError(
      'component-invalid',
      `expected an unsigned 32-bit number at offset ${start}, got one that is longer`,
    );
  }

  /** Another reader of the same bytes that begins elsewhere. */
  at(offset: number): BinaryReader {
    return new BinaryReader(this.bytes, offset, this.end);
  }

  /** The next `length` bytes as a reader of their own. */
  slice(length: number): BinaryReader {
    const start = this.offset;
    if (length > this.end - start) {
      throw new CodedError(
        'component-truncated',
        `the component ends too early: expected ${length} bytes at offset ${start}, got ${this.end - start}`,
      );
    }
    this.offset = start + length;
    return new BinaryReader(this.bytes, start, this.offset);
  }

  name(): string {
    const part = this.slice(this.u32());
    try {
      return decoder.decode(part.bytes.subarray(part.offset, part.end));
    } catch {
      throw new CodedError('component-invalid', `expected a name in UTF-8 at offset ${part.offset}`);
    }
  }
}

/** A non-negative integer as unsigned LEB128, of any length. */
export function encodeU32(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}
