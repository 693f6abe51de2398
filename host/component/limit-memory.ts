/** Gives a core module's linear memories an upper bound, by rewriting the one section that declares them. */
import { CodedError } from '../../metering/errors.ts';
import { BinaryReader, encodeU32 } from './binary.ts';

const SECTION_MEMORY = 5;
const BYTES_PER_PAGE = 65_536;
const HAS_MAXIMUM = 0x01;

/** The memory section's body with no maximum above `maxPages`. */
function boundMemories(section: BinaryReader, maxPages: number): number[] {
  const count = section.u32();
  const body = encodeU32(count);
  for (let left = count; left > 0; left--) {
    const flags = section.byte();
    const initial = section.u32();
    const maximum = flags & HAS_MAXIMUM ? section.u32() : maxPages;
    if (initial > maxPages) {
      throw new CodedError(
        'component-invalid',
        `expected a memory that starts with at most ${maxPages} pages of 64 KiB (the memory limit), got ${initial} pages`,
      );
    }
    body.push(flags | HAS_MAXIMUM, ...encodeU32(initial), ...encodeU32(Math.min(maximum, maxPages)));
  }
  return body;
}

/**
 * @param module a valid core module with 32-bit memories.
 * @param maxBytes the largest size that a memory may grow to; rounded down to pages of 64 KiB.
 * @throws CodedError `component-invalid` when a memory starts larger than that.
 */
export function limitMemory(module: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const reader = new BinaryReader(module, 8);
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte();
    const section = reader.slice(reader.u32());
    if (id !== SECTION_MEMORY) continue;
    const body = boundMemories(section, Math.floor(maxBytes / BYTES_PER_PAGE));
    const bounded = [SECTION_MEMORY, ...encodeU32(body.length), ...body];
    const rewritten = new Uint8Array(start + bounded.length + module.length - reader.offset);
    rewritten.set(module.subarray(0, start));
    rewritten.set(bounded, start);
    rewritten.set(module.subarray(reader.offset), start + bounded.length);
    return rewritten;
  }
  return new Uint8Array(module);
}
