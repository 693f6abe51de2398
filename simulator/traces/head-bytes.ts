/** The first bytes of a trace, in which its format shows. It knows no format. */

const NEWLINE = 10;
const BOM = [0xef, 0xbb, 0xbf];
const SPACES = [32, 9, 13];

/** All chunks one after the other. */
export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Where the first line that is not blank begins, past a byte order mark; null when there is none yet. */
export function blankLines(bytes: Uint8Array): { readonly from: number; readonly line: number } | null {
  let from = BOM.every((byte, at) => bytes[at] === byte) ? BOM.length : 0;
  let line = 1;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === NEWLINE) {
      from = at + 1;
      line++;
    } else if (!SPACES.includes(byte)) return { from, line };
  }
  return null;
}
