/**
 * Proves that a component is well-formed where it matters for linking it directly: each core import gets what it
 * declares, each lifted and lowered function has the core type and the options that its own type asks for. What is not
 * proven is not wrong: the generator then validates the component as a whole.
 */
import { NEVER, signatureOf } from '../wasi/core/interfaces.ts';
import type { CanonOptions, ComponentModel, CoreExport, CoreItem } from './component-model.ts';
import type { Resolver } from './core-resolver.ts';
import { type CoreType, type CoreTypes, coreTypes, isMatch } from './core-types.ts';
import type { LinkStep, Source, StepExport } from './direct-plan.ts';
import { flatFunction } from './flat-types.ts';
import { isNestedFit } from './nested-component.ts';

const REALLOC: CoreType = { kind: 'func', type: 'i32,i32,i32,i32->i32' };
const DROP: CoreType = { kind: 'func', type: 'i32->' };

const func = (type: string): CoreType => ({ kind: 'func', type });

export class LinkProof {
  readonly #model: ComponentModel;
  readonly #resolver: Resolver;
  readonly #steps: readonly LinkStep[];
  readonly #types = new Map<number, CoreTypes | undefined>();

  /** @param steps as the component says, before anything is left out. */
  constructor(model: ComponentModel, resolver: Resolver, steps: readonly LinkStep[]) {
    this.#model = model;
    this.#resolver = resolver;
    this.#steps = steps;
  }

  /** Whether everything is as it has to be. */
  holds(): boolean {
    return (
      this.#model.modules.every((module) => WebAssembly.validate(new Uint8Array(module))) &&
      this.#steps.every((step) => step.kind !== 'instantiate' || this.#areImportsMet(step)) &&
      this.#areAliasesMet() &&
      this.#areFunctionsFit() &&
      this.#model.instances.every(
        (instance) => instance.kind !== 'nested' || isNestedFit(instance, this.#model),
      )
    );
  }

  /** Whether a source gives just what some import declares, so that it may take another's place there. */
  canStand(source: Source, step: number, name: string): boolean {
    const wanted = this.#exportType({ step, name });
    const given = this.#typeOf(source);
    return wanted !== undefined && given !== undefined && isMatch(wanted, given);
  }

  #areImportsMet({ module, imports }: Extract<LinkStep, { kind: 'instantiate' }>): boolean {
    const types = this.#typesOf(module);
    if (types?.imports.length !== imports.length) return false;
    const names = new Set(imports.map(({ module: from, name }) => JSON.stringify([from, name])));
    if (names.size !== imports.length) return false;
    return types.imports.every((wanted, index) => {
      const entry = imports[index];
      if (entry?.module !== wanted.module || entry.name !== wanted.name) return false;
      const given = this.#typeOf(entry.source);
      return given !== undefined && isMatch(wanted, given);
    });
  }

  #typesOf(module: number): CoreTypes | undefined {
    if (!this.#types.has(module)) {
      this.#types.set(module, coreTypes(this.#model.modules[module] as Uint8Array));
    }
    return this.#types.get(module);
  }

  #exportType({ step, name }: StepExport): CoreType | undefined {
    const made = this.#steps[step];
    return made?.kind === 'instantiate' ? this.#typesOf(made.module)?.exports.get(name) : undefined;
  }

  #typeOf(source: Source): CoreType | undefined {
    switch (source.kind) {
      case 'export':
        return this.#exportType(source);
      case 'drop':
        return DROP;
      case 'host': {
        const text = this.#resolver.textOf(source);
        const flat = text === undefined ? undefined : flatFunction(text, 'lower');
        return flat && func(flat.coreType);
      }
      default:
        return source satisfies never;
    }
  }

  /** Every alias of something that a core instance exports finds it, and of that kind, whether it is used or not. */
  #areAliasesMet(): boolean {
    const { coreFunctions, coreTables, coreMemories, coreGlobals } = this.#model;
    const functions = coreFunctions.filter((definition) => definition.kind === 'export');
    const all: readonly (readonly [CoreType['kind'], readonly CoreExport[]])[] = [
      ['func', functions],
      ['table', coreTables],
      ['memory', coreMemories],
      ['global', coreGlobals],
    ];
    return all.every(([kind, aliases]) =>
      aliases.every(
        ({ instance, name }) => this.#typeOf(this.#resolver.instanceExport(instance, name))?.kind === kind,
      ),
    );
  }

  #areFunctionsFit(): boolean {
    const { coreFunctions, functions } = this.#model;
    const areLowered = coreFunctions.every((definition) => {
      if (definition.kind === 'export') return true;
      if (definition.kind === 'drop') return definition.resource !== '?';
      const lowered = functions[definition.func];
      return lowered?.kind === 'imported' && this.#isLoweredFit(lowered, definition.options);
    });
    return areLowered && functions.every((each) => each.kind === 'imported' || this.#isLiftedFit(each));
  }

  #isLoweredFit(
    lowered: { readonly interfaceName: string; readonly name: string; readonly text: string },
    options: CanonOptions,
  ): boolean {
    const known = signatureOf(lowered.interfaceName, lowered.name);
    if (known !== lowered.text && known !== NEVER) return false;
    const flat = flatFunction(lowered.text, 'lower');
    return flat !== undefined && options.postReturn === undefined && this.#areOptionsFit(options, flat);
  }

  #isLiftedFit(lifted: {
    readonly coreFunc: number;
    readonly options: CanonOptions;
    readonly text: string;
  }): boolean {
    const flat = flatFunction(lifted.text, 'lift');
    if (!flat || !this.#isFunction(lifted.coreFunc, func(flat.coreType))) return false;
    const { postReturn } = lifted.options;
    if (postReturn !== undefined && !this.#isFunction(postReturn, func(`${flat.coreResults}->`)))
      return false;
    return this.#areOptionsFit(lifted.options, flat);
  }

  #areOptionsFit(
    { memory, realloc }: CanonOptions,
    { needsMemory, needsRealloc }: { readonly needsMemory: boolean; readonly needsRealloc: boolean },
  ): boolean {
    if ((needsMemory || needsRealloc || realloc !== undefined) && memory === undefined) return false;
    if (needsRealloc && realloc === undefined) return false;
    if (realloc !== undefined && !this.#isFunction(realloc, REALLOC)) return false;
    return memory === undefined || this.#isPlainMemory(memory);
  }

  #isFunction(index: number, wanted: CoreType): boolean {
    const given = this.#typeOfItem({ kind: 'func', index });
    return given !== undefined && isMatch(wanted, given);
  }

  #isPlainMemory(index: number): boolean {
    const limits = this.#typeOfItem({ kind: 'memory', index })?.limits;
    return limits !== undefined && !limits.hasLongAddresses && !limits.isShared;
  }

  #typeOfItem(item: CoreItem): CoreType | undefined {
    const space = item.kind === 'func' ? this.#model.coreFunctions : this.#model.coreMemories;
    return item.index < space.length ? this.#typeOf(this.#resolver.item(item)) : undefined;
  }
}
