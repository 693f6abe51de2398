/**
 * Reads the types of functions and interfaces in a component, as text that can be compared with the host's own
 * signatures. Resources appear by their bare name when they come from the interface that defines them, otherwise as `?`.
 */
import { CodedError } from '../../metering/errors.ts';
import { RESOURCE_HOMES } from '../wasi/core/interfaces.ts';
import type { BinaryReader } from './binary.ts';
import { isPlainName, labels, readExternName } from './extern-names.ts';
import { type TypeEntry, TypeScope } from './type-scope.ts';
import { Unfit } from './unfit.ts';
import { definedValue, readMany, readValueType, text, UNKNOWN } from './value-types.ts';

/** What an imported instance offers, by name. */
export interface InstanceExports {
  readonly types: ReadonlyMap<string, TypeEntry>;
  readonly functions: ReadonlyMap<string, string>;
}

/** As deep as types may lie within types here; toolchains use two levels. */
const DEPTH_MAX = 16;

const invalid = (message: string): CodedError => new CodedError('component-invalid', message);

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
