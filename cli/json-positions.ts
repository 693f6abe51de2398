/**
 * Finds where in a JSON text each value stands, and where the text stops being JSON, so that a fault can name a
 * line. It makes no values: JSON.parse does, and both agree on what JSON is.
 */

/** A place in a text; both from 1, columns in UTF-16 units as editors count them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface JsonPositions {
  /** Offsets of values by path (`book.meters[0].unit`); a field's is that of its name. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Where the text stops being JSON; null when it is JSON throughout. */
  readonly fault: { readonly offset: number; readonly expected: string } | null;
}

const SPACE = /[ \t\n\r]*/y;
const TEXT = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy;
const NUMBER_OR_WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
/** Far deeper than any price book; a scanner that calls itself must end somewhere. */
const DEPTH_MAX = 200;

class SyntaxFault {
  readonly offset: number;
  readonly expected: string;

  constructor(offset: number, expected: string) {
    this.offset = offset;
    this.expected = expected;
  }
}

class Scanner {
  readonly offsets = new Map<string, number>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** One value and nothing after it. @throws SyntaxFault */
  scan(root: string): void {
    this.#space();
    this.offsets.set(root, this.#at);
    this.#value(root, 0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#fault('nothing more');
  }

  #value(path: string, depth: number): void {
    if (depth > DEPTH_MAX) throw this.#fault(`at most ${DEPTH_MAX} levels`);
    const first = this.#text[this.#at];
    if (first === '{') this.#object(path, depth);
    else if (first === '[') this.#list(path, depth);
    else if (first === '"') this.#string('a text that ends on its line');
    else if (this.#take(NUMBER_OR_WORD) === null) throw this.#fault('a value');
  }

  #object(path: string, depth: number): void {
    this.#at++;
    this.#space();
    if (this.#skip('}')) return;
    do {
      this.#space();
      const offset = this.#at;
      const field = `${path}.${JSON.parse(this.#string('a field name in double quotes'))}`;
      this.offsets.set(field, offset);
      this.#space();
      if (!this.#skip(':')) throw this.#fault('a colon');
      this.#space();
      this.#value(field, depth + 1);
      this.#space();
    } while (this.#skip(','));
    if (!this.#skip('}')) throw this.#fault('a comma or }');
  }

  #list(path: string, depth: number): void {
    this.#at++;
    this.#space();
    if (this.#skip(']')) return;
    let index = 0;
    do {
      this.#space();
      const item = `${path}[${index++}]`;
      this.offsets.set(item, this.#at);
      this.#value(item, depth + 1);
      this.#space();
    } while (this.#skip(','));
    if (!this.#skip(']')) throw this.#fault('a comma or ]');
  }

  #string(expected: string): string {
    return this.#take(TEXT) ?? this.#raise(expected);
  }

  #space(): void {
    this.#take(SPACE);
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #raise(expected: string): never {
    throw this.#fault(expected);
  }

  #fault(expected: string): SyntaxFault {
    return new SyntaxFault(this.#at, expected);
  }
}

/** @param root the name of the whole value in paths. */
export function jsonPositions(text: string, root: string): JsonPositions {
  const scanner = new Scanner(text);
  try {
    scanner.scan(root);
    return { offsets: scanner.offsets, fault: null };
  } catch (thrown) {
    if (!(thrown instanceof SyntaxFault)) throw thrown;
    return { offsets: scanner.offsets, fault: thrown };
  }
}

/** Where a path stands, or, for a field that is missing, what it is missing in. */
export function offsetOf(positions: JsonPositions, path: string): number {
  for (let at = path; at !== ''; at = at.replace(/(?:^|\.)[^.[\]]*$|\[\d+\]$/, '')) {
    const offset = positions.offsets.get(at);
    if (offset !== undefined) return offset;
  }
  return 0;
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}
