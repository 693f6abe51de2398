/** wasi:http fields: ordered headers or trailers, names compared without case, values as bytes. */
import type { Allowance } from './allowance.ts';
import type { ExecutionContext } from './imports.ts';
import { GuestFault, ResultError } from './result-error.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Headers that belong to the connection, not to the message: guests neither see nor set them. The same list as
 * wasmtime's DEFAULT_FORBIDDEN_HEADERS (crates/wasi-http, 2025).
 */
const FORBIDDEN = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** What says where a message ends, or what its trailers are, means nothing behind the message. */
const FORBIDDEN_BEHIND = new Set(['content-length', 'trailer']);

/** Names and values of one message together; more would be the host's memory without a limit. */
const FIELDS_BYTES_MAX = 131_072;

/** What the host keeps of an entry beside its text, roughly. */
const ENTRY_BYTES = 128;

export type FieldEntry = readonly [name: string, value: Uint8Array];

/**
 * Headers as they cross threads: names and values in turn, values in latin1, as Node's `rawHeaders`. Text is copied
 * cheaply between threads, while each view of a Buffer would take the whole pool behind it along.
 */
export type WireHeaders = readonly string[];

function fromWire(wire: WireHeaders): FieldEntry[] {
  const entries: FieldEntry[] = [];
  for (let index = 0; index + 1 < wire.length; index += 2) {
    const name = wire[index] as string;
    if (!FORBIDDEN.has(name.toLowerCase()))
      entries.push([name, Buffer.from(wire[index + 1] as string, 'latin1')]);
  }
  return entries;
}

/** Up to here it is faster to name the characters than to have them read. */
const NAMED_MAX = 64;

const latin1Of = (value: Uint8Array): string =>
  value.length <= NAMED_MAX
    ? String.fromCharCode.apply(null, value as unknown as number[])
    : Buffer.from(value).toString('latin1');

const isFieldByte = (byte: number): boolean => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f);

function checkName(name: string): void {
  if (!TOKEN.test(name)) throw new ResultError({ tag: 'invalid-syntax' });
  if (FORBIDDEN.has(name.toLowerCase())) throw new ResultError({ tag: 'forbidden' });
}

function checkValue(value: Uint8Array): void {
  for (const byte of value) if (!isFieldByte(byte)) throw new ResultError({ tag: 'invalid-syntax' });
}

export class Fields {
  #read: FieldEntry[] = [];
  /** Received headers that nobody has looked at yet: most guests never do. */
  #unread: WireHeaders | undefined;
  #bytes = 0;
  #immutable = false;
  readonly #allowance: Allowance | undefined;
  /** Taken from the allowance. */
  #takenBytes = 0;
  /** Who keeps it alive: the message that it belongs to, and each handle of it. */
  #owners = 1;

  /** @param allowance counts what all fields of an execution hold. */
  constructor(allowance?: Allowance) {
    this.#allowance = allowance;
  }

  static fromList(this: new () => Fields, entries: readonly FieldEntry[]): Fields {
    const fields = new this();
    try {
      for (const [name, value] of entries) fields.append(name, value);
      return fields;
    } catch (thrown) {
      fields[Symbol.dispose]();
      throw thrown;
    }
  }

  /** Headers that came over the wire: without those of the connection, and not to be changed. */
  static received(wire: WireHeaders, allowance: Allowance | undefined): Fields {
    const fields = new Fields(allowance);
    fields.#unread = wire;
    return fields.frozen();
  }

  /** This very object for one more owner. */
  shared(): this {
    this.#owners++;
    return this;
  }

  /** One owner less. */
  [Symbol.dispose](): void {
    this.#owners--;
    if (this.#owners === 0) this.#giveBack();
  }

  toWire(): string[] {
    const wire: string[] = [];
    for (const [name, value] of this.#entries) wire.push(name, latin1Of(value));
    return wire;
  }

  /** This very object, from now on immutable. */
  frozen(): this {
    this.#immutable = true;
    return this;
  }

  get(name: string): Uint8Array[] {
    const wanted = name.toLowerCase();
    return this.#entries.filter(([key]) => key.toLowerCase() === wanted).map(([, value]) => value);
  }

  has(name: string): boolean {
    const wanted = name.toLowerCase();
    return this.#entries.some(([key]) => key.toLowerCase() === wanted);
  }

  set(name: string, values: readonly Uint8Array[]): void {
    this.#checkMutable();
    checkName(name);
    for (const value of values) checkValue(value);
    this.#remove(name);
    for (const value of values) this.#add(name, value);
  }

  delete(name: string): void {
    this.#checkMutable();
    checkName(name);
    this.#remove(name);
  }

  append(name: string, value: Uint8Array): void {
    this.#checkMutable();
    checkName(name);
    checkValue(value);
    this.#add(name, value);
  }

  entries(): FieldEntry[] {
    return [...this.#entries];
  }

  clone(): Fields {
    const copy = new Fields(this.#allowance);
    for (const [name, value] of this.#entries) copy.#add(name, value);
    return copy;
  }

  #add(name: string, value: Uint8Array): void {
    this.#bytes += name.length + value.length;
    if (this.#bytes > FIELDS_BYTES_MAX) {
      throw new GuestFault(`fields: expected at most ${FIELDS_BYTES_MAX} bytes of headers, got more`);
    }
    this.#take(name, value);
    this.#entries.push([name, value]);
  }

  #take(name: string, value: Uint8Array): void {
    const bytes = name.length + value.length + ENTRY_BYTES;
    this.#allowance?.take(bytes);
    this.#takenBytes += bytes;
  }

  #giveBack(): void {
    this.#allowance?.giveBack(this.#takenBytes);
    this.#takenBytes = 0;
  }

  #remove(name: string): void {
    const unwanted = name.toLowerCase();
    const kept = this.#entries.filter(([key]) => key.toLowerCase() !== unwanted);
    this.#entries = [];
    this.#bytes = 0;
    this.#giveBack();
    for (const [key, value] of kept) this.#add(key, value);
  }

  #checkMutable(): void {
    if (this.#immutable) throw new ResultError({ tag: 'immutable' });
  }

  get #entries(): FieldEntry[] {
    if (this.#unread) {
      this.#read = fromWire(this.#unread);
      this.#unread = undefined;
      for (const [name, value] of this.#read) this.#take(name, value);
    }
    return this.#read;
  }

  set #entries(entries: FieldEntry[]) {
    this.#unread = undefined;
    this.#read = entries;
  }
}

/** Made for a binding or an execution, so that what fields hold is counted for whoever made them. */
export function fieldsClass(context: Pick<ExecutionContext, 'fieldsAllowance'>): typeof Fields {
  return class extends Fields {
    constructor() {
      super(context.fieldsAllowance);
    }

    /** Generated code asks, also of those that came over the wire. */
    static override [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof Fields;
    }
  };
}

/** Trailers as they leave. */
export function trailersToWire(trailers: Fields): WireHeaders {
  const wire = trailers.toWire();
  const isAllowed = (index: number): boolean =>
    !FORBIDDEN_BEHIND.has((wire[index - (index % 2)] as string).toLowerCase());
  return wire.filter((_text, index) => isAllowed(index));
}
