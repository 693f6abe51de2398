/**
 * What the canonical ABI makes of a function's type, given as the text that component-types.ts writes: the core values
 * that go in and out, and what it needs beside them. Knows no binary format.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md (flattening)
 */

type CoreValue = 'i32' | 'i64' | 'f32' | 'f64';

const FLAT_PARAMS_MAX = 16;
const FLAT_RESULTS_MAX = 1;
/** As many as a component may have. */
const FLAGS_MAX = 32;

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

/** A text that does not tell all; only leaves this file as undefined. */
class Unknown extends Error {}

const SCALARS: Readonly<Record<string, CoreValue>> = {
  ...{ bool: 'i32', s8: 'i32', u8: 'i32', s16: 'i32', u16: 'i32', s32: 'i32', u32: 'i32', char: 'i32' },
  ...{ s64: 'i64', u64: 'i64', f32: 'f32', f64: 'f64' },
};

const scalar = (value: CoreValue): Flat => ({ values: [value], hasPointers: false });
const POINTER_AND_LENGTH: Flat = { values: ['i32', 'i32'], hasPointers: true };

function concatenated(parts: readonly Flat[]): Flat {
  if (parts.length === 0) throw new Unknown();
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
  if (cases.length === 0) throw new Unknown();
  const payload: CoreValue[] = [];
  for (const each of cases) {
    for (const [index, value] of (each?.values ?? []).entries()) {
      payload[index] = joined(payload[index], value);
    }
  }
  return { values: ['i32', ...payload], hasPointers: cases.some((each) => each?.hasPointers) };
}

class FlatReader {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  signature(): { readonly params: readonly Flat[]; readonly result: Flat | undefined } {
    const params = this.#many('(', ')', () => this.#type());
    const result = this.#take('->') ? this.#type() : undefined;
    if (this.#offset !== this.#text.length) throw new Unknown();
    return { params, result };
  }

  #type(): Flat {
    const word = this.#word();
    const plain = SCALARS[word];
    if (plain) return scalar(plain);
    switch (word) {
      case 'string':
        return POINTER_AND_LENGTH;
      case 'own':
      case 'borrow':
        return this.#handle();
      case 'list':
        this.#many('<', '>', () => this.#type());
        return POINTER_AND_LENGTH;
      case 'option':
        return variant([undefined, ...this.#many('<', '>', () => this.#type())]);
      case 'tuple':
        return concatenated(this.#many('<', '>', () => this.#type()));
      case 'record':
        return concatenated(this.#many('{', '}', () => this.#field()));
      case 'variant':
        return variant(this.#many('{', '}', () => this.#case()));
      case 'enum':
        return variant(this.#many('{', '}', () => this.#name()));
      case 'flags':
        return this.#flags();
      case 'result':
        return this.#result();
      default:
        throw new Unknown();
    }
  }

  /** Whatever the resource is, even one that Ebb has no name for, a handle is a number. */
  #handle(): Flat {
    this.#expect('<');
    if (!this.#take('?')) this.#word();
    this.#expect('>');
    return scalar('i32');
  }

  #flags(): Flat {
    const names = this.#many('{', '}', () => this.#name());
    if (names.length === 0 || names.length > FLAGS_MAX) throw new Unknown();
    return scalar('i32');
  }

  #result(): Flat {
    if (!this.#take('<')) return variant([undefined, undefined]);
    const ok = this.#take('_') ? undefined : this.#type();
    const err = this.#take(',') ? this.#type() : undefined;
    this.#expect('>');
    return variant([ok, err]);
  }

  #field(): Flat {
    this.#word();
    this.#expect(':');
    return this.#type();
  }

  #case(): Flat | undefined {
    this.#word();
    return this.#many('(', ')', () => this.#type(), false)[0];
  }

  #name(): undefined {
    this.#word();
    return undefined;
  }

  #many<T>(open: string, close: string, item: () => T, isNeeded = true): T[] {
    const items: T[] = [];
    if (!isNeeded && !this.#text.startsWith(open, this.#offset)) return items;
    this.#expect(open);
    while (!this.#take(close)) {
      if (items.length > 0) this.#expect(',');
      items.push(item());
    }
    return items;
  }

  #word(): string {
    const match = /[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*/y;
    match.lastIndex = this.#offset;
    const word = match.exec(this.#text)?.[0];
    if (word === undefined) throw new Unknown();
    this.#offset += word.length;
    return word;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#offset)) return false;
    this.#offset += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw new Unknown();
  }
}

/**
 * @param text a function's type, such as `(borrow<fields>,string)->bool`.
 * @param direction whether the core calls the function (`lower`) or implements it (`lift`).
 * @returns undefined where the text does not tell all.
 */
export function flatFunction(text: string, direction: 'lift' | 'lower'): FlatFunction | undefined {
  try {
    const { params, result } = new FlatReader(text).signature();
    const input = params.flatMap(({ values }) => values);
    const output = result?.values ?? [];
    const inSpills = input.length > FLAT_PARAMS_MAX;
    const outSpills = output.length > FLAT_RESULTS_MAX;
    const inPoints = params.some(({ hasPointers }) => hasPointers);
    const outPoints = result?.hasPointers ?? false;
    const coreParams = inSpills ? ['i32'] : [...input];
    if (outSpills && direction === 'lower') coreParams.push('i32');
    const coreResults = outSpills ? (direction === 'lift' ? 'i32' : '') : output.join(',');
    return {
      coreType: `${coreParams.join(',')}->${coreResults}`,
      coreResults,
      needsMemory: inPoints || outPoints || inSpills || outSpills,
      needsRealloc: direction === 'lower' ? outPoints : inPoints || inSpills,
    };
  } catch (thrown) {
    if (thrown instanceof Unknown) return undefined;
    throw thrown;
  }
}
