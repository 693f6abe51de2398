/**
 * The canonical ABI of WIT types: what each kind of type has to say, whatever it is. Values have the form that
 * generated bindings use: `{tag, val}` for variants, undefined for none, bytes as Uint8Array.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md (WASI 0.2 form)
 */
import type { GuestMemory } from './guest-memory.ts';
import type { HandleTable } from './handle-table.ts';
import type { StringCodec } from './strings.ts';

/** What lifting and lowering work on: one instance's memory and handles, by the options of one function. */
export interface AbiSide {
  readonly memory: GuestMemory;
  readonly handles: HandleTable;
  readonly strings: StringCodec;
  /** Whether the function is given lists of bytes as they lie in memory, where a copy would be needless. */
  readonly lendsBytes?: boolean;
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

/** `lower` may be missing where there is more than one core value. */
export type Rules = Omit<AbiType, 'lower'> & Partial<Pick<AbiType, 'lower'>>;

const neverLowered = (): never => {
  throw new Error('a value of several core values was to be lowered to one');
};
export const complete = (rules: Rules): AbiType => ({ ...rules, lower: rules.lower ?? neverLowered });

export const alignUp = (at: number, align: number): number => Math.ceil(at / align) * align;
/** An i32 as the unsigned number that pointers, lengths and handles are. */
export const unsigned = (value: Flat | undefined): number => (value as number) >>> 0;

/** Generated bindings call the field `info-code` by the name `infoCode`. */
export const camelCase = (name: string): string =>
  name.replace(/-([a-zA-Z0-9])/g, (_hyphen, letter: string) => letter.toUpperCase());
