/**
 * The canonical ABI of WIT types: size, alignment, flat form, and how values go in and out of guest memory. Values
 * have the form that generated bindings use: `{tag, val}` for variants, undefined for none, bytes as Uint8Array.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md (WASI 0.2 form)
 */
import { GuestFault } from '../result-error.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { HandleTable } from './handle-table.ts';
import type { WitMember, WitType } from './signature.ts';
import type { StringCodec } from './strings.ts';

/** What lifting and lowering work on: one instance's memory and handles, by the options of one function. */
export interface AbiSide {
  readonly memory: GuestMemory;
  readonly handles: HandleTable;
  readonly strings: StringCodec;
}

/** A value as core WebAssembly passes it: i32 as number, i64 as bigint. */
export type Flat = number | bigint;
export type FlatKind = 'i32' | 'i64';

/** One type's rules. Pointers are unsigned and checked by whoever holds the outermost value. */
export interface AbiType {
  readonly sizeBytes: number;
  readonly align: number;
  readonly flat: readonly FlatKind[];
  load(side: AbiSide, at: number): unknown;
  store(side: AbiSide, at: number, value: unknown): void;
  /** From `flat.length` core values, beginning with `args[from]`. */
  lift(side: AbiSide, args: readonly Flat[], from: number): unknown;
  /** To its one core value; only where `flat` has one. */
  lower(side: AbiSide, value: unknown): Flat;
}

type Rules = Omit<AbiType, 'lower'> & Partial<Pick<AbiType, 'lower'>>;

const neverLowered = (): never => {
  throw new Error('a value of several core values was to be lowered to one');
};
const complete = (rules: Rules): AbiType => ({ ...rules, lower: rules.lower ?? neverLowered });

export const alignUp = (at: number, align: number): number => Math.ceil(at / align) * align;
const unsigned = (value: Flat | undefined): number => (value as number) >>> 0;

const BOOL: Rules = {
  sizeBytes: 1,
  align: 1,
  flat: ['i32'],
  load: ({ memory }, at) => memory.bytes[at] !== 0,
  store: ({ memory }, at, value) => memory.view.setUint8(at, value ? 1 : 0),
  lift: (_side, args, from) => args[from] !== 0,
  lower: (_side, value) => (value ? 1 : 0),
};

const U8: Rules = {
  sizeBytes: 1,
  align: 1,
  flat: ['i32'],
  load: ({ memory }, at) => memory.view.getUint8(at),
  store: ({ memory }, at, value) => memory.view.setUint8(at, value as number),
  lift: (_side, args, from) => (args[from] as number) & 0xff,
  lower: (_side, value) => value as number,
};

const U16: Rules = {
  sizeBytes: 2,
  align: 2,
  flat: ['i32'],
  load: ({ memory }, at) => memory.view.getUint16(at, true),
  store: ({ memory }, at, value) => memory.view.setUint16(at, value as number, true),
  lift: (_side, args, from) => (args[from] as number) & 0xffff,
  lower: (_side, value) => value as number,
};

const U32: Rules = {
  sizeBytes: 4,
  align: 4,
  flat: ['i32'],
  load: ({ memory }, at) => memory.view.getUint32(at, true),
  store: ({ memory }, at, value) => memory.view.setUint32(at, value as number, true),
  lift: (_side, args, from) => unsigned(args[from]),
  lower: (_side, value) => value as number,
};

const U64: Rules = {
  sizeBytes: 8,
  align: 8,
  flat: ['i64'],
  load: ({ memory }, at) => memory.view.getBigUint64(at, true),
  store: ({ memory }, at, value) => memory.view.setBigUint64(at, value as bigint, true),
  lift: (_side, args, from) => BigInt.asUintN(64, args[from] as bigint),
  lower: (_side, value) => value as bigint,
};

