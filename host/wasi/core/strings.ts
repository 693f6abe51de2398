/** Strings between host and guest in the canonical ABI's three encodings: decoded strictly, never repaired. */
import { GuestFault } from '../result-error.ts';
import type { GuestMemory } from './guest-memory.ts';

export const STRING_ENCODINGS = ['utf8', 'utf16', 'latin1+utf16'] as const;
export type StringEncoding = (typeof STRING_ENCODINGS)[number];

/** How one guest holds its strings: a pointer and a length in its own units. */
export interface StringCodec {
  load(memory: GuestMemory, at: number, length: number): string;
  /** Writes into newly allocated memory. */
  store(memory: GuestMemory, text: string): { readonly at: number; readonly length: number };
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf16Decoder = new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** In latin1+utf16, the bit of a length that says UTF-16. */
const UTF16_TAG = 0x8000_0000;

/** Below this many units, a loop here is faster than a call into the engine's coders. */
const SHORT_UNITS = 32;

function decode(decoder: TextDecoder, bytes: Uint8Array, at: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new GuestFault(
      `expected a string in ${decoder.encoding}, got ${bytes.length} malformed bytes at ${at}`,
    );
  }
}

/** The text of a short run of ASCII, or undefined when some byte is none. */
function shortAscii(bytes: Uint8Array, at: number, end: number): string | undefined {
  let text = '';
  for (let index = at; index < end; index++) {
    const byte = bytes[index] as number;
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Whether all units are at most `unitMax`. */
function fits(text: string, unitMax: number): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > unitMax) return false;
  return true;
}

function storeBytewise(memory: GuestMemory, text: string, at: number): void {
  const { bytes } = memory;
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
}

function loadUtf16(memory: GuestMemory, at: number, units: number): string {
  memory.check(at, units * 2, 2);
  memory.spend(units * 2);
  return decode(utf16Decoder, memory.bytes.subarray(at, at + units * 2), at);
}

function storeUtf16(memory: GuestMemory, text: string): { readonly at: number; readonly length: number } {
  const wellFormed = text.toWellFormed();
  const at = memory.allocate(wellFormed.length * 2, 2);
  for (let index = 0; index < wellFormed.length; index++) {
    memory.view.setUint16(at + index * 2, wellFormed.charCodeAt(index), true);
  }
  return { at, length: wellFormed.length };
}

const utf8: StringCodec = {
  load(memory, at, length) {
    memory.check(at, length, 1);
    memory.spend(length);
    const short = length <= SHORT_UNITS ? shortAscii(memory.bytes, at, at + length) : undefined;
    return short ?? decode(utf8Decoder, memory.bytes.subarray(at, at + length), at);
  },
  store(memory, text) {
    if (text.length <= SHORT_UNITS && fits(text, 0x7f)) {
      const at = memory.allocate(text.length, 1);
      storeBytewise(memory, text, at);
      return { at, length: text.length };
    }
    const encoded = utf8Encoder.encode(text);
    const at = memory.allocate(encoded.length, 1);
    memory.bytes.set(encoded, at);
    return { at, length: encoded.length };
  },
};

const latin1OrUtf16: StringCodec = {
  load(memory, at, length) {
    if (length >= UTF16_TAG) return loadUtf16(memory, at, length - UTF16_TAG);
    memory.check(at, length, 2);
    memory.spend(length);
    return Buffer.from(memory.bytes.subarray(at, at + length)).toString('latin1');
  },
  store(memory, text) {
    if (!fits(text, 0xff)) {
      const { at, length } = storeUtf16(memory, text);
      return { at, length: length + UTF16_TAG };
    }
    const at = memory.allocate(text.length, 2);
    storeBytewise(memory, text, at);
    return { at, length: text.length };
  },
};

export const STRING_CODECS: Readonly<Record<StringEncoding, StringCodec>> = {
  utf8,
  utf16: { load: loadUtf16, store: storeUtf16 },
  'latin1+utf16': latin1OrUtf16,
};
