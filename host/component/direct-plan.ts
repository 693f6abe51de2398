/**
 * A component's model becomes a list of steps that direct-binding.ts replays for each instance: which core module is
 * instantiated with what, and which host function sits behind which import. Nothing here runs anything.
 */
import { CodedError } from '../../metering/errors.ts';
import type { StringEncoding } from '../wasi/core/strings.ts';
import { type ComponentModel, type FunctionDefinition, itemAt, SORT } from './component-model.ts';
import { type CoreImport, coreImports, coreSections } from './core-module.ts';
import { Resolver } from './core-resolver.ts';
import { LinkProof } from './link-proof.ts';
import { readComponent } from './read-component.ts';
import { type CanStand, withoutShims } from './shim-bypass.ts';
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

/** A function in a slot of a table. */
export interface FilledSlot extends StepExport {
  readonly slot: number;
}

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
  /** Puts functions into the table of an instance that has no other state, and may then call one. */
  | {
      readonly kind: 'fill';
      readonly table: StepExport;
      readonly slots: readonly FilledSlot[];
      readonly then?: StepExport;
    }
  /** Takes the place of a step that was found to be needless, so that numbers stay. */
  | { readonly kind: 'nothing' };

/** Everything that is needed to make instances; serialisable. */
export interface DirectPlan {
  readonly steps: readonly LinkStep[];
  readonly handler: StepExport;
  readonly postReturn?: StepExport;
}

const HANDLER_TEXT = '(own<incoming-request>,own<response-outparam>)';

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

/** A direct plan as it is made. */
export interface PlannedDirectly {
  readonly plan: DirectPlan;
  /** The core modules that it refers to. */
  readonly modules: readonly Uint8Array[];
  /** Whether the component is known to be valid; otherwise somebody else has to say. */
  readonly isProven: boolean;
}

function planned(bytes: Uint8Array, handlerExport: string): PlannedDirectly {
  const model = readComponent(bytes);
  const resolver = new Resolver(model);
  const handle = exportedFunction(model, handlerExport, 'handle');
  if (handle.kind !== 'lifted' || handle.text !== HANDLER_TEXT) throw new Unfit('a handler of another type');
  const handler = resolver.exportedFunction(handle.coreFunc);
  const { postReturn } = handle.options;
  const after = postReturn === undefined ? {} : { postReturn: resolver.exportedFunction(postReturn) };
  const steps = instantiations(model, resolver);
  const proof = new LinkProof(model, resolver, steps);
  const canStand: CanStand = (source, step, name) => proof.canStand(source, step, name);
  const plan = withoutShims({ steps, handler, ...after }, model.modules, canStand);
  return { ...onlyUsed(plan, model.modules), isProven: proof.holds() };
}

/** Leaves out the modules of which no instance is made, and numbers the others anew. */
function onlyUsed(plan: DirectPlan, all: readonly Uint8Array[]): Omit<PlannedDirectly, 'isProven'> {
  const used = [...new Set(plan.steps.flatMap((step) => (step.kind === 'instantiate' ? [step.module] : [])))];
  const steps = plan.steps.map((step) =>
    step.kind === 'instantiate' ? { ...step, module: used.indexOf(step.module) } : step,
  );
  return { plan: { ...plan, steps }, modules: used.map((index) => all[index] as Uint8Array) };
}

/**
 * Plans a component whose preamble and contract were checked.
 * @returns the plan, or why there is none.
 * @throws CodedError `component-invalid` or `component-truncated`
 */
export function planDirect(
  bytes: Uint8Array,
  handlerExport: string,
): PlannedDirectly | { readonly unfit: string } {
  try {
    return planned(bytes, handlerExport);
  } catch (thrown) {
    if (thrown instanceof Unfit) return { unfit: thrown.message };
    throw thrown;
  }
}