/** Of strings and lists alike: a pointer and a length, in memory or as two core values. */
function pointed(
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

const STRING = pointed(
  ({ memory, strings }, at, length) => strings.load(memory, at, length),
  ({ memory, strings }, value) => strings.store(memory, value as string),
);

const BYTES = pointed(
  ({ memory }, at, length) => memory.copyOut(at, length),
  ({ memory }, value) => {
    const { length } = value as Uint8Array;
    const at = memory.allocate(length, 1);
    memory.bytes.set(value as Uint8Array, at);
    return { at, length };
  },
);

/** What an item of a list costs the host beside its content, roughly. */
const LIST_ITEM_BYTES = 64;

function listOf(item: AbiType): Rules {
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

function handleOf(kind: 'own' | 'borrow', resource: string): Rules {
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

function tupleOf(types: readonly AbiType[]): Rules {
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

/** Generated bindings call the field `info-code` by the name `infoCode`. */
export const camelCase = (name: string): string =>
  name.replace(/-([a-zA-Z0-9])/g, (_hyphen, letter: string) => letter.toUpperCase());

function recordOf(fields: readonly WitMember[]): Rules {
  const names = fields.map((field) => camelCase(field.name));
  const tuple = tupleOf(fields.map((field) => abiType(field.type)));
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

/** The core type that cases share where one has this kind and the others that one, if any. */
const joined = (kind: FlatKind, others: FlatKind | undefined): FlatKind =>
  others === undefined || others === kind ? kind : 'i64';

/** What every kind of choice has in common: a number that says which, and room for the largest payload. */
export class Choice {
  readonly sizeBytes: number;
  readonly align: number;
  readonly flat: readonly FlatKind[];
  readonly #what: string;
  readonly #payloads: readonly (AbiType | undefined)[];
  readonly #payloadAt: number;
  readonly #isNarrow: boolean;
  /** Cases whose payload has other core values than those that all cases share. */
  readonly #isMixed: readonly boolean[];

  constructor(what: string, payloads: readonly (AbiType | undefined)[]) {
    this.#what = what;
    this.#payloads = payloads;
    this.#isNarrow = payloads.length <= 256;
    const discriminantBytes = this.#isNarrow ? 1 : 2;
    const payloadAlign = Math.max(1, ...payloads.map((payload) => payload?.align ?? 1));
    const payloadBytes = Math.max(0, ...payloads.map((payload) => payload?.sizeBytes ?? 0));
    this.align = Math.max(discriminantBytes, payloadAlign);
    this.#payloadAt = alignUp(discriminantBytes, payloadAlign);
    this.sizeBytes = alignUp(this.#payloadAt + payloadBytes, this.align);
    const shared: FlatKind[] = [];
    for (const payload of payloads) {
      for (const [index, kind] of (payload?.flat ?? []).entries())
        shared[index] = joined(kind, shared[index]);
    }
    this.flat = ['i32', ...shared];
    this.#isMixed = payloads.map(
      (payload) => payload?.flat.some((kind, index) => kind !== shared[index]) === true,
    );
  }

  /** Reads which case, then its payload. */
  load<T>(side: AbiSide, at: number, toValue: (index: number, payload: unknown) => T): T {
    const { view } = side.memory;
    const index = this.#checked(this.#isNarrow ? view.getUint8(at) : view.getUint16(at, true));
    return toValue(index, this.#payloads[index]?.load(side, at + this.#payloadAt));
  }

  store(side: AbiSide, at: number, index: number, payload: unknown): void {
    const { view } = side.memory;
    if (this.#isNarrow) view.setUint8(at, index);
    else view.setUint16(at, index, true);
    this.#payloads[index]?.store(side, at + this.#payloadAt, payload);
  }

  lift<T>(
    side: AbiSide,
    args: readonly Flat[],
    from: number,
    toValue: (index: number, payload: unknown) => T,
  ): T {
    const index = this.#checked(unsigned(args[from]));
    const payload = this.#payloads[index];
    if (payload === undefined) return toValue(index, undefined);
    if (!this.#isMixed[index]) return toValue(index, payload.lift(side, args, from + 1));
    const own = payload.flat.map((kind, offset) => {
      const arg = args[from + 1 + offset] as Flat;
      return kind === 'i32' && typeof arg === 'bigint' ? Number(BigInt.asIntN(32, arg)) : arg;
    });
    return toValue(index, payload.lift(side, own, 0));
  }

  #checked(index: number): number {
    if (index < this.#payloads.length) return index;
    throw new GuestFault(`expected a case of ${this.#what} below ${this.#payloads.length}, got ${index}`);
  }
}

type Tagged = { readonly tag: string; readonly val?: unknown };

function variantOf(what: string, cases: readonly WitMember<WitType | undefined>[]): Rules {
  const choice = new Choice(
    what,
    cases.map(({ type }) => type && abiType(type)),
  );
  const indexes = new Map(cases.map(({ name }, index) => [name, index]));
  const toValue = (index: number, val: unknown): Tagged => ({ tag: (cases[index] as WitMember).name, val });
  const indexOf = (value: unknown): number => {
    const index = indexes.get((value as Tagged).tag);
    if (index === undefined) throw new Error(`${what} has no case ${(value as Tagged).tag}`);
    return index;
  };
  return {
    sizeBytes: choice.sizeBytes,
    align: choice.align,
    flat: choice.flat,
    load: (side, at) => choice.load(side, at, toValue),
    store: (side, at, value) => choice.store(side, at, indexOf(value), (value as Tagged).val),
    lift: (side, args, from) => choice.lift(side, args, from, toValue),
    lower: (_side, value) => indexOf(value),
  };
}

function enumOf(names: readonly string[]): Rules {
  const variant = variantOf(
    'enum',
    names.map((name) => ({ name, type: undefined })),
  );
  const tagged = (value: unknown): Tagged => ({ tag: value as string });
  return {
    ...variant,
    load: (side, at) => (variant.load(side, at) as Tagged).tag,
    store: (side, at, value) => variant.store(side, at, tagged(value)),
    lift: (side, args, from) => (variant.lift(side, args, from) as Tagged).tag,
    lower: (side, value) => (variant.lower as AbiType['lower'])(side, tagged(value)),
  };
}

function optionOf(of: AbiType): Rules {
  const choice = new Choice('option', [undefined, of]);
  const toValue = (_index: number, payload: unknown): unknown => payload;
  return {
    sizeBytes: choice.sizeBytes,
    align: choice.align,
    flat: choice.flat,
    load: (side, at) => choice.load(side, at, toValue),
    store: (side, at, value) => choice.store(side, at, value === undefined ? 0 : 1, value),
    lift: (side, args, from) => choice.lift(side, args, from, toValue),
  };
}

/** How a type is handled; the same object for the same type. */
export function abiType(wit: WitType): AbiType {
  const key = JSON.stringify(wit);
  const known = made.get(key);
  if (known) return known;
  const rules = complete(rulesOf(wit));
  made.set(key, rules);
  return rules;
}

const made = new Map<string, AbiType>();

function rulesOf(wit: WitType): Rules {
  switch (wit.kind) {
    case 'bool':
      return BOOL;
    case 'u8':
      return U8;
    case 'u16':
      return U16;
    case 'u32':
      return U32;
    case 'u64':
      return U64;
    case 'string':
      return STRING;
    case 'own':
    case 'borrow':
      return handleOf(wit.kind, wit.resource);
    case 'list':
      return wit.of.kind === 'u8' ? BYTES : listOf(abiType(wit.of));
    case 'option':
      return optionOf(abiType(wit.of));
    case 'tuple':
      return tupleOf(wit.items.map(abiType));
    case 'record':
      return recordOf(wit.fields);
    case 'variant':
      return variantOf('variant', wit.cases);
    case 'enum':
      return enumOf(wit.names);
    case 'result':
      return variantOf('result', [
        { name: 'ok', type: wit.ok },
        { name: 'err', type: wit.err },
      ]);
    default:
      wit satisfies never;
      throw new Error('no such type');
  }
}
