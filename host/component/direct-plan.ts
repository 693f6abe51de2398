/**
 * A component's model becomes a list of steps that link-direct.ts replays for each instance: which core module is
 * instantiated with what, and which host function sits behind which import. Nothing here runs anything.
 */
import { CodedError } from '../../metering/errors.ts';
import { NEVER, signatureOf } from '../wasi/core/interfaces.ts';
import type { StringEncoding } from '../wasi/core/strings.ts';
import {
  type CanonOptions,
  type ComponentModel,
  type CoreFunctionDefinition,
  type CoreItem,
  type FunctionDefinition,
  itemAt,
  SORT,
} from './component-model.ts';
import { type CoreImport, coreImports, coreSections } from './core-module.ts';
import { readComponent } from './read-component.ts';
import { withoutShims } from './shim-bypass.ts';
import { Unfit } from './unfit.ts';

/** An export of the instance that a step makes. */
export interface StepExport {
  readonly step: number;
  readonly name: string;
}

/** What a core module imports under one name. */
export type Source =
  | ({ readonly kind: 'export' } & StepExport)
  | { readonly kind: 'drop'; readonly resource: string }
  | {
      readonly kind: 'host';
      readonly interfaceName: string;
      readonly functionName: string;
      readonly encoding: StringEncoding;
      readonly memory?: StepExport;
      readonly realloc?: StepExport;
    };

export interface StepImport {
  readonly module: string;
  readonly name: string;
  readonly source: Source;
}

export type LinkStep =
  /** Instantiates the core module with this index among the component's. */
  | { readonly kind: 'instantiate'; readonly module: number; readonly imports: readonly StepImport[] }
  /** Calls a function without parameters. */
  | { readonly kind: 'call'; readonly target: StepExport }
  /** Takes the place of a step that was found to be needless, so that numbers stay. */
  | { readonly kind: 'nothing' };

/** Everything that is needed to make instances; serialisable. */
export interface DirectPlan {
  readonly steps: readonly LinkStep[];
  readonly handler: StepExport;
  readonly postReturn?: StepExport;
}

const HANDLER_TEXT = '(own<incoming-request>,own<response-outparam>)';

/** Turns places in a model into steps and their exports. */
class Resolver {
  readonly #model: ComponentModel;
  /** The step that makes a core instance; bags have none. */
  readonly #stepOf: readonly (number | undefined)[];

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
    return {
      kind: 'host',
      interfaceName,
      functionName: name,
      encoding,
      ...(memory === undefined ? {} : { memory: this.#exported({ kind: 'memory', index: memory }) }),
      ...(realloc === undefined ? {} : { realloc: this.#exported({ kind: 'func', index: realloc }) }),
    };
  }

  /** For what can only be the export of an instance. */
  #exported(item: CoreItem): StepExport {
    const source = this.item(item);
    if (source.kind === 'export') return { step: source.step, name: source.name };
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

function stepImport(
  { module, name }: CoreImport,
  args: ReadonlyMap<string, number>,
  resolver: Resolver,
): StepImport {
  const instance = args.get(module);
  if (instance === undefined) {
    throw new CodedError('component-invalid', `expected an argument for the core import ${module}, got none`);
  }
  return { module, name, source: resolver.instanceExport(instance, name) };
}

/** Instances of core modules in one component; toolchains make four. */
const INSTANCES_MAX = 64;

function instantiations(model: ComponentModel, resolver: Resolver): LinkStep[] {
  const count = model.coreInstances.filter(({ kind }) => kind === 'module').length;
  if (count > INSTANCES_MAX) throw new Unfit(`${count} core instances, of at most ${INSTANCES_MAX}`);
  return model.coreInstances.flatMap((instance) => {
    if (instance.kind !== 'module') return [];
    const imports = coreImports(coreSections(itemAt(model.modules, instance.module, 'core module')));
    return [
      {
        kind: 'instantiate',
        module: instance.module,
        imports: imports.map((entry) => stepImport(entry, instance.args, resolver)),
      },
    ];
  });
}

/** The lifted function behind an exported interface's function. */
function exportedFunction(
  model: ComponentModel,
  exportName: string,
  functionName: string,
): FunctionDefinition {
  const exported = model.exports.get(exportName);
  const instance = exported?.sort === SORT.instance ? model.instances[exported.index] : undefined;
  let item = instance?.kind === 'bag' ? instance.exports.get(functionName) : undefined;
  if (instance?.kind === 'nested') {
    const inside = model.components[instance.component]?.renamed.get(functionName);
    item = inside === undefined ? undefined : instance.args.get(inside);
  }
  const found = item?.sort === SORT.function ? model.functions[item.index] : undefined;
  if (!found) throw new Unfit(`${exportName} without a plain function ${functionName}`);
  return found;
}

function planned(
  bytes: Uint8Array,
  handlerExport: string,
): DirectPlan & { readonly modules: readonly Uint8Array[] } {
  const model = readComponent(bytes);
  const resolver = new Resolver(model);
  const handle = exportedFunction(model, handlerExport, 'handle');
  if (handle.kind !== 'lifted' || handle.text !== HANDLER_TEXT) throw new Unfit('a handler of another type');
  const handler = resolver.exportedFunction(handle.coreFunc);
  const { postReturn } = handle.options;
  const after = postReturn === undefined ? {} : { postReturn: resolver.exportedFunction(postReturn) };
  const plan = { steps: instantiations(model, resolver), handler, ...after };
  return onlyUsed(withoutShims(plan, model.modules), model.modules);
}

/** Leaves out the modules of which no instance is made, and numbers the others anew. */
function onlyUsed(
  plan: DirectPlan,
  all: readonly Uint8Array[],
): DirectPlan & { readonly modules: readonly Uint8Array[] } {
  const used = [...new Set(plan.steps.flatMap((step) => (step.kind === 'instantiate' ? [step.module] : [])))];
  const steps = plan.steps.map((step) =>
    step.kind === 'instantiate' ? { ...step, module: used.indexOf(step.module) } : step,
  );
  return { ...plan, steps, modules: used.map((index) => all[index] as Uint8Array) };
}

/**
 * Plans a component whose preamble and contract were checked.
 * @returns the plan with the core modules it refers to, or why there is none.
 * @throws CodedError `component-invalid` or `component-truncated`
 */
export function planDirect(
  bytes: Uint8Array,
  handlerExport: string,
): (DirectPlan & { readonly modules: readonly Uint8Array[] }) | { readonly unfit: string } {
  try {
    return planned(bytes, handlerExport);
  } catch (thrown) {
    if (thrown instanceof Unfit) return { unfit: thrown.message };
    throw thrown;
  }
}
