/** Gives a core module's own tables an upper bound, as its memories have one. */
import { encodeU32 } from '../binary.ts';
import { ByteSink } from './byte-sink.ts';
import type { Cursor } from './cursor.ts';
import { bounded, encodeLimits, readLimits } from './limits.ts';
import { OP } from './opcodes.ts';
import { skipValueType, Walker } from './walk.ts';

/** Stands before a table that has a first value for all its elements. */
const WITH_FIRST_VALUE = 0x40;

/**
 * The table section's body with no maximum above `elementsMax`.
 * @throws CodedError `component-invalid` for a table that starts larger than that.
 */
export function limitTables(cursor: Cursor, elementsMax: number): Uint8Array {
  const { bytes } = cursor;
  const out = new ByteSink(cursor.end - cursor.offset + 16);
  const count = cursor.u32();
  out.append(encodeU32(count));
  for (let left = count; left > 0; left--) {
    const start = cursor.offset;
    const hasFirstValue = cursor.peek() === WITH_FIRST_VALUE;
    if (hasFirstValue) cursor.skip(2);
    skipValueType(cursor);
    out.copy(bytes, start, cursor.offset);
    out.append(encodeLimits(bounded(readLimits(cursor), BigInt(elementsMax), 'table')));
    if (!hasFirstValue) continue;
    const valueStart = cursor.offset;
    const walker = new Walker(cursor, 0);
    while (walker.next() !== OP.end);
    out.copy(bytes, valueStart, cursor.offset);
  }
  return out.view();
}
