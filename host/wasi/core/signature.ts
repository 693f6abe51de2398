/**
 * Function types of interfaces as text, such as `(borrow<fields>, string) -> list<list<u8>>`, and their parts. Both
 * the host's own tables and what is read from a component take this form, so that they can be compared. Of a resource
 * that Ebb has no name for the text says `?`.
 */

/** One WIT type; resources by their name. Field and case names are those of WIT. */
export type WitType =
  | { readonly kind: Scalar | 'string' }
  | { readonly kind: 'own' | 'borrow'; readonly resource: string }
  | { readonly kind: 'list' | 'option'; readonly of: WitType }
  | { readonly kind: 'tuple'; readonly items: readonly WitType[] }
  | { readonly kind: 'record'; readonly fields: readonly WitMember[] }
  | { readonly kind: 'variant'; readonly cases: readonly WitMember<WitType | undefined>[] }
  | { readonly kind: 'enum' | 'flags'; readonly names: readonly string[] }
  | { readonly kind: 'result'; readonly ok: WitType | undefined; readonly err: WitType | undefined };

export interface WitMember<T = WitType> {
  readonly name: string;
  readonly type: T;
}

export interface WitSignature {
  readonly params: readonly WitType[];
  readonly result: WitType | undefined;
}

const SCALARS = [
  ...(['bool', 's8', 'u8', 's16', 'u16', 's32', 'u32'] as const),
  ...(['s64', 'u64', 'f32', 'f64', 'char'] as const),
] as const;
/** Types that are one core value. */
export type Scalar = (typeof SCALARS)[number];
const isScalar = (word: string): word is Scalar => (SCALARS as readonly string[]).includes(word);

/** As many as a component may have. */
const FLAGS_MAX = 32;

/** A text that is no function type, or does not tell all of it. */
export class SignatureFault extends Error {}

/** The text without what makes it easy to read: how texts are compared. */
export const normalized = (text: string): string => text.replace(/\s+/g, '');

class SignatureReader {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = normalized(text);
  }

  signature(): WitSignature {
    this.#expect('(');
    const params = this.#list(')', () => this.type());
    const result = this.#take('->') ? this.type() : undefined;
    if (this.#offset !== this.#text.length) throw this.#fault('the end');
    return { params, result };
  }

  type(): WitType {
    const word = this.#word();
    if (isScalar(word) || word === 'string') return { kind: word };
    switch (word) {
      case 'own':
      case 'borrow':
        return this.#within('<', '>', () => ({ kind: word, resource: this.#resource() }));
      case 'list':
      case 'option':
        return this.#within('<', '>', () => ({ kind: word, of: this.type() }));
      case 'tuple':
        return { kind: word, items: this.#items('<', '>', () => this.type()) };
      case 'record':
        return { kind: word, fields: this.#items('{', '}', () => this.#field()) };
      case 'variant':
        return { kind: word, cases: this.#items('{', '}', () => this.#case()) };
      case 'enum':
        return { kind: word, names: this.#items('{', '}', () => this.#word()) };
      case 'flags':
        return { kind: word, names: this.#flags() };
      case 'result':
        return this.#result();
      default:
        throw this.#fault('a type');
    }
  }

  #result(): WitType {
    if (!this.#take('<')) return { kind: 'result', ok: undefined, err: undefined };
    const ok = this.#take('_') ? undefined : this.type();
    const err = this.#take(',') ? this.type() : undefined;
    this.#expect('>');
    return { kind: 'result', ok, err };
  }

  #field(): WitMember {
    const name = this.#word();
    this.#expect(':');
    return { name, type: this.type() };
  }

  #case(): WitMember<WitType | undefined> {
    const name = this.#word();
    return { name, type: this.#take('(') ? this.#closed(')', () => this.type()) : undefined };
  }

  #flags(): readonly string[] {
    const names = this.#items('{', '}', () => this.#word());
    if (names.length > FLAGS_MAX) throw this.#fault(`no more than ${FLAGS_MAX} flags`);
    return names;
  }

  #resource(): string {
    return this.#take('?') ? '?' : this.#word();
  }

  /** At least one: nothing but a list of parameters may be empty. */
  #items<T>(open: string, close: string, item: () => T): readonly T[] {
    this.#expect(open);
    const items = this.#list(close, item);
    if (items.length === 0) throw this.#fault('something within');
    return items;
  }

  #within<T>(open: string, close: string, item: () => T): T {
    this.#expect(open);
    return this.#closed(close, item);
  }

  #closed<T>(close: string, item: () => T): T {
    const value = item();
    this.#expect(close);
    return value;
  }

  #list<T>(close: string, item: () => T): readonly T[] {
    const items: T[] = [];
    while (!this.#take(close)) {
      if (items.length > 0) this.#expect(',');
      items.push(item());
    }
    return items;
  }

  #word(): string {
    // The arrow of a result begins with the hyphen that words may have inside.
    const match = /[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*/y;
    match.lastIndex = this.#offset;
    const word = match.exec(this.#text)?.[0];
    if (word === undefined) throw this.#fault('a word');
    this.#offset += word.length;
    return word;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#offset)) return false;
    this.#offset += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw this.#fault(token);
  }

  #fault(expected: string): SignatureFault {
    return new SignatureFault(`signature: expected ${expected} at ${this.#offset} of ${this.#text}`);
  }
}

/** @throws SignatureFault */
export function readSignature(text: string): WitSignature {
  return new SignatureReader(text).signature();
}
