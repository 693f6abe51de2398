/** The sizes that memories and tables declare: read, bounded, written. */
import { CodedError } from '../../../metering/errors.ts';
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

/**
 * The same limits with no maximum above `most`.
 * @throws CodedError `component-invalid` for what starts larger than that.
 */
export function bounded(
  limits: Limits,
  most: bigint,
  what: 'memory' | 'table',
): Limits & { readonly maximum: bigint } {
  const { initial, maximum } = limits;
  if (initial > most) {
    const [unit, size] = what === 'memory' ? ['pages', ' of 64 KiB'] : ['elements', ''];
    const message = `expected a ${what} that starts with at most ${most} ${unit}${size} (the ${what} limit), got ${initial} ${unit}`;
    throw new CodedError('component-invalid', message);
  }
  return { ...limits, maximum: maximum === undefined || maximum > most ? most : maximum };
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
