/**
 * Reads the types of values into text, such as `list<tuple<string,u8>>`. What Ebb has no word for is `?`, and so is what
 * would be longer than any signature of the host.
 */
import { CodedError } from '../../metering/errors.ts';
import type { BinaryReader } from './binary.ts';
import { labels } from './extern-names.ts';
import type { TypeScope } from './type-scope.ts';
import { Unfit } from './unfit.ts';

export const UNKNOWN = '?';

/** The longest signature that Ebb knows has some 2,000 characters; longer texts cannot be one. */
const TEXT_LENGTH_MAX = 8_192;
const PRIMITIVES: Readonly<Record<number, string>> = {
  127: 'bool',
  126: 's8',
  125: 'u8',
  124: 's16',
  123: 'u16',
  122: 's32',
  121: 'u32',
  120: 's64',
  119: 'u64',
  118: 'f32',
  117: 'f64',
  116: 'char',
  115: 'string',
  100: UNKNOWN,
};

const invalid = (message: string): CodedError => new CodedError('component-invalid', message);

/** Joins texts without ever growing past the bound; concatenation shares memory, so no bound on the count is needed. */
export function text(...parts: readonly string[]): string {
  let whole = '';
  for (const part of parts) whole += part;
  return whole.length > TEXT_LENGTH_MAX ? UNKNOWN : whole;
}

export function readValueType(reader: BinaryReader, scope: TypeScope): string {
  const first = reader.bytes[reader.offset];
  if (first !== undefined && first >= 0x40 && first < 0x80) {
    const primitive = PRIMITIVES[reader.byte()];
    if (primitive !== undefined) return primitive;
    throw invalid(`expected a value type at offset ${reader.offset - 1}, got code ${first}`);
  }
  const entry = scope.at(reader.u32());
  if (entry.kind === 'value') return entry.text;
  throw invalid(`expected a value type, got a type of kind ${entry.kind}`);
}

export function readMany(reader: BinaryReader, one: () => string): string {
  let all = '';
  for (let left = reader.u32(), first = true; left > 0; left--, first = false) {
    all = text(all, first ? '' : ',', one());
  }
  return all;
}

function readOptional(reader: BinaryReader, scope: TypeScope): string | undefined {
  const flag = reader.byte();
  if (flag > 1) throw invalid(`expected 0 or 1 before an optional type, got ${flag}`);
  return flag === 1 ? readValueType(reader, scope) : undefined;
}

function readResult(reader: BinaryReader, scope: TypeScope): string {
  const ok = readOptional(reader, scope);
  const err = readOptional(reader, scope);
  if (err !== undefined) return text('result<', ok ?? '_', ',', err, '>');
  return ok === undefined ? 'result' : text('result<', ok, '>');
}

function readCase(reader: BinaryReader, scope: TypeScope, label: () => string): string {
  const name = label();
  const payload = readOptional(reader, scope);
  if (reader.byte() !== 0) throw new Unfit('a variant case refines another');
  return payload === undefined ? name : text(name, '(', payload, ')');
}

function readHandle(reader: BinaryReader, scope: TypeScope, word: string): string {
  const entry = scope.at(reader.u32());
  if (entry.kind !== 'resource') throw invalid(`expected a resource type, got a type of kind ${entry.kind}`);
  return text(word, '<', entry.text, '>');
}

/** @param code what kind of type it is, already read. */
export function definedValue(code: number, reader: BinaryReader, scope: TypeScope): string {
  const value = () => readValueType(reader, scope);
  const name = labels(reader);
  switch (code) {
    case 0x72:
      return text(
        'record{',
        readMany(reader, () => text(name(), ':', value())),
        '}',
      );
    case 0x71:
      return text(
        'variant{',
        readMany(reader, () => readCase(reader, scope, name)),
        '}',
      );
    case 0x70:
      return text('list<', value(), '>');
    case 0x6f:
      return text('tuple<', readMany(reader, value), '>');
    case 0x6e:
      return text('flags{', readMany(reader, name), '}');
    case 0x6d:
      return text('enum{', readMany(reader, name), '}');
    case 0x6b:
      return text('option<', value(), '>');
    case 0x6a:
      return readResult(reader, scope);
    case 0x69:
      return readHandle(reader, scope, 'own');
    case 0x68:
      return readHandle(reader, scope, 'borrow');
    default: {
      const primitive = PRIMITIVES[code];
      if (primitive === undefined) throw new Unfit(`a type of code ${code}`);
      return primitive;
    }
  }
}
