/**
 * Rows of large files read straight from their bytes, for rows of the plain kind that nearly all are; any other
 * row is handed on as text. It knows no trace format.
 */
import { rowFault } from './fault.ts';

const NEWLINE = 10;
const RETURN = 13;
const ZERO = 48;
const POINT = 46;
const LINE_BYTES_MAX = 1_048_576;

/** Cuts bytes into lines without making text of them. */
export class ByteRows {
  readonly #file: string;
  readonly #takes: (bytes: Uint8Array, from: number, to: number) => boolean;
  readonly #onText: (text: string, line: number) => void;
  readonly #decoder = new TextDecoder();
  #rest: Uint8Array = new Uint8Array(0);
  #line: number;

  /**
   * @param takes reads a line from its bytes, or returns false.
   * @param onText reads a line that `takes` did not.
   */
  constructor(
    file: string,
    firstLine: number,
    takes: (bytes: Uint8Array, from: number, to: number) => boolean,
    onText: (text: string, line: number) => void,
  ) {
    this.#file = file;
    this.#line = firstLine;
    this.#takes = takes;
    this.#onText = onText;
  }

  /** @throws CodedError `trace-invalid` for a line that is too long. */
  push(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : concatenated(this.#rest, chunk);
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.#emit(bytes, from, end);
      from = end + 1;
    }
    // A copy, for the chunk's memory may be used again.
    this.#rest = bytes.slice(from);
    if (this.#rest.length > LINE_BYTES_MAX) {
      const place = { file: this.#file, line: this.#line };
      throw rowFault(place, null, `a line of at most ${LINE_BYTES_MAX} bytes`, 'a longer one');
    }
  }

  finish(): void {
    if (this.#rest.length > 0) this.#emit(this.#rest, 0, this.#rest.length);
    this.#rest = new Uint8Array(0);
  }

  #emit(bytes: Uint8Array, from: number, end: number): void {
    const line = this.#line++;
    const to = end > from && bytes[end - 1] === RETURN ? end - 1 : end;
    if (!this.#takes(bytes, from, to)) this.#onText(this.#decoder.decode(bytes.subarray(from, to)), line);
  }
}

function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

// Any fifteen digits are below 2^53.
const DIGITS_MAX = 15;

/**
 * The integer part of a plain decimal × 10^shift, exactly as `scaledInteger` gives it; NaN for anything but digits
 * with at most one point, and for too many digits.
 */
export function scaledBytes(bytes: Uint8Array, from: number, to: number, shift: number): number {
  let value = 0;
  let digits = 0;
  let places = -1;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit >= 0 && digit <= 9) {
      if (places >= shift) continue;
      value = value * 10 + digit;
      digits++;
      if (places >= 0) places++;
    } else if (digit === POINT - ZERO && places < 0) places = 0;
    else return Number.NaN;
  }
  for (let place = Math.max(places, 0); place < shift; place++) {
    value *= 10;
    digits++;
  }
  return digits > shift && digits <= DIGITS_MAX + 1 && value <= Number.MAX_SAFE_INTEGER && to > from
    ? value
    : Number.NaN;
}

const SLOTS_MIN = 1024;
const POOL_MIN = 65_536;

/** Numbers for keys that are bytes, without making text of a key that was seen before. */
export class KeyTable {
  readonly #indexOf: (key: string) => number | null;
  readonly #decoder = new TextDecoder();
  /** Entry + 1 of each slot; 0 is free. */
  #slots = new Int32Array(SLOTS_MIN);
  #pool = new Uint8Array(POOL_MIN);
  #poolEnd = 0;
  readonly #from: number[] = [];
  readonly #lengths: number[] = [];
  readonly #hashes: number[] = [];
  readonly #indexes: number[] = [];

  /** @param indexOf the number of a key that is new; null for one that must not be kept. */
  constructor(indexOf: (key: string) => number | null) {
    this.#indexOf = indexOf;
  }

  /** The number of a key; −1 for one that is not kept. */
  index(bytes: Uint8Array, from: number, to: number): number {
    const hash = hashOf(bytes, from, to);
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (slots[slot] as number) - 1;
      if (entry < 0) return this.#add(bytes, from, to, hash);
      if (this.#hashes[entry] === hash && this.#isEqual(entry, bytes, from, to)) {
        return this.#indexes[entry] as number;
      }
    }
  }

  #isEqual(entry: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#lengths[entry] !== to - from) return false;
    const pool = this.#pool;
    for (let at = from, own = this.#from[entry] as number; at < to; at++, own++) {
      if (bytes[at] !== pool[own]) return false;
    }
    return true;
  }

  #add(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const index = this.#indexOf(this.#decoder.decode(bytes.subarray(from, to)));
    if (index === null) return -1;
    const length = to - from;
    while (this.#poolEnd + length > this.#pool.length) {
      this.#pool = concatenated(this.#pool, new Uint8Array(this.#pool.length)) as Uint8Array<ArrayBuffer>;
    }
    this.#pool.set(bytes.subarray(from, to), this.#poolEnd);
    this.#from.push(this.#poolEnd);
    this.#poolEnd += length;
    this.#lengths.push(length);
    this.#hashes.push(hash);
    this.#indexes.push(index);
    const entry = this.#indexes.length - 1;
    if (this.#indexes.length * 2 <= this.#slots.length) this.#place(entry);
    else {
      this.#slots = new Int32Array(this.#slots.length * 2);
      for (let each = 0; each <= entry; each++) this.#place(each);
    }
    return index;
  }

  #place(entry: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (this.#hashes[entry] as number) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = entry + 1;
  }
}

/** FNV-1a over every byte of a short key, and over the last bytes of a long one: hashes differ everywhere. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5 ^ (to - from);
  const sampled = Math.max(from, to - 16);
  for (let at = sampled; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}
