/** Reads a whole component, section by section, into its model. Every index refers to something that came before. */
import { CodedError } from '../../metering/errors.ts';
import { BinaryReader } from './binary.ts';
import {
  type CanonOptions,
  type ComponentModel,
  type CoreExport,
  type CoreFunctionDefinition,
  type CoreInstanceDefinition,
  type CoreItem,
  type FunctionDefinition,
  type InstanceDefinition,
  type Item,
  itemAt,
  type NestedComponent,
  readCanonOptions,
  readItem,
  readMap,
  readSort,
  SORT,
} from './component-model.ts';
import { importedExports, readExternName, readType } from './component-types.ts';
import { CORE_KINDS } from './core-module.ts';
import { readNestedComponent } from './nested-component.ts';
import { TypeScope } from './type-scope.ts';
import { Unfit } from './unfit.ts';

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00] as const;
const CORE_INSTANCE_SORT = 0x12;
const VERSION_SUFFIX = /@0\.2\.\d+$/;

/** Instance types are read anew at each import; more than this many bytes of them is no real component. */
const IMPORTED_TYPE_BYTES_MAX = 4 * 1_048_576;

const invalid = (message: string): CodedError => new CodedError('component-invalid', message);

class ComponentReader implements ComponentModel {
  readonly modules: Uint8Array[] = [];
  readonly types = new TypeScope();
  readonly coreInstances: CoreInstanceDefinition[] = [];
  readonly coreFunctions: CoreFunctionDefinition[] = [];
  readonly coreTables: CoreExport[] = [];
  readonly coreMemories: CoreExport[] = [];
  readonly coreGlobals: CoreExport[] = [];
  readonly functions: FunctionDefinition[] = [];
  readonly instances: InstanceDefinition[] = [];
  readonly components: NestedComponent[] = [];
  readonly exports = new Map<string, Item>();
  readonly #imports = new Set<string>();
  #importedTypeBytes = 0;

  section(id: number, section: BinaryReader): void {
    switch (id) {
      case 0:
        section.name();
        return;
      case 1:
        this.modules.push(section.bytes.subarray(section.offset, section.end));
        return;
      case 4:
        this.#checkPreamble(section);
        this.components.push(readNestedComponent(section, this.types));
        return;
      default: {
        const read = this.#reader(id);
        for (let left = section.u32(); left > 0; left--) read(section);
        if (!section.done)
          throw invalid(`expected the end of section ${id} at offset ${section.offset}, got more`);
      }
    }
  }

