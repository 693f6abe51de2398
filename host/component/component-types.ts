/**
 * Reads the types of a component into text that can be compared with the host's own signatures. Resources appear by
 * their bare name when they come from the interface that defines them, and whatever Ebb has no word for as `?`.
 */
import { CodedError } from '../../metering/errors.ts';
import { RESOURCE_HOMES } from '../wasi/core/interfaces.ts';
import type { BinaryReader } from './binary.ts';
import { type TypeEntry, TypeScope } from './type-scope.ts';
import { Unfit } from './unfit.ts';

/** What an imported instance offers, by name. */
export interface InstanceExports {
  readonly types: ReadonlyMap<string, TypeEntry>;
  readonly functions: ReadonlyMap<string, string>;
}

const UNKNOWN = '?';

/** The longest signature that Ebb knows has some 2,000 characters; longer texts cannot be one. */
const TEXT_LENGTH_MAX = 8_192;
/** As deep as types may lie within types here; toolchains use two levels. */
const DEPTH_MAX = 16;

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
function text(...parts: readonly string[]): string {
  let whole = '';
  for (const part of parts) whole += part;
  return whole.length > TEXT_LENGTH_MAX ? UNKNOWN : whole;
}

/** An extern name with its discriminator. */
export function readExternName(reader: BinaryReader): string {
  const form = reader.byte();
  const name = reader.name();
  if (form > 1) throw new Unfit(`the name ${name} has attributes`);
  return name;
}

function readValueType(reader: BinaryReader, scope: TypeScope): string {
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

const WORDS = '(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*';
const LABEL = new RegExp(`^${WORDS}$`);
const PLAIN_NAME = new RegExp(
  `^(?:(?:\\[constructor\\])?${WORDS}|\\[(?:method|static)\\]${WORDS}\\.${WORDS})$`,
);

/** Whether it is one of the names that functions and types have within an interface. */
export const isPlainName = (name: string): boolean => PLAIN_NAME.test(name);

/** Reads labels that belong together. They become text, so they must not look like anything else in it. */
function labels(reader: BinaryReader): () => string {
  const seen = new Set<string>();
  return () => {
    const name = reader.name();
    const folded = name.toLowerCase();
    if (!LABEL.test(name) || seen.has(folded)) {
      throw invalid(`expected a name of words and hyphens that is there once, got ${JSON.stringify(name)}`);
    }
    seen.add(folded);
    return name;
  };
}

function readMany(reader: BinaryReader, one: () => string): string {
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

function readFunction(reader: BinaryReader, scope: TypeScope): TypeEntry {
  const label = labels(reader);
  let names = '';
  const params = readMany(reader, () => {
    names = text(names, label(), ',');
    return readValueType(reader, scope);
  });
  const form = reader.byte();
  if (form === 0)
    return { kind: 'function', text: text('(', params, ')->', readValueType(reader, scope)), names };
  if (form !== 1 || reader.byte() !== 0) throw invalid('expected one result or none of a function type');
  return { kind: 'function', text: text('(', params, ')'), names };
}

function readResource(reader: BinaryReader): TypeEntry {
  reader.byte();
  if (reader.byte() === 1) reader.u32();
  return { kind: 'resource', text: UNKNOWN };
}

/** Reads one type definition and adds it to the scope. */
export function readType(reader: BinaryReader, scope: TypeScope): void {
  scope.entries.push(definedType(reader, scope));
}

function definedType(reader: BinaryReader, scope: TypeScope): TypeEntry {
  const code = reader.byte();
  switch (code) {
    case 0x40:
      return readFunction(reader, scope);
    case 0x41:
      readDeclarations(reader, new TypeScope(scope), COMPONENT_IMPORT);
      return { kind: 'component' };
    case 0x42: {
      const start = reader.at(reader.offset);
      readDeclarations(reader, new TypeScope(scope));
      return { kind: 'instance', reader: start, scope };
    }
    case 0x3f:
      return readResource(reader);
    default:
      return { kind: 'value', text: definedValue(code, reader, scope) };
  }
}

function definedValue(code: number, reader: BinaryReader, scope: TypeScope): string {
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

/** What an import or export is declared to be; types are added to the scope under their name's own home. */
function readExternType(
  reader: BinaryReader,
  scope: TypeScope,
  name: string,
): TypeEntry | string | undefined {
  const sort = reader.byte();
  switch (sort) {
    case 1: {
      const entry = scope.at(reader.u32());
      if (entry.kind === 'function') return methodText(name, entry);
      throw invalid(`expected a function type for ${name}, got a type of kind ${entry.kind}`);
    }
    case 3: {
      const entry = readBound(reader) ? scope.at(reader.u32()) : ownResource(scope, name);
      scope.entries.push(entry);
      return entry;
    }
    default:
      throw new Unfit(`${name} is declared within a type and of sort ${sort}`);
  }
}

/** Whether a type is bound to be the very one that follows; otherwise it is a resource that is new here. */
export function readBound(reader: BinaryReader): boolean {
  const bound = reader.byte();
  if (bound > 1) throw invalid(`expected 0 or 1 for the bound of a type, got ${bound}`);
  return bound === 0;
}

function methodText(name: string, { text: type, names }: Extract<TypeEntry, { kind: 'function' }>): string {
  if (!name.startsWith('[method]') || names.startsWith('self,')) return type;
  throw invalid(`expected a first parameter self of ${name}, got ${names}`);
}

const ownResource = (scope: TypeScope, name: string): TypeEntry => ({
  kind: 'resource',
  text: scope.home !== undefined && RESOURCE_HOMES[name] === scope.home ? name : UNKNOWN,
});

function readOuterAlias(reader: BinaryReader, scope: TypeScope): void {
  const sort = reader.byte();
  const target = reader.byte();
  if (sort !== 3 || target !== 2)
    throw new Unfit('a type with an alias of something else than an outer type');
  const levels = reader.u32();
  scope.entries.push(scope.outward(levels, reader.u32()));
}

/** The form of a declaration that only component types have. */
const COMPONENT_IMPORT = 3;

/** Reads the declarations of an instance or component type. */
function readDeclarations(reader: BinaryReader, scope: TypeScope, importForm?: 3): InstanceExports {
  if (scope.depth > DEPTH_MAX) throw new Unfit(`types more than ${DEPTH_MAX} levels deep`);
  const types = new Map<string, TypeEntry>();
  const functions = new Map<string, string>();
  for (let left = reader.u32(); left > 0; left--) {
    const form = reader.byte();
    if (form === 1) readType(reader, scope);
    else if (form === 2) readOuterAlias(reader, scope);
    else if (form === importForm || form === 4) {
      const name = readExternName(reader);
      if (importForm === undefined && (!isPlainName(name) || types.has(name) || functions.has(name))) {
        throw invalid(`expected a plain name that an interface has once, got ${JSON.stringify(name)}`);
      }
      const declared = readExternType(reader, scope, name);
      if (typeof declared === 'string') functions.set(name, declared);
      else if (declared) types.set(name, declared);
    } else throw new Unfit(`a declaration of form ${form} within a type`);
  }
  return { types, functions };
}

/** What an instance offers when it is imported as an interface. */
export function importedExports(entry: TypeEntry, home: string): InstanceExports {
  if (entry.kind !== 'instance') throw invalid(`expected an instance type, got a type of kind ${entry.kind}`);
  return readDeclarations(entry.reader.at(entry.reader.offset), new TypeScope(entry.scope, home));
}
