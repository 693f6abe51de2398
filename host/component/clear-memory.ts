/** Makes a linear memory zero again. */

/** Large enough that a comparison is worth its call, small enough that little is written for one byte. */
const STRETCH_BYTES = 16_384;
/** Up to here it is faster to write all of it. */
const WRITTEN_BYTES_MAX = 4 * 65_536;
const ZEROS = Buffer.alloc(STRETCH_BYTES);

/**
 * Writes only where something is not zero: most of a guest's memory is stack that it never reached, of which the system
 * then keeps no page, and to read zeros is faster than to write them.
 */
export function clearMemory(memory: WebAssembly.Memory): void {
  if (memory.buffer.byteLength <= WRITTEN_BYTES_MAX) {
    new Uint8Array(memory.buffer).fill(0);
    return;
  }
  const bytes = Buffer.from(memory.buffer);
  for (let at = 0; at < bytes.length; at += STRETCH_BYTES) {
    const end = at + STRETCH_BYTES;
    if (bytes.compare(ZEROS, 0, STRETCH_BYTES, at, end) !== 0) bytes.fill(0, at, end);
  }
}
