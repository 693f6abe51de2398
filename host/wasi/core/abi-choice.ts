/** The canonical ABI of variants and all that are variants in disguise: enums, options and results. */
import { GuestFault } from '../result-error.ts';
import {
  type AbiSide,
  type AbiType,
  alignUp,
  type Flat,
  type FlatKind,
  type Rules,
  unsigned,
} from './abi-rules.ts';

/** The core type that cases share where one has this kind and the others that one, if any. */
const joined = (kind: FlatKind, others: FlatKind | undefined): FlatKind =>
  others === undefined || others === kind ? kind : 'i64';

/** What every kind of choice has in common: a number that says which, and room for the largest payload. */
class Choice {
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

/** A case of a variant; many carry nothing. */
export interface AbiCase {
  readonly name: string;
  readonly type: AbiType | undefined;
}

/** @param what names the type in a fault. */
export function variantOf(what: string, cases: readonly AbiCase[]): Rules {
  const choice = new Choice(
    what,
    cases.map(({ type }) => type),
  );
  const indexes = new Map(cases.map(({ name }, index) => [name, index]));
  const toValue = (index: number, val: unknown): Tagged => ({ tag: (cases[index] as AbiCase).name, val });
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

export function enumOf(names: readonly string[]): Rules {
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

export function optionOf(of: AbiType): Rules {
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
