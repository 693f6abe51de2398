/**
 * The objects of JSON arrays, one by one, out of text in chunks of any size, so that a large file is never one
 * value in memory. It knows no trace format.
 */
import { type Place, rowFault, shown } from './fault.ts';

const ELEMENT_CHARACTERS_MAX = 2 ** 26;

const QUOTE = 34;
const BACKSLASH = 92;
const NEWLINE = 10;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;

export type JsonObject = Readonly<Record<string, unknown>>;

/** Calls back for each object that stands directly in an array, but not for those inside such an object. */
export class JsonElements {
  readonly #file: string;
  readonly #onElement: (text: string, key: string, place: Place) => void;
  readonly #decoder = new TextDecoder();
  /** What surrounds the place that is read: `{` or `[`, and the key that the array has. */
  readonly #around: { readonly isArray: boolean; readonly key: string }[] = [];
  #text = '';
  #at = 0;
  #line: number;
  /** Where the element or the string that is read began; -1 outside of both. */
  #elementFrom = -1;
  #elementLine = 1;
  #elementDepth = 0;
  #stringFrom = -1;
  #lastString = '';
  #hasValue = false;

  /** @param onElement gets the object's text; `key` is that of the array, or empty for an array without one. */
  constructor(file: string, firstLine: number, onElement: (text: string, key: string, place: Place) => void) {
    this.#file = file;
    this.#line = firstLine;
    this.#onElement = onElement;
  }

  /** @throws CodedError `trace-invalid` */
  push(chunk: Uint8Array): void {
    this.#scan(this.#decoder.decode(chunk, { stream: true }));
  }

  /** @throws CodedError `trace-invalid` when the text ends before its arrays do. */
  finish(): void {
    this.#scan(this.#decoder.decode());
    const place = { file: this.#file, line: this.#line };
    if (this.#around.length > 0 || this.#elementFrom >= 0 || !this.#hasValue) {
      throw rowFault(place, null, 'the end of a JSON array', 'the end of the file');
    }
  }

  #scan(more: string): void {
    const text = this.#text + more;
    this.#text = text;
    let at = this.#at;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === NEWLINE) this.#line++;
      if (this.#stringFrom >= 0) {
        if (code === BACKSLASH) at++;
        else if (code === QUOTE) this.#endString(at);
      } else if (code === QUOTE) this.#stringFrom = at + 1;
      else if (code === OPEN_OBJECT || code === OPEN_ARRAY) this.#open(code === OPEN_ARRAY, at);
      else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) this.#close(at);
    }
    this.#forget(at);
  }

  #endString(at: number): void {
    if (this.#elementFrom < 0) this.#lastString = this.#text.slice(this.#stringFrom, at);
    this.#stringFrom = -1;
  }

  #open(isArray: boolean, at: number): void {
    this.#hasValue = true;
    if (this.#elementFrom >= 0) this.#elementDepth++;
    else if (!isArray && this.#around.at(-1)?.isArray) {
      this.#elementFrom = at;
      this.#elementLine = this.#line;
      this.#elementDepth = 1;
    } else {
      const isInObject = this.#around.at(-1)?.isArray === false;
      this.#around.push({ isArray, key: isInObject ? this.#lastString : '' });
    }
  }

  #close(at: number): void {
    if (this.#elementFrom < 0) {
      if (this.#around.pop() === undefined) {
        const place = { file: this.#file, line: this.#line };
        throw rowFault(place, null, 'JSON', shown(this.#text.slice(at, at + 8)));
      }
      return;
    }
    if (--this.#elementDepth > 0) return;
    const text = this.#text.slice(this.#elementFrom, at + 1);
    this.#elementFrom = -1;
    const place = { file: this.#file, line: this.#elementLine };
    this.#onElement(text, this.#around.at(-1)?.key ?? '', place);
  }

  /** Drops the text before what is still open. */
  #forget(at: number): void {
    const open = this.#elementFrom >= 0 ? this.#elementFrom : this.#stringFrom;
    const from = open >= 0 ? open : Math.min(at, this.#text.length);
    this.#text = this.#text.slice(from);
    this.#at = at - from;
    if (this.#elementFrom >= 0) this.#elementFrom = 0;
    if (this.#stringFrom >= 0) this.#stringFrom -= from;
    if (this.#text.length > ELEMENT_CHARACTERS_MAX) {
      const place = { file: this.#file, line: this.#elementLine };
      throw rowFault(
        place,
        null,
        `an object of at most ${ELEMENT_CHARACTERS_MAX} characters`,
        'a longer one',
      );
    }
  }
}

/** @throws CodedError `trace-invalid` unless the text is one JSON object. */
export function parseObject(text: string, place: Place): JsonObject {
  const value = tryParse(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw rowFault(place, null, 'a JSON object', shown(text));
}

/** undefined, which no JSON text means, for text that is no JSON. */
export function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value at a path such as `httpRequest.latency`; undefined when there is none. */
export function valueAt(object: JsonObject, path: string): unknown {
  let value: unknown = object;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

/** A text or number at a path, as text. @throws CodedError `trace-invalid` when there is neither. */
export function textAt(object: JsonObject, path: string, place: Place): string {
  const value = valueAt(object, path);
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  const got = value === undefined ? 'nothing' : shown(JSON.stringify(value));
  throw rowFault(place, path, 'text or a number', got);
}
