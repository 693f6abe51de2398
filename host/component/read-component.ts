/** Reads a whole component, section by section, into its model. Every index refers to something that came before. */
import { CodedError } from '../../metering/errors.ts';
import { BinaryReader } from './binary.ts';
import { type ComponentModel, type CoreExport, itemAt, readMap, readSort, SORT } from './component-model.ts';
import { ComponentSpaces } from './component-spaces.ts';
import { importedExports, readType } from './component-types.ts';
import { CORE_KINDS } from './core-module.ts';
import { readExternName } from './extern-names.ts';
import { readNestedComponent } from './nested-component.ts';
import { Unfit } from './unfit.ts';

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00] as const;
const CORE_INSTANCE_SORT = 0x12;
const VERSION_SUFFIX = /@0\.2\.\d+$/;

/** Instance types are read anew at each import; more than this many bytes of them is no real component. */
const IMPORTED_TYPE_BYTES_MAX = 4 * 1_048_576;

const invalid = (message: string): CodedError => new CodedError('component-invalid', message);

class ComponentReader {
  readonly spaces = new ComponentSpaces();
  readonly #imports = new Set<string>();
  #importedTypeBytes = 0;

  section(id: number, section: BinaryReader): void {
    switch (id) {
      case 0:
        section.name();
        return;
      case 1:
        this.spaces.modules.push(section.bytes.subarray(section.offset, section.end));
        return;
      case 4:
        this.#checkPreamble(section);
        this.spaces.components.push(readNestedComponent(section, this.spaces.types));
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
        return (reader) => readType(reader, this.spaces.types);
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
      this.spaces.coreInstances.push({
        kind: 'bag',
        exports: readMap(reader, name, () => this.spaces.checkedCoreItem(reader)),
      });
      return;
    }
    const module = reader.u32();
    itemAt(this.spaces.modules, module, 'core module');
    const args = readMap(reader, name, () => {
      if (reader.byte() !== CORE_INSTANCE_SORT) throw invalid('expected a core instance as argument');
      return this.spaces.coreInstanceIndex(reader);
    });
    this.spaces.coreInstances.push({ kind: 'module', module, args });
  }

  #instance(reader: BinaryReader): void {
    const form = reader.byte();
    if (form > 1) throw invalid(`expected an instance of form 0 or 1, got ${form}`);
    if (form === 1) {
      const exports = readMap(
        reader,
        () => readExternName(reader),
        () => this.spaces.checkedItem(reader),
      );
      this.spaces.instances.push({ kind: 'bag', exports });
      return;
    }
    const component = reader.u32();
    itemAt(this.spaces.components, component, 'component');
    const args = readMap(
      reader,
      () => reader.name(),
      () => this.spaces.checkedItem(reader),
    );
    this.spaces.instances.push({ kind: 'nested', component, args });
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
    const alias: CoreExport = { instance: this.spaces.coreInstanceIndex(reader), name: reader.name() };
    const kind = CORE_KINDS[code];
    if (kind === 'func') this.spaces.coreFunctions.push({ kind: 'export', ...alias });
    else if (kind === 'table') this.spaces.coreTables.push(alias);
    else if (kind === 'memory') this.spaces.coreMemories.push(alias);
    else if (kind === 'global') this.spaces.coreGlobals.push(alias);
    else throw new Unfit(`an alias of a core item of sort ${code}`);
  }

  #exportAlias(sort: number, reader: BinaryReader): void {
    const instance = itemAt(this.spaces.instances, reader.u32(), 'instance');
    const name = reader.name();
    if (instance.kind !== 'imported') throw new Unfit('an alias of what an instance of its own exports');
    const { interfaceName, offers } = instance;
    const type = sort === SORT.type ? offers.types.get(name) : undefined;
    if (type) {
      this.spaces.types.entries.push(type);
      return;
    }
    const text = offers.functions.get(name);
    if (sort !== SORT.function || text === undefined) {
      throw invalid(
        `expected an alias of a function or type of ${interfaceName}, got ${name} of sort ${sort}`,
      );
    }
    this.spaces.functions.push({ kind: 'imported', interfaceName, name, text });
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

  #lift(reader: BinaryReader): void {
    if (reader.byte() !== 0) throw invalid('expected a function to be lifted');
    const coreFunc = reader.u32();
    itemAt(this.spaces.coreFunctions, coreFunc, 'core function');
    const options = this.spaces.checkedOptions(reader);
    const type = this.spaces.types.at(reader.u32());
    if (type.kind !== 'function') throw invalid(`expected a function type, got a type of kind ${type.kind}`);
    this.spaces.functions.push({ kind: 'lifted', coreFunc, options, text: type.text, names: type.names });
  }

  #lower(reader: BinaryReader): void {
    if (reader.byte() !== 0) throw invalid('expected a function to be lowered');
    const func = reader.u32();
    itemAt(this.spaces.functions, func, 'function');
    this.spaces.coreFunctions.push({ kind: 'lowered', func, options: this.spaces.checkedOptions(reader) });
  }

  #drop(reader: BinaryReader): void {
    const type = this.spaces.types.at(reader.u32());
    if (type.kind !== 'resource') throw invalid(`expected a resource type, got a type of kind ${type.kind}`);
    this.spaces.coreFunctions.push({ kind: 'drop', resource: type.text });
  }

  #import(reader: BinaryReader): void {
    const name = readExternName(reader);
    if (this.#imports.has(name)) throw invalid(`expected one import of ${name}, got another`);
    this.#imports.add(name);
    const sort = readSort(reader);
    if (sort !== SORT.instance) throw new Unfit(`an import of sort ${sort}`);
    const type = this.spaces.types.at(reader.u32());
    if (type.kind === 'instance') this.#importedTypeBytes += type.reader.end - type.reader.offset;
    if (this.#importedTypeBytes > IMPORTED_TYPE_BYTES_MAX) throw new Unfit('very large types');
    const interfaceName = name.replace(VERSION_SUFFIX, '');
    this.spaces.instances.push({
      kind: 'imported',
      interfaceName,
      offers: importedExports(type, interfaceName),
    });
  }

  #export(reader: BinaryReader): void {
    const name = readExternName(reader);
    const item = this.spaces.checkedItem(reader);
    if (this.spaces.exports.has(name)) throw invalid(`expected one export ${name}, got another`);
    this.spaces.exports.set(name, item);
    if (reader.byte() !== 0) throw new Unfit('an export with a type of its own');
    // An export is an item of its own.
    this.spaces.addAgain(item);
  }
}

/**
 * @param bytes a component whose preamble was checked.
 * @throws CodedError `component-invalid` or `component-truncated`; Unfit for what is beyond direct linking.
 */
export function readComponent(bytes: Uint8Array): ComponentModel {
  const reader = new BinaryReader(bytes, PREAMBLE.length);
  const component = new ComponentReader();
  while (!reader.done) {
    const id = reader.byte();
    component.section(id, reader.slice(reader.u32()));
  }
  return component.spaces;
}
