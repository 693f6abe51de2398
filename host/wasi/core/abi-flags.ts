/** The canonical ABI of flags: one bit for each, the first one lowest. */
import { type AbiSide, camelCase, type Flat, type Rules, unsigned } from './abi-rules.ts';

/** @param names as WIT has them, at most 32. */
export function flagsOf(names: readonly string[]): Rules {
  const keys = names.map(camelCase);
  const sizeBytes = names.length <= 8 ? 1 : names.length <= 16 ? 2 : 4;
  // Bits that no flag has are of no meaning.
  const toFlags = (bits: number): object =>
    Object.fromEntries(keys.map((key, bit) => [key, ((bits >>> bit) & 1) === 1]));
  const toBits = (value: unknown): number =>
    keys.reduce((bits, key, bit) => bits | (Number((value as Record<string, boolean>)[key]) << bit), 0) >>> 0;
  const read = ({ memory: { view } }: AbiSide, at: number): number => {
    if (sizeBytes === 1) return view.getUint8(at);
    return sizeBytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
  };
  return {
    sizeBytes,
    align: sizeBytes,
    flat: ['i32'],
    load: (side, at) => toFlags(read(side, at)),
    store({ memory: { view } }, at, value) {
      const bits = toBits(value);
      if (sizeBytes === 1) view.setUint8(at, bits);
      else if (sizeBytes === 2) view.setUint16(at, bits, true);
      else view.setUint32(at, bits, true);
    },
    lift: (_side, args: readonly Flat[], from) => toFlags(unsigned(args[from])),
    lower: (_side, value) => toBits(value) | 0,
  };
}
