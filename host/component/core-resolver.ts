/**
 * Follows a model's indexes and aliases to what they lead to in the end: an export of some step's instance, a host
 * function, or the dropping of a resource.
 */
import { CodedError } from '../../metering/errors.ts';
import { NEVER, signatureOf } from '../wasi/core/interfaces.ts';
import {
  type CanonOptions,
  type ComponentModel,
  type CoreFunctionDefinition,
  type CoreItem,
  type FunctionDefinition,
  itemAt,
} from './component-model.ts';
import type { Source, StepExport } from './direct-plan.ts';
import { Unfit } from './unfit.ts';

/** Turns places in a model into steps and their exports. */
export class Resolver {
  readonly #model: ComponentModel;
  /** The step that makes a core instance; bags have none. */
  readonly #stepOf: readonly (number | undefined)[];
  /** The type that the component itself gives a host function. */
  readonly #texts = new WeakMap<Source, string>();

  constructor(model: ComponentModel) {
    this.#model = model;
    let steps = 0;
    this.#stepOf = model.coreInstances.map((instance) => (instance.kind === 'module' ? steps++ : undefined));
  }

  /** What an instance gives under a name. */
  instanceExport(instance: number, name: string): Source {
    const definition = itemAt(this.#model.coreInstances, instance, 'core instance');
    if (definition.kind === 'module') return { kind: 'export', step: this.#stepOf[instance] as number, name };
    const item = definition.exports.get(name);
    if (item) return this.item(item);
    throw new CodedError(
      'component-invalid',
      `expected a core instance that exports ${name}, got one without it`,
    );
  }

  item({ kind, index }: CoreItem): Source {
    switch (kind) {
      case 'func':
        return this.func(itemAt(this.#model.coreFunctions, index, 'core function'));
      case 'table':
        return this.#aliased(itemAt(this.#model.coreTables, index, 'core table'));
      case 'memory':
        return this.#aliased(itemAt(this.#model.coreMemories, index, 'core memory'));
      case 'global':
        return this.#aliased(itemAt(this.#model.coreGlobals, index, 'core global'));
      default:
        throw new Unfit(`a core item of kind ${kind}`);
    }
  }

  func(definition: CoreFunctionDefinition): Source {
    switch (definition.kind) {
      case 'export':
        return this.#aliased(definition);
      case 'drop':
        if (definition.resource === '?') throw new Unfit('a resource that the host does not know');
        return { kind: 'drop', resource: definition.resource };
      case 'lowered':
        return this.#lowered(itemAt(this.#model.functions, definition.func, 'function'), definition.options);
      default:
        return definition satisfies never;
    }
  }

  #lowered(func: FunctionDefinition, { encoding, memory, realloc }: CanonOptions): Source {
    if (func.kind !== 'imported')
      throw new Unfit('a function of its own that it calls through the component level');
    const { interfaceName, name, text } = func;
    const known = signatureOf(interfaceName, name);
    if (known !== text && known !== NEVER)
      throw new Unfit(`${interfaceName} ${name} of a type that the host does not know`);
    const source: Source = {
      kind: 'host',
      interfaceName,
      functionName: name,
      encoding,
      ...(memory === undefined ? {} : { memory: this.#exported({ kind: 'memory', index: memory }) }),
      ...(realloc === undefined ? {} : { realloc: this.#exported({ kind: 'func', index: realloc }) }),
    };
    this.#texts.set(source, text);
    return source;
  }

  /** The type of a host function that this resolver has found, as the component declares it. */
  textOf(source: Source): string | undefined {
    return this.#texts.get(source);
  }

  /** For what can only be the export of an instance. */
  #exported(item: CoreItem): StepExport {
    let at = this.#alias(item);
    while (at) {
      const { instance, name } = at;
      const definition = itemAt(this.#model.coreInstances, instance, 'core instance');
      if (definition.kind === 'module') return { step: this.#stepOf[instance] as number, name };
      const next = definition.exports.get(name);
      at = next && this.#alias(next);
    }
    throw new Unfit(`a ${item.kind} option that no core module exports`);
  }

  exportedFunction(index: number): StepExport {
    return this.#exported({ kind: 'func', index });
  }

  /** Aliases of bags may lead to aliases of bags; each leads to something that came before. */
  #aliased({ instance, name }: { readonly instance: number; readonly name: string }): Source {
    let at = { instance, name };
    for (;;) {
      const definition = itemAt(this.#model.coreInstances, at.instance, 'core instance');
      if (definition.kind === 'module') return this.instanceExport(at.instance, at.name);
      const item = definition.exports.get(at.name);
      if (!item) return this.instanceExport(at.instance, at.name);
      const next = this.#alias(item);
      if (!next) return this.item(item);
      at = next;
    }
  }

  #alias({ kind, index }: CoreItem): { readonly instance: number; readonly name: string } | undefined {
    const { coreFunctions, coreTables, coreMemories, coreGlobals } = this.#model;
    if (kind === 'table') return coreTables[index];
    if (kind === 'memory') return coreMemories[index];
    if (kind === 'global') return coreGlobals[index];
    const func = coreFunctions[index];
    return func?.kind === 'export' ? func : undefined;
  }
}
