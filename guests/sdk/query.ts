// Query strings by the WHATWG form rules: `+` is a space, a malformed escape stays as it is. Knows text only.

import { decodeUtf8, encodeUtf8 } from './text';

/** All decoded values of a name in a query string without its `?`, in order. */
export function queryValues(query: string, name: string): string[] {
  const values: string[] = [];
  const pairs = query.split('&');
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i];
    if (!pair.length) continue;
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.substring(0, equals);
    if (decoded(key) == name) values.push(equals < 0 ? '' : decoded(pair.substring(equals + 1)));
  }
  return values;
}

function decoded(part: string): string {
  const bytes = encodeUtf8(part);
  const start = changetype<usize>(bytes);
  const end = start + bytes.byteLength;
  let out = start;
  for (let at = start; at < end; at++) {
    let byte: i32 = load<u8>(at);
    if (byte == 0x2b) {
      byte = 0x20;
    } else if (byte == 0x25 && at + 2 < end) {
      const value = (hexDigit(load<u8>(at, 1)) << 4) | hexDigit(load<u8>(at, 2));
      if (value >= 0) {
        byte = value;
        at += 2;
      }
    }
    store<u8>(out++, byte);
  }
  return decodeUtf8(start, <i32>(out - start));
}

// -1 for what is no digit, which keeps the sign when two digits are joined.
function hexDigit(byte: i32): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
