/**
 * What the canonical ABI makes of a function's type, given as the text that component-types.ts makes of it: the core
 * values that go in and out, and what it needs beside them. Knows no binary format.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md (flattening)
 */
import { readSignature, type Scalar, SignatureFault, type WitType } from '../wasi/core/signature.ts';

type CoreValue = 'i32' | 'i64' | 'f32' | 'f64';

const FLAT_PARAMS_MAX = 16;
const FLAT_RESULTS_MAX = 1;

interface Flat {
  readonly values: readonly CoreValue[];
  /** Whether strings or lists are in it. */
  readonly hasPointers: boolean;
}

/** A function of the core as text (`i32,i64->i32`), and the options that its lifting or lowering must have. */
export interface FlatFunction {
  readonly coreType: string;
  /** Of what comes back from it, in the order of core results; what a post-return function takes. */
  readonly coreResults: string;
  readonly needsMemory: boolean;
  readonly needsRealloc: boolean;
}

const SCALARS: Readonly<Record<Scalar, CoreValue>> = {
  ...{ bool: 'i32', s8: 'i32', u8: 'i32', s16: 'i32', u16: 'i32', s32: 'i32', u32: 'i32', char: 'i32' },
  ...{ s64: 'i64', u64: 'i64', f32: 'f32', f64: 'f64' },
};

const scalar = (value: CoreValue): Flat => ({ values: [value], hasPointers: false });
const POINTER_AND_LENGTH: Flat = { values: ['i32', 'i32'], hasPointers: true };

function concatenated(parts: readonly Flat[]): Flat {
  return {
    values: parts.flatMap(({ values }) => values),
    hasPointers: parts.some(({ hasPointers }) => hasPointers),
  };
}

function joined(a: CoreValue | undefined, b: CoreValue): CoreValue {
  if (a === undefined || a === b) return b;
  return a.endsWith('32') && b.endsWith('32') ? 'i32' : 'i64';
}

function variant(cases: readonly (Flat | undefined)[]): Flat {
  const payload: CoreValue[] = [];
  for (const each of cases) {
    for (const [index, value] of (each?.values ?? []).entries()) {
      payload[index] = joined(payload[index], value);
    }
  }
  return { values: ['i32', ...payload], hasPointers: cases.some((each) => each?.hasPointers) };
}

function flat(type: WitType): Flat {
  switch (type.kind) {
    case 'string':
    case 'list':
      return POINTER_AND_LENGTH;
    case 'own':
    case 'borrow':
    case 'enum':
    case 'flags':
      return scalar('i32');
    case 'option':
      return variant([undefined, flat(type.of)]);
    case 'tuple':
      return concatenated(type.items.map(flat));
    case 'record':
      return concatenated(type.fields.map((field) => flat(field.type)));
    case 'variant':
      return variant(type.cases.map((each) => each.type && flat(each.type)));
    case 'result':
      return variant([type.ok && flat(type.ok), type.err && flat(type.err)]);
    default:
      return scalar(SCALARS[type.kind]);
  }
}

function readFlat(text: string): readonly [params: Flat, result: Flat] | undefined {
  try {
    const { params, result } = readSignature(text);
    return [concatenated(params.map(flat)), result ? flat(result) : concatenated([])];
  } catch (thrown) {
    if (thrown instanceof SignatureFault) return undefined;
    throw thrown;
  }
}

/**
 * @param text a function's type, such as `(borrow<fields>,string)->bool`.
 * @param direction whether the core calls the function (`lower`) or implements it (`lift`).
 * @returns undefined where the text does not tell all.
 */
export function flatFunction(text: string, direction: 'lift' | 'lower'): FlatFunction | undefined {
  const read = readFlat(text);
  if (!read) return undefined;
  const [params, result] = read;
  const inSpills = params.values.length > FLAT_PARAMS_MAX;
  const outSpills = result.values.length > FLAT_RESULTS_MAX;
  const coreParams = inSpills ? ['i32'] : [...params.values];
  if (outSpills && direction === 'lower') coreParams.push('i32');
  const coreResults = outSpills ? (direction === 'lift' ? 'i32' : '') : result.values.join(',');
  return {
    coreType: `${coreParams.join(',')}->${coreResults}`,
    coreResults,
    needsMemory: params.hasPointers || result.hasPointers || inSpills || outSpills,
    needsRealloc: direction === 'lower' ? result.hasPointers : params.hasPointers || inSpills,
  };
}
