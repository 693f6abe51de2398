/**
 * One block of bzip2: Huffman codes, move to front, the Burrows-Wheeler transformation and runs, each undone. It
 * knows no files.
 */

const GROUP_SYMBOLS = 50;
const CODE_BITS_MAX = 20;
const RUN_B = 1;

export const fault = (what: string): Error => new Error(`bzip2: ${what}`);

/** Reads bits, the highest of each byte first. */
export class Bits {
  readonly #bytes: Uint8Array;
  #at: number;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** @param count 1 to 24. */
  read(count: number): number {
    while (this.#count < count) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw fault('the data ends too early');
      this.#held = ((this.#held & 0xffffff) << 8) | byte;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#held >>> this.#count) & (2 ** count - 1);
  }

  /** 48 bits as a number, which holds them exactly. */
  magic(): number {
    return this.read(24) * 2 ** 24 + this.read(24);
  }

  crc(): number {
    return ((this.read(16) << 16) | this.read(16)) >>> 0;
  }

  /** The next whole byte; the bits before it are padding. */
  get byteAt(): number {
    return this.#at - (this.#count >> 3);
  }

  /** How many bits of the byte before `byteAt` are still to be read. */
  get bitsLeft(): number {
    return this.#count & 7;
  }
}

/** A Huffman code as the least code of each length, and the symbols in the order of their codes. */
class Codes {
  readonly #limit = new Int32Array(CODE_BITS_MAX + 2).fill(-1);
  readonly #base = new Int32Array(CODE_BITS_MAX + 2);
  readonly #symbols: Uint16Array;

  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let code = 0;
    let placed = 0;
    for (let bits = 1; bits <= CODE_BITS_MAX; bits++) {
      this.#base[bits] = placed - code;
      for (const [symbol, length] of lengths.entries()) {
        if (length !== bits) continue;
        this.#symbols[placed++] = symbol;
        code++;
      }
      this.#limit[bits] = code - 1;
      code <<= 1;
    }
  }

  next(bits: Bits): number {
    let code = 0;
    for (let length = 1; length <= CODE_BITS_MAX; length++) {
      code = (code << 1) | bits.read(1);
      const place = code + (this.#base[length] as number);
      if (code <= (this.#limit[length] as number) && place >= 0) return this.#symbols[place] as number;
    }
    throw fault('a code that stands for nothing');
  }
}

function readSymbols(bits: Bits): number[] {
  const ranges = bits.read(16);
  const symbols: number[] = [];
  for (let range = 0; range < 16; range++) {
    if (((ranges >> (15 - range)) & 1) === 0) continue;
    const used = bits.read(16);
    for (let bit = 0; bit < 16; bit++) if ((used >> (15 - bit)) & 1) symbols.push(range * 16 + bit);
  }
  if (symbols.length === 0) throw fault('a block without symbols');
  return symbols;
}

function toFront(list: number[], place: number): number {
  const [value] = list.splice(place, 1);
  if (value === undefined) throw fault('a place outside of its list');
  list.unshift(value);
  return value;
}

function readCodes(
  bits: Bits,
  alphabet: number,
): { readonly codes: Codes[]; readonly selectors: Uint8Array } {
  const groups = bits.read(3);
  const selectors = new Uint8Array(bits.read(15));
  if (groups < 2 || groups > 6 || selectors.length === 0) throw fault('a block without codes');
  const order = Array.from({ length: groups }, (_, group) => group);
  for (let at = 0; at < selectors.length; at++) {
    let place = 0;
    while (bits.read(1) === 1) if (++place >= groups) throw fault('a selector of no group');
    selectors[at] = toFront(order, place);
  }
  const codes = order.map(() => {
    const lengths = new Uint8Array(alphabet);
    let length = bits.read(5);
    for (let symbol = 0; symbol < alphabet; symbol++) {
      while (bits.read(1) === 1) length += bits.read(1) === 0 ? 1 : -1;
      if (length < 1 || length > CODE_BITS_MAX) throw fault('a code of no length');
      lengths[symbol] = length;
    }
    return new Codes(lengths);
  });
  return { codes, selectors };
}

/** The bytes of a block as the Burrows-Wheeler transformation left them. */
function readTransformed(bits: Bits, blockMax: number): Uint8Array {
  const list = readSymbols(bits);
  const endOfBlock = list.length + 1;
  const { codes, selectors } = readCodes(bits, endOfBlock + 1);
  const bytes = new Uint8Array(blockMax);
  let count = 0;
  let run = 0;
  let weight = 1;
  for (let at = 0; ; at++) {
    const code = codes[selectors[Math.floor(at / GROUP_SYMBOLS)] ?? codes.length];
    if (code === undefined) throw fault('more symbols than selectors');
    const symbol = code.next(bits);
    if (symbol <= RUN_B) {
      run += weight * (symbol + 1);
      weight *= 2;
      if (run > blockMax) throw fault('a block that is too long');
      continue;
    }
    if (count + run > blockMax) throw fault('a block that is too long');
    bytes.fill(list[0] as number, count, count + run);
    count += run;
    run = 0;
    weight = 1;
    if (symbol === endOfBlock) return bytes.subarray(0, count);
    if (count === blockMax) throw fault('a block that is too long');
    bytes[count++] = toFront(list, symbol - 1);
  }
}

/** Undoes the Burrows-Wheeler transformation, and then the runs of four equal bytes and a count. */
function restored(bytes: Uint8Array, origin: number): Uint8Array {
  const starts = new Uint32Array(257);
  for (const byte of bytes) starts[byte + 1] = (starts[byte + 1] as number) + 1;
  for (let byte = 0; byte < 256; byte++)
    starts[byte + 1] = (starts[byte + 1] as number) + (starts[byte] as number);
  const next = new Uint32Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    const place = starts[byte] as number;
    next[place] = at;
    starts[byte] = place + 1;
  }
  let out = new Uint8Array(bytes.length * 2);
  let count = 0;
  let equal = 0;
  let before = -1;
  let at = next[origin] as number;
  for (let done = 0; done < bytes.length; done++, at = next[at] as number) {
    const byte = bytes[at] as number;
    const times = equal === 4 ? byte : 1;
    if (count + times > out.length) {
      const larger = new Uint8Array((count + times) * 2);
      larger.set(out);
      out = larger;
    }
    out.fill(equal === 4 ? before : byte, count, count + times);
    count += times;
    if (equal === 4) equal = 0;
    else {
      equal = byte === before ? equal + 1 : 1;
      before = byte;
    }
    // A count ends its run: the next byte begins one, even if it is the same.
    if (equal === 0) before = -1;
  }
  return out.subarray(0, count);
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

function crcOf(bytes: Uint8Array): number {
  let crc = -1;
  for (let at = 0; at < bytes.length; at++) {
    crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

/**
 * Unpacks the block that begins after its magic number.
 * @throws Error for a block that is broken.
 */
export function readBlock(bits: Bits, blockMax: number): Uint8Array {
  const crc = bits.crc();
  if (bits.read(1) === 1) throw fault('a randomised block, which no bzip2 since 1999 writes');
  const origin = bits.read(24);
  const transformed = readTransformed(bits, blockMax);
  if (origin >= transformed.length) throw fault('an origin outside of its block');
  const block = restored(transformed, origin);
  if (crcOf(block) !== crc) throw fault('a checksum that does not fit');
  return block;
}
