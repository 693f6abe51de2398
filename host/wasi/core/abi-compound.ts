/** The canonical ABI of lists, tuples and records. */
import { pointed } from './abi-plain.ts';
import { type AbiSide, type AbiType, alignUp, type FlatKind, type Rules } from './abi-rules.ts';

/** What an item of a list costs the host beside its content, roughly. */
const LIST_ITEM_BYTES = 64;

export function listOf(item: AbiType): Rules {
  const { sizeBytes, align } = item;
  const read = (side: AbiSide, at: number, length: number): unknown[] => {
    side.memory.check(at, length * sizeBytes, align);
    side.memory.spend(length * LIST_ITEM_BYTES);
    const items: unknown[] = [];
    for (let index = 0; index < length; index++) items.push(item.load(side, at + index * sizeBytes));
    return items;
  };
  const write = (side: AbiSide, value: unknown) => {
    const items = value as readonly unknown[];
    const at = side.memory.allocate(items.length * sizeBytes, align);
    for (let index = 0; index < items.length; index++) item.store(side, at + index * sizeBytes, items[index]);
    return { at, length: items.length };
  };
  return pointed(read, write);
}

interface Placed {
  readonly type: AbiType;
  readonly offset: number;
  readonly flatFrom: number;
}

/** Lays types out one after the other. */
function placed(types: readonly AbiType[]): { readonly items: readonly Placed[] } & Omit<Layout, 'items'> {
  let offset = 0;
  let align = 1;
  const flat: FlatKind[] = [];
  const items = types.map((type) => {
    offset = alignUp(offset, type.align);
    align = Math.max(align, type.align);
    const item = { type, offset, flatFrom: flat.length };
    offset += type.sizeBytes;
    flat.push(...type.flat);
    return item;
  });
  return { items, sizeBytes: alignUp(offset, align), align, flat };
}

interface Layout {
  readonly sizeBytes: number;
  readonly align: number;
  readonly flat: readonly FlatKind[];
}

export function tupleOf(types: readonly AbiType[]): Rules {
  const { items, ...layout } = placed(types);
  return {
    ...layout,
    load: (side, at) => items.map(({ type, offset }) => type.load(side, at + offset)),
    store(side, at, value) {
      for (const [index, { type, offset }] of items.entries()) {
        type.store(side, at + offset, (value as readonly unknown[])[index]);
      }
    },
    lift: (side, args, from) => items.map(({ type, flatFrom }) => type.lift(side, args, from + flatFrom)),
  };
}

/** @param names the fields' names as the host's values have them. */
export function recordOf(names: readonly string[], types: readonly AbiType[]): Rules {
  const tuple = tupleOf(types);
  const toRecord = (values: unknown): object =>
    Object.fromEntries((values as readonly unknown[]).map((value, index) => [names[index], value]));
  return {
    ...tuple,
    load: (side, at) => toRecord(tuple.load(side, at)),
    store: (side, at, value) =>
      tuple.store(
        side,
        at,
        names.map((name) => (value as Record<string, unknown>)[name]),
      ),
    lift: (side, args, from) => toRecord(tuple.lift(side, args, from)),
  };
}
