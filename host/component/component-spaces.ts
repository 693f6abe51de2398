/**
 * The index spaces of a component while it is read, and the readers of what refers into them: every index refers to
 * something that came before. Knows no sections.
 */
import type { BinaryReader } from './binary.ts';
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
  SORT,
} from './component-model.ts';
import { CORE_KINDS } from './core-module.ts';
import { TypeScope } from './type-scope.ts';
import { Unfit } from './unfit.ts';

export class ComponentSpaces implements ComponentModel {
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

  coreInstanceIndex(reader: BinaryReader): number {
    const index = reader.u32();
    itemAt(this.coreInstances, index, 'core instance');
    return index;
  }

  checkedCoreItem(reader: BinaryReader): CoreItem {
    const code = reader.byte();
    const kind = CORE_KINDS[code];
    if (kind === undefined || kind === 'tag') throw new Unfit(`a core item of sort ${code}`);
    const index = reader.u32();
    itemAt(this.#coreSpace(kind), index, kind);
    return { kind, index };
  }

  checkedItem(reader: BinaryReader): Item {
    const item = readItem(reader);
    if (item.sort === SORT.function) itemAt(this.functions, item.index, 'function');
    if (item.sort === SORT.type) this.types.at(item.index);
    if (item.sort === SORT.instance) itemAt(this.instances, item.index, 'instance');
    if (item.sort === SORT.component) itemAt(this.components, item.index, 'component');
    if (item.sort === SORT.value) throw new Unfit('values at the component level');
    return item;
  }

  /** Options refer to what came before, like everything else: a function cannot be its own realloc. */
  checkedOptions(reader: BinaryReader): CanonOptions {
    const options = readCanonOptions(reader);
    const { memory, realloc, postReturn } = options;
    if (memory !== undefined) itemAt(this.coreMemories, memory, 'core memory');
    for (const index of [realloc, postReturn]) {
      if (index !== undefined) itemAt(this.coreFunctions, index, 'core function');
    }
    return options;
  }

  /** Gives an item the next index of its sort, too. */
  addAgain({ sort, index }: Item): void {
    if (sort === SORT.function) this.functions.push(this.functions[index] as FunctionDefinition);
    if (sort === SORT.type) this.types.entries.push(this.types.at(index));
    if (sort === SORT.instance) this.instances.push(this.instances[index] as InstanceDefinition);
    if (sort === SORT.component) this.components.push(this.components[index] as NestedComponent);
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
}
