/** The sizes that memories and tables declare: read and written. */
import type { Cursor } from './cursor.ts';
import { Refusal } from './refusal.ts';

const HAS_MAXIMUM = 0x01;
const IS_SHARED = 0x02;
const HAS_LONG_ADDRESSES = 0x04;
const KNOWN_FLAGS = HAS_MAXIMUM | IS_SHARED | HAS_LONG_ADDRESSES;

/** Sizes in pages or elements; undefined where there is no maximum. */
export interface Limits {
  readonly initial: bigint;
  readonly maximum: bigint | undefined;
  readonly isShared: boolean;
  readonly hasLongAddresses: boolean;
}

export function readLimits(cursor: Cursor): Limits {
  const flags = cursor.byte();
  if (flags & ~KNOWN_FLAGS)
    throw new Refusal(
      'form-unsupported',
      cursor.offset - 1,
      `expected limits that are known, got flags ${flags}`,
    );
  return {
    initial: cursor.u64(),
    maximum: flags & HAS_MAXIMUM ? cursor.u64() : undefined,
    isShared: (flags & IS_SHARED) !== 0,
    hasLongAddresses: (flags & HAS_LONG_ADDRESSES) !== 0,
  };
}

function longLeb(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low + 128 : low);
  } while (rest > 0n);
  return bytes;
}

export function encodeLimits({ initial, maximum, isShared, hasLongAddresses }: Limits): number[] {
  const flags =
    (maximum === undefined ? 0 : HAS_MAXIMUM) |
    (isShared ? IS_SHARED : 0) |
    (hasLongAddresses ? HAS_LONG_ADDRESSES : 0);
  return [flags, ...longLeb(initial), ...(maximum === undefined ? [] : longLeb(maximum))];
}