  /** That of a component within it is the same as its own. */
  #checkPreamble(section: BinaryReader): void {
    for (const expected of PREAMBLE) {
      if (section.byte() !== expected) throw invalid('expected a component within it, got other first bytes');
    }
  }

  #reader(id: number): (reader: BinaryReader) => void {
    switch (id) {
      case 2:
        return (reader) => this.#coreInstance(reader);
      case 5:
        return (reader) => this.#instance(reader);
      case 6:
        return (reader) => this.#alias(reader);
      case 7:
        return (reader) => readType(reader, this.types);
      case 8:
        return (reader) => this.#canon(reader);
      case 10:
        return (reader) => this.#import(reader);
      case 11:
        return (reader) => this.#export(reader);
      default:
        throw new Unfit(`a section of id ${id} (core types, start functions and values are among them)`);
    }
  }

  #coreInstance(reader: BinaryReader): void {
    const form = reader.byte();
    if (form > 1) throw invalid(`expected a core instance of form 0 or 1, got ${form}`);
    const name = () => reader.name();
    if (form === 1) {
      this.coreInstances.push({ kind: 'bag', exports: readMap(reader, name, () => this.#coreItem(reader)) });
      return;
    }
    const module = reader.u32();
    itemAt(this.modules, module, 'core module');
    const args = readMap(reader, name, () => {
      if (reader.byte() !== CORE_INSTANCE_SORT) throw invalid('expected a core instance as argument');
      return this.#coreInstanceIndex(reader);
    });
    this.coreInstances.push({ kind: 'module', module, args });
  }

  #coreInstanceIndex(reader: BinaryReader): number {
    const index = reader.u32();
    itemAt(this.coreInstances, index, 'core instance');
    return index;
  }

  #coreItem(reader: BinaryReader): CoreItem {
    const code = reader.byte();
    const kind = CORE_KINDS[code];
    if (kind === undefined || kind === 'tag') throw new Unfit(`a core item of sort ${code}`);
    const index = reader.u32();
    itemAt(this.#coreSpace(kind), index, kind);
    return { kind, index };
  }

  #coreSpace(kind: CoreItem['kind']): readonly unknown[] {
    switch (kind) {
      case 'func':
        return this.coreFunctions;
      case 'table':
        return this.coreTables;
      case 'memory':
        return this.coreMemories;
      case 'global':
        return this.coreGlobals;
      case 'tag':
        return [];
      default:
        kind satisfies never;
        return [];
    }
  }

  #instance(reader: BinaryReader): void {
    const form = reader.byte();
    if (form > 1) throw invalid(`expected an instance of form 0 or 1, got ${form}`);
    if (form === 1) {
      const exports = readMap(
        reader,
        () => readExternName(reader),
        () => this.#checkedItem(reader),
      );
      this.instances.push({ kind: 'bag', exports });
      return;
    }
    const component = reader.u32();
    itemAt(this.components, component, 'component');
    const args = readMap(
      reader,
      () => reader.name(),
      () => this.#checkedItem(reader),
    );
    this.instances.push({ kind: 'nested', component, args });
  }

  #checkedItem(reader: BinaryReader): Item {
    const item = readItem(reader);
    if (item.sort === SORT.function) itemAt(this.functions, item.index, 'function');
    if (item.sort === SORT.type) this.types.at(item.index);
    if (item.sort === SORT.instance) itemAt(this.instances, item.index, 'instance');
    if (item.sort === SORT.component) itemAt(this.components, item.index, 'component');
    if (item.sort === SORT.value) throw new Unfit('values at the component level');
    return item;
  }

  #alias(reader: BinaryReader): void {
    const sort = readSort(reader);
    const coreKind = sort === SORT.core ? reader.byte() : 0;
    const target = reader.byte();
    if (target === 0) this.#exportAlias(sort, reader);
    else if (target === 1) this.#coreAlias(coreKind, reader);
    else throw new Unfit('an alias of something outside of it');
  }

  #coreAlias(code: number, reader: BinaryReader): void {
    const alias: CoreExport = { instance: this.#coreInstanceIndex(reader), name: reader.name() };
    const kind = CORE_KINDS[code];
    if (kind === 'func') this.coreFunctions.push({ kind: 'export', ...alias });
    else if (kind === 'table') this.coreTables.push(alias);
    else if (kind === 'memory') this.coreMemories.push(alias);
    else if (kind === 'global') this.coreGlobals.push(alias);
    else throw new Unfit(`an alias of a core item of sort ${code}`);
  }

  #exportAlias(sort: number, reader: BinaryReader): void {
    const instance = itemAt(this.instances, reader.u32(), 'instance');
    const name = reader.name();
    if (instance.kind !== 'imported') throw new Unfit('an alias of what an instance of its own exports');
    const { interfaceName, offers } = instance;
    const type = sort === SORT.type ? offers.types.get(name) : undefined;
    if (type) {
      this.types.entries.push(type);
      return;
    }
    const text = offers.functions.get(name);
    if (sort !== SORT.function || text === undefined) {
      throw invalid(
        `expected an alias of a function or type of ${interfaceName}, got ${name} of sort ${sort}`,
      );
    }
    this.functions.push({ kind: 'imported', interfaceName, name, text });
  }

  #canon(reader: BinaryReader): void {
    const code = reader.byte();
    if (code === 0) this.#lift(reader);
    else if (code === 1) this.#lower(reader);
    else if (code === 3) this.#drop(reader);
    else
      throw new Unfit(
        `a canonical definition of code ${code} (resources of its own and async are among them)`,
      );
  }

  /** Options refer to what came before, like everything else: a function cannot be its own realloc. */
  #options(reader: BinaryReader): CanonOptions {
    const options = readCanonOptions(reader);
    const { memory, realloc, postReturn } = options;
    if (memory !== undefined) itemAt(this.coreMemories, memory, 'core memory');
    for (const index of [realloc, postReturn]) {
      if (index !== undefined) itemAt(this.coreFunctions, index, 'core function');
    }
    return options;
  }

  #lift(reader: BinaryReader): void {
    if (reader.byte() !== 0) throw invalid('expected a function to be lifted');
    const coreFunc = reader.u32();
    itemAt(this.coreFunctions, coreFunc, 'core function');
    const options = this.#options(reader);
    const type = this.types.at(reader.u32());
    if (type.kind !== 'function') throw invalid(`expected a function type, got a type of kind ${type.kind}`);
    this.functions.push({ kind: 'lifted', coreFunc, options, text: type.text, names: type.names });
  }

  #lower(reader: BinaryReader): void {
    if (reader.byte() !== 0) throw invalid('expected a function to be lowered');
    const func = reader.u32();
    itemAt(this.functions, func, 'function');
    this.coreFunctions.push({ kind: 'lowered', func, options: this.#options(reader) });
  }

  #drop(reader: BinaryReader): void {
    const type = this.types.at(reader.u32());
    if (type.kind !== 'resource') throw invalid(`expected a resource type, got a type of kind ${type.kind}`);
    this.coreFunctions.push({ kind: 'drop', resource: type.text });
  }

  #import(reader: BinaryReader): void {
    const name = readExternName(reader);
    if (this.#imports.has(name)) throw invalid(`expected one import of ${name}, got another`);
    this.#imports.add(name);
    const sort = readSort(reader);
    if (sort !== SORT.instance) throw new Unfit(`an import of sort ${sort}`);
    const type = this.types.at(reader.u32());
    if (type.kind === 'instance') this.#importedTypeBytes += type.reader.end - type.reader.offset;
    if (this.#importedTypeBytes > IMPORTED_TYPE_BYTES_MAX) throw new Unfit('very large types');
    const interfaceName = name.replace(VERSION_SUFFIX, '');
    this.instances.push({ kind: 'imported', interfaceName, offers: importedExports(type, interfaceName) });
  }

  #export(reader: BinaryReader): void {
    const name = readExternName(reader);
    const item = this.#checkedItem(reader);
    if (this.exports.has(name)) throw invalid(`expected one export ${name}, got another`);
    this.exports.set(name, item);
    if (reader.byte() !== 0) throw new Unfit('an export with a type of its own');
    // An export is an item of its own, with the next index of its sort.
    if (item.sort === SORT.function) this.functions.push(this.functions[item.index] as FunctionDefinition);
    if (item.sort === SORT.type) this.types.entries.push(this.types.at(item.index));
    if (item.sort === SORT.instance) this.instances.push(this.instances[item.index] as InstanceDefinition);
    if (item.sort === SORT.component) this.components.push(this.components[item.index] as NestedComponent);
  }
}

/**
 * @param bytes a component whose preamble was checked.
 * @throws CodedError `component-invalid` or `component-truncated`; Unfit for what is beyond direct linking.
 */
export function readComponent(bytes: Uint8Array): ComponentModel {
  const reader = new BinaryReader(bytes, PREAMBLE.length);
  const model = new ComponentReader();
  while (!reader.done) {
    const id = reader.byte();
    model.section(id, reader.slice(reader.u32()));
  }
  return model;
}
