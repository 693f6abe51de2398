/** The data of a core module as few pieces: each of them is one call of the engine whenever an instance is made as new. */
import type { Cursor } from './instrument/cursor.ts';
import { OP } from './instrument/opcodes.ts';
import { Refusal } from './instrument/refusal.ts';

const DATA = { active: 0, passive: 1, activeWithMemory: 2 } as const;

/** Zeros between two segments that are written rather than start another piece. */
const GAP_BYTES = 512;

/** Bytes for a memory that is all zero. */
export interface DataPiece {
  readonly memory: number;
  /** Code that leaves the address on the stack. */
  readonly place: Uint8Array;
  readonly bytes: Uint8Array;
}

interface Segment extends DataPiece {
  /** The address, where it is a plain number. */
  readonly address: number | undefined;
}

/** Of `i32.const` alone; undefined for all other code. */
function addressOf(place: Uint8Array): number | undefined {
  if (place[0] !== OP.i32Const) return undefined;
  let value = 0;
  for (let index = 1; index < place.length; index++) {
    const byte = place[index] as number;
    value |= (byte & 0x7f) << (7 * (index - 1));
    if (byte >= 0x80) continue;
    if (index !== place.length - 1) return undefined;
    const isNegative = (byte & 0x40) !== 0 && index < 5;
    return (isNegative ? value | (-1 << (7 * index)) : value) >>> 0;
  }
  return undefined;
}

function readSegments(cursor: Cursor, expression: (cursor: Cursor) => Uint8Array): Segment[] {
  const segments: Segment[] = [];
  for (let left = cursor.u32(); left > 0; left--) {
    const form = cursor.u32();
    if (form > DATA.activeWithMemory)
      throw new Refusal('form-unsupported', cursor.offset, 'expected a known form of data');
    const memory = form === DATA.activeWithMemory ? cursor.u32() : 0;
    const place = form === DATA.passive ? undefined : expression(cursor);
    const content = cursor.slice(cursor.u32());
    // Code that could use a passive one is refused.
    if (!place) continue;
    const bytes = content.bytes.subarray(content.offset, content.end);
    segments.push({ memory, place, bytes, address: addressOf(place) });
  }
  return segments;
}

const endOf = ({ address, bytes }: Segment): number => (address as number) + bytes.length;

/**
 * In the order of their addresses, where nothing is between two of them but zeros; undefined where one lies over another
 * or somewhere else. Which of them is written first then makes no difference, and toolchains have several orders.
 */
function inARow(segments: readonly Segment[]): readonly Segment[] | undefined {
  const memory = segments[0]?.memory;
  if (segments.some((segment) => segment.address === undefined || segment.memory !== memory))
    return undefined;
  const row = segments.toSorted((one, other) => (one.address as number) - (other.address as number));
  const isApart = row.every((segment, index) => {
    const before = row[index - 1];
    return !before || endOf(before) <= (segment.address as number);
  });
  return isApart ? row : undefined;
}

/** Joins neighbours. */
function joined(segments: readonly Segment[]): DataPiece[] {
  const rows: [Segment, ...Segment[]][] = [];
  for (const segment of segments) {
    const row = rows.at(-1);
    const last = row?.at(-1);
    if (row && last && (segment.address as number) - endOf(last) <= GAP_BYTES) row.push(segment);
    else rows.push([segment]);
  }
  return rows.map((row) => {
    const [{ memory, place, address = 0 }] = row;
    const bytes = new Uint8Array(endOf(row.at(-1) as Segment) - address);
    for (const segment of row) bytes.set(segment.bytes, (segment.address as number) - address);
    return { memory, place, bytes };
  });
}

/**
 * @param cursor the data section of a module whose code uses no segment by its number.
 * @param expression reads a constant expression without its end.
 */
export function dataPieces(cursor: Cursor, expression: (cursor: Cursor) => Uint8Array): readonly DataPiece[] {
  const segments = readSegments(cursor, expression);
  const row = inARow(segments);
  return row ? joined(row) : segments;
}
