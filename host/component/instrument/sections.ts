/** Splits a core module into its sections. Knows their order, not what is in them. */
import { CORE_HEADER, CORE_SECTION } from '../core-format.ts';
import { Cursor } from './cursor.ts';
import { Refusal } from './refusal.ts';

export interface Section {
  readonly id: number;
  /** Offset of the section's id, and of the byte behind the section. */
  readonly start: number;
  readonly end: number;
  /** Offset of what follows its id and its length. */
  readonly bodyStart: number;
}

/** All that the specification has, in the order in which a module has them: 13 are tags, 12 is the data count. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11] as const;

/** Where a section stands among others; custom ones stand anywhere. */
export const rankOf = (id: number): number => ORDER.indexOf(id as (typeof ORDER)[number]);

export function readSections(bytes: Uint8Array): readonly Section[] {
  if (CORE_HEADER.some((byte, index) => bytes[index] !== byte))
    throw new Refusal('module-malformed', 0, 'expected a core module of version 1, got other first bytes');
  const cursor = new Cursor(bytes, CORE_HEADER.length);
  const sections: Section[] = [];
  let rank = -1;
  while (!cursor.done) {
    const start = cursor.offset;
    const id = cursor.byte();
    const length = cursor.u32();
    const bodyStart = cursor.offset;
    cursor.skip(length);
    sections.push({ id, start, end: cursor.offset, bodyStart });
    if (id === CORE_SECTION.custom) continue;
    if (rankOf(id) <= rank)
      throw new Refusal('module-malformed', start, `expected sections in their order, got section ${id}`);
    rank = rankOf(id);
  }
  return sections;
}
