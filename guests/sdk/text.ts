// UTF-8 in both directions and ASCII comparison, by the WHATWG rules: what is malformed becomes U+FFFD, never a trap.
// Knows bytes and strings only; the standard library's own decoder does not check its input.

/** The string that these bytes spell; each malformed sequence becomes one U+FFFD. */
export function decodeUtf8(bytes: usize, lengthBytes: i32): string {
  if (lengthBytes <= 0) return '';
  // A byte never makes more than one UTF-16 unit, so this is always room enough.
  const text = __new((<usize>lengthBytes) << 1, idof<string>());
  const end = bytes + lengthBytes;
  let at = bytes;
  let out = text;
  while (at < end) {
    let code: u32 = load<u8>(at++);
    if (code >= 0x80) {
      const lead = code;
      let missing = 0;
      // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
      let low: u32 = 0x80;
      let high: u32 = 0xbf;
      if (lead >= 0xc2 && lead < 0xe0) {
        missing = 1;
        code &= 0x1f;
      } else if ((lead & 0xf0) == 0xe0) {
        missing = 2;
        code &= 0x0f;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
      } else if (lead >= 0xf0 && lead < 0xf5) {
        missing = 3;
        code &= 0x07;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
      } else {
        code = 0xfffd;
      }
      while (missing > 0 && at < end) {
        const next: u32 = load<u8>(at);
        if (next < low || next > high) break;
        code = (code << 6) | (next & 0x3f);
        low = 0x80;
        high = 0xbf;
        at++;
        missing--;
      }
      if (missing > 0) code = 0xfffd;
    }
    if (code > 0xffff) {
      store<u16>(out, 0xd7c0 + (code >> 10));
      store<u16>(out, 0xdc00 | (code & 0x3ff), 2);
      out += 4;
    } else {
      store<u16>(out, code);
      out += 2;
    }
  }
  return changetype<string>(__renew(text, out - text));
}

/** The bytes of a string; a surrogate without its partner becomes U+FFFD. */
export function encodeUtf8(text: string): ArrayBuffer {
  // A UTF-16 unit never makes more than three bytes.
  const bytes = __new((<usize>text.length) * 3, idof<ArrayBuffer>());
  const end = changetype<usize>(text) + ((<usize>text.length) << 1);
  let out = bytes;
  for (let at = changetype<usize>(text); at < end; at += 2) {
    let code: u32 = load<u16>(at);
    if ((code & 0xf800) == 0xd800) {
      const low: u32 = at + 2 < end ? load<u16>(at, 2) : 0;
      if (code < 0xdc00 && (low & 0xfc00) == 0xdc00) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
        at += 2;
      } else {
        code = 0xfffd;
      }
    }
    if (code < 0x80) {
      store<u8>(out++, code);
      continue;
    }
    if (code < 0x800) {
      store<u8>(out++, 0xc0 | (code >> 6));
    } else {
      if (code < 0x10000) {
        store<u8>(out++, 0xe0 | (code >> 12));
      } else {
        store<u8>(out++, 0xf0 | (code >> 18));
        store<u8>(out++, 0x80 | ((code >> 12) & 0x3f));
      }
      store<u8>(out++, 0x80 | ((code >> 6) & 0x3f));
    }
    store<u8>(out++, 0x80 | (code & 0x3f));
  }
  return changetype<ArrayBuffer>(__renew(bytes, out - bytes));
}

/** Decimal digits. The standard library's toString brings every radix along. */
export function decimal(value: u32): string {
  const last = String.fromCharCode(48 + <i32>(value % 10));
  return value < 10 ? last : decimal(value / 10) + last;
}

/** The bytes of a text as an array. */
export function textBytes(text: string): Uint8Array {
  const buffer = encodeUtf8(text);
  return bytesAt(changetype<usize>(buffer), buffer.byteLength);
}

/** An array over a block that `allocate` gave to the host, without a copy. An empty list comes without a block. */
export function bytesAt(pointer: usize, lengthBytes: i32): Uint8Array {
  if (lengthBytes == 0) pointer = __new(0, idof<ArrayBuffer>());
  // What Uint8Array.wrap does, without its checks: a third of a small guest.
  const array = __new(offsetof<Uint8Array>(), idof<Uint8Array>());
  store<usize>(array, pointer, offsetof<Uint8Array>('buffer'));
  store<usize>(array, pointer, offsetof<Uint8Array>('dataStart'));
  store<i32>(array, lengthBytes, offsetof<Uint8Array>('byteLength'));
  return changetype<Uint8Array>(array);
}

/** Whether two header names are the same name: ASCII letters count without their case. */
export function sameName(a: string, b: string): bool {
  if (a.length != b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (lowered(a.charCodeAt(i)) != lowered(b.charCodeAt(i))) return false;
  }
  return true;
}

// String.toLowerCase would bring the Unicode tables along.
function lowered(unit: i32): i32 {
  return unit >= 65 && unit <= 90 ? unit + 32 : unit;
}
