/** The canonical ABI of numbers, strings, bytes and handles. */
import { type AbiSide, type Rules, unsigned } from './abi-rules.ts';

export const BOOL: Rules = {
  sizeBytes: 1,
  align: 1,
  flat: ['i32'],
  load: ({ memory }, at) => memory.bytes[at] !== 0,
  store: ({ memory }, at, value) => memory.view.setUint8(at, value ? 1 : 0),
  lift: (_side, args, from) => args[from] !== 0,
  lower: (_side, value) => (value ? 1 : 0),
};

export const U8: Rules = {
  sizeBytes: 1,
  align: 1,
  flat: ['i32'],
  load: ({ memory }, at) => memory.view.getUint8(at),
  store: ({ memory }, at, value) => memory.view.setUint8(at, value as number),
  lift: (_side, args, from) => (args[from] as number) & 0xff,
  lower: (_side, value) => value as number,
};

export const U16: Rules = {
  sizeBytes: 2,
  align: 2,
  flat: ['i32'],
  load: ({ memory }, at) => memory.view.getUint16(at, true),
  store: ({ memory }, at, value) => memory.view.setUint16(at, value as number, true),
  lift: (_side, args, from) => (args[from] as number) & 0xffff,
  lower: (_side, value) => value as number,
};

export const U32: Rules = {
  sizeBytes: 4,
  align: 4,
  flat: ['i32'],
  load: ({ memory }, at) => memory.view.getUint32(at, true),
  store: ({ memory }, at, value) => memory.view.setUint32(at, value as number, true),
  lift: (_side, args, from) => unsigned(args[from]),
  lower: (_side, value) => value as number,
};

export const S32: Rules = {
  sizeBytes: 4,
  align: 4,
  flat: ['i32'],
  load: ({ memory }, at) => memory.view.getInt32(at, true),
  store: ({ memory }, at, value) => memory.view.setInt32(at, value as number, true),
  lift: (_side, args, from) => (args[from] as number) | 0,
  lower: (_side, value) => value as number,
};

export const U64: Rules = {
  sizeBytes: 8,
  align: 8,
  flat: ['i64'],
  load: ({ memory }, at) => memory.view.getBigUint64(at, true),
  store: ({ memory }, at, value) => memory.view.setBigUint64(at, value as bigint, true),
  lift: (_side, args, from) => BigInt.asUintN(64, args[from] as bigint),
  lower: (_side, value) => value as bigint,
};

/** Of strings and lists alike: a pointer and a length, in memory or as two core values. */
export function pointed(
  read: (side: AbiSide, at: number, length: number) => unknown,
  write: (side: AbiSide, value: unknown) => { readonly at: number; readonly length: number },
): Rules {
  return {
    sizeBytes: 8,
    align: 4,
    flat: ['i32', 'i32'],
    load(side, at) {
      const { view } = side.memory;
      return read(side, view.getUint32(at, true), view.getUint32(at + 4, true));
    },
    store(side, at, value) {
      const written = write(side, value);
      side.memory.view.setUint32(at, written.at, true);
      side.memory.view.setUint32(at + 4, written.length, true);
    },
    lift: (side, args, from) => read(side, unsigned(args[from]), unsigned(args[from + 1])),
  };
}

export const STRING = pointed(
  ({ memory, strings }, at, length) => strings.load(memory, at, length),
  ({ memory, strings }, value) => strings.store(memory, value as string),
);

export const BYTES = pointed(
  ({ memory, lendsBytes }, at, length) =>
    lendsBytes ? memory.lendOut(at, length) : memory.copyOut(at, length),
  ({ memory }, value) => {
    const { length } = value as Uint8Array;
    const at = memory.allocate(length, 1);
    memory.bytes.set(value as Uint8Array, at);
    return { at, length };
  },
);

export function handleOf(kind: 'own' | 'borrow', resource: string): Rules {
  const lifted =
    kind === 'own'
      ? (side: AbiSide, handle: number) => side.handles.take(resource, handle)
      : (side: AbiSide, handle: number) => side.handles.get(resource, handle);
  return {
    sizeBytes: 4,
    align: 4,
    flat: ['i32'],
    load: (side, at) => lifted(side, side.memory.view.getUint32(at, true)),
    store: (side, at, value) =>
      side.memory.view.setUint32(at, side.handles.add(resource, value as object), true),
    lift: (side, args, from) => lifted(side, unsigned(args[from])),
    lower: (side, value) => side.handles.add(resource, value as object),
  };
}
