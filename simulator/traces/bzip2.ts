/**
 * Unpacks bzip2 (the format as bzip2 1.0.8 writes it, several streams one after the other too). Blocks are at most
 * 900 kB, so each is unpacked as a whole from bytes that are at hand. It knows no traces.
 */
import { Bits, fault, readBlock } from './bzip2-block.ts';

const STREAM_MAGIC = 0x425a68;
const BLOCK_MAGIC = 0x314159265359;
const END_MAGIC = 0x177245385090;
const BLOCK_UNIT = 100_000;
/** More than any block of 900 kB takes packed: bzip2 adds at most 1 % and 600 bytes. */
const PACKED_BLOCK_MAX = 1_000_000;

/** Input that is at hand, and where in it the next block begins. */
class Input {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  #bitsBefore = 0;
  #isAll = false;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Gathers enough for any block, or all there is. */
  async fill(): Promise<void> {
    const parts = [this.bytes.subarray(this.at)];
    let length = this.bytes.length - this.at;
    while (length < PACKED_BLOCK_MAX && !this.#isAll) {
      const next = await this.#chunks.next();
      if (next.done) this.#isAll = true;
      else {
        parts.push(next.value);
        length += next.value.length;
      }
    }
    this.bytes = Buffer.concat(parts);
    this.at = 0;
  }

  /** Bits from where the last block ended, which need not be between two bytes. */
  bits(): Bits {
    const bits = new Bits(this.bytes, this.at);
    if (this.#bitsBefore > 0) bits.read(this.#bitsBefore);
    return bits;
  }

  /** Goes on from where these bits are. */
  moveTo(bits: Bits, isAligned: boolean): void {
    const left = isAligned ? 0 : bits.bitsLeft;
    this.at = left === 0 ? bits.byteAt : bits.byteAt - 1;
    this.#bitsBefore = left === 0 ? 0 : 8 - left;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }
}

/** @throws Error for data that is cut or broken. */
export async function* bunzip2(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = new Input(chunks);
  for (await input.fill(); !input.isAtEnd; await input.fill()) {
    const header = input.bits();
    if (header.read(24) !== STREAM_MAGIC) throw fault('no header BZh');
    const blockMax = (header.read(8) - 48) * BLOCK_UNIT;
    if (blockMax < BLOCK_UNIT || blockMax > 9 * BLOCK_UNIT) throw fault('no block size');
    input.moveTo(header, false);
    for (;;) {
      await input.fill();
      const bits = input.bits();
      const magic = bits.magic();
      if (magic === END_MAGIC) {
        // The checksum of all blocks together says nothing that theirs do not.
        bits.crc();
        input.moveTo(bits, true);
        break;
      }
      if (magic !== BLOCK_MAGIC) throw fault('neither a block nor the end');
      const block = readBlock(bits, blockMax);
      input.moveTo(bits, false);
      yield block;
    }
  }
}
