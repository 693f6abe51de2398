// An ordered list of header fields, and its way to and from the host's `fields` resource.
// Knows nothing of requests or responses; names compare without case, and a name may occur more than once.

import { decodeUtf8, encodeUtf8, sameName } from './text';
import { answer, dropFields, fieldsEntries, fieldsFromList } from './wasi';

// One list<tuple<string, list<u8>>> element: two pointers, two lengths.
const ENTRY_BYTES: usize = 16;

class Field {
  next: Field | null = null;

  constructor(
    public name: string,
    public value: string,
  ) {}
}

/** Header fields in order. Values are text; bytes that are not UTF-8 read as U+FFFD. */
export class Headers {
  // A chain and no arrays: the smallest guest carries this code, and few messages have more than twenty fields.
  private first: Field | null = null;
  private last: Field | null = null;
  private count: i32 = 0;

  /** How many fields there are; repeated names count each time. */
  get size(): i32 {
    return this.count;
  }

  /** The name of field `index`, from 0 to `size` - 1, as it was given; traps outside of that range. */
  nameAt(index: i32): string {
    return this.fieldAt(index).name;
  }

  /** The value of field `index`, from 0 to `size` - 1; traps outside of that range. */
  valueAt(index: i32): string {
    return this.fieldAt(index).value;
  }

  /** The first value of a name, or null. */
  get(name: string): string | null {
    let field = this.first;
    while (field) {
      if (sameName(field.name, name)) return field.value;
      field = field.next;
    }
    return null;
  }

  /** All values of a name in order; empty when there is none. */
  getAll(name: string): string[] {
    const found: string[] = [];
    let field = this.first;
    while (field) {
      if (sameName(field.name, name)) found.push(field.value);
      field = field.next;
    }
    return found;
  }

  /** Makes this the only field of its name. */
  set(name: string, value: string): void {
    this.remove(name);
    this.append(name, value);
  }

  /** Adds a field and keeps others of its name, as `set-cookie` needs. */
  append(name: string, value: string): void {
    this.link(new Field(name, value));
  }

  /** Takes every field of a name away. */
  remove(name: string): void {
    let field = this.first;
    this.first = this.last = null;
    this.count = 0;
    while (field) {
      const next = field.next;
      if (!sameName(field.name, name)) this.link(field);
      field = next;
    }
  }

  private link(field: Field): void {
    field.next = null;
    const last = this.last;
    if (last) last.next = field;
    else this.first = field;
    this.last = field;
    this.count++;
  }

  private fieldAt(index: i32): Field {
    let field = this.first;
    while (field && index > 0) {
      field = field.next;
      index--;
    }
    if (!field || index < 0) throw new RangeError('no header field has this index');
    return field;
  }

  /** Writes the fields as list<tuple<string, list<u8>>>, `size` times ENTRY_BYTES. For `makeFields` alone. */
  write(entry: usize): void {
    let field = this.first;
    while (field) {
      put(entry, field.name);
      put(entry + 8, field.value);
      entry += ENTRY_BYTES;
      field = field.next;
    }
  }
}

/** Reads the host's fields and drops them: they are a child of their message, which could not be dropped before. */
export function takeHeaders(fields: i32): Headers {
  const headers = new Headers();
  fieldsEntries(fields, answer);
  let entry = load<usize>(answer);
  const end = entry + load<usize>(answer, 4) * ENTRY_BYTES;
  for (; entry < end; entry += ENTRY_BYTES) {
    headers.append(text(entry), text(entry + 8));
  }
  dropFields(fields);
  return headers;
}

/** A new `fields` resource, or -1 when the host refuses a name or value; `answer` + 4 then holds the header-error. */
export function makeFields(headers: Headers): i32 {
  const count = headers.size;
  const list = __new(<usize>count * ENTRY_BYTES, idof<ArrayBuffer>());
  headers.write(list);
  fieldsFromList(list, count, answer);
  return load<u8>(answer) ? -1 : load<i32>(answer, 4);
}

function text(pair: usize): string {
  return decodeUtf8(load<usize>(pair), load<i32>(pair, 4));
}

function put(pair: usize, value: string): void {
  const bytes = encodeUtf8(value);
  store<usize>(pair, changetype<usize>(bytes));
  store<i32>(pair, bytes.byteLength, 4);
}
