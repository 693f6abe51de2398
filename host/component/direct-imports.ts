/**
 * What the steps of a direct plan import, made once for all the instances that follow one another: host functions, and
 * places for what instances hand to each other. What runs, and when, is left to link-direct.ts.
 */

import type { AbiSide } from '../wasi/core/abi-rules.ts';
import { GuestCalls } from '../wasi/core/guest-calls.ts';
import { GuestMemory, type Realloc } from '../wasi/core/guest-memory.ts';
import { HandleTable } from '../wasi/core/handle-table.ts';
import { coreFunction, coreParams, dropFunction } from '../wasi/core/host-function.ts';
import { BLOCKING_FUNCTIONS, hostCall, NEVER, signatureOf, vainCall } from '../wasi/core/interfaces.ts';
import { STRING_CODECS } from '../wasi/core/strings.ts';
import { CurrentContext } from '../wasi/current-context.ts';
import { hostFunctions } from '../wasi/imports.ts';
import type { LinkStep, Source, StepExport } from './direct-plan.ts';
import type { Guard } from './guard-module.ts';
import { MEMORY_IMPORT, type MemoryType } from './import-memory.ts';
import { LIMITS_IMPORT, type LimitCells } from './limit-cells.ts';
import type { HostFunctions, LinkInput } from './link.ts';
import { type StartSizes, startSizes } from './memory-budget.ts';
import type { DirectLinkPlan } from './plan.ts';
import { suspensionPoint } from './suspension-point.ts';

export type ImportObject = Record<string, Record<string, unknown>>;
type HostSource = Extract<Source, { kind: 'host' }>;

/** Runs when the instance of a step is there, and passes its exports to those that wait for them. */
type Handover = (exports: WebAssembly.Instance['exports']) => void;

export interface Instantiation {
  readonly kind: 'instantiate';
  readonly module: WebAssembly.Module;
  readonly imports: ImportObject;
  /** The memory to be imported, where the module was rewritten. */
  readonly memory: MemoryType | undefined;
  /** What it imports for guards in its code, where it has them. */
  readonly guard: Guard | undefined;
  readonly sizes: StartSizes;
  /** Exported memories of its own, where it was not rewritten at all. */
  readonly memoryNames: readonly string[];
  readonly before: ((memory: WebAssembly.Memory) => void)[];
  readonly after: Handover[];
}

export type BoundStep = Instantiation | Exclude<LinkStep, { kind: 'instantiate' }>;

/** Names from a component may be anything, `__proto__` among them: such objects inherit nothing. */
const bare = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

function groupOf(imports: ImportObject, module: string): Record<string, unknown> {
  const known = imports[module];
  if (known) return known;
  const made = bare<unknown>();
  imports[module] = made;
  return made;
}

const keyOf = ({ step, name }: StepExport): string => `${step} ${name}`;

/** A step with what it needs to run, but for its imports. */
function boundStep(
  step: LinkStep,
  plan: DirectLinkPlan,
  { modules, memories }: LinkInput,
  cells: LimitCells,
): BoundStep {
  if (step.kind !== 'instantiate') return step;
  const name = plan.modules[step.module] as string;
  const module = modules[name] as WebAssembly.Module;
  const memory = memories[name];
  const guard = plan.guards[name];
  const own = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'memory');
  const memoryNames = memory || guard ? [] : own.map((entry) => entry.name);
  const imports: ImportObject = bare();
  if (guard) groupOf(imports, LIMITS_IMPORT.module)[LIMITS_IMPORT.name] = cells.memory;
  const sizes = startSizes(memory, guard);
  return { kind: 'instantiate', module, imports, memory, guard, sizes, memoryNames, before: [], after: [] };
}

export class DirectImports {
  readonly calls = new GuestCalls();
  readonly handles = new HandleTable();
  readonly context = new CurrentContext(this.calls);
  readonly steps: readonly BoundStep[];
  /** Whether the component imports anything that its guest could be suspended in. */
  canWait = false;
  readonly #host: HostFunctions = hostFunctions(this.context);
  readonly #memories = new Map<string, GuestMemory>();
  readonly #forgets: (() => void)[] = [];

  constructor(plan: DirectLinkPlan, input: LinkInput, cells: LimitCells) {
    this.steps = plan.steps.map((step) => boundStep(step, plan, input, cells));
    for (const [index, step] of plan.steps.entries()) {
      if (step.kind === 'instantiate') this.#bindImports(this.steps[index] as Instantiation, step);
    }
  }

  /** Lets go of what an instance left in the import objects, which would keep its memory alive. */
  forget(): void {
    for (const view of this.#memories.values()) view.detach();
    for (const forget of this.#forgets) forget();
  }

  #bindImports(bound: Instantiation, { imports }: Extract<LinkStep, { kind: 'instantiate' }>): void {
    if (bound.memory) {
      const group = groupOf(bound.imports, MEMORY_IMPORT.module);
      bound.before.push((memory) => {
        group[MEMORY_IMPORT.name] = memory;
      });
      this.#forgets.push(() => {
        group[MEMORY_IMPORT.name] = undefined;
      });
    }
    for (const { module, name, source } of imports) {
      const group = groupOf(bound.imports, module);
      if (source.kind !== 'export') group[name] = this.#function(source);
      else {
        this.#instantiation(source).after.push((exports) => {
          group[name] = exports[source.name];
        });
        this.#forgets.push(() => {
          group[name] = undefined;
        });
      }
    }
  }

  #instantiation({ step }: StepExport): Instantiation {
    const bound = this.steps[step];
    if (bound?.kind !== 'instantiate')
      throw new Error(`the plan refers to step ${step}, which makes no instance`);
    return bound;
  }

  #function(source: Exclude<Source, { kind: 'export' }>): unknown {
    if (source.kind === 'drop') return dropFunction(source.resource, this.handles, this.calls);
    const text = signatureOf(source.interfaceName, source.functionName);
    if (text === undefined)
      throw new Error(`no signature for ${source.interfaceName} ${source.functionName}`);
    if (text === NEVER)
      return coreFunction('()', () => vainCall(source.functionName), this.#side(source), this.calls);
    const call = hostCall(this.#host, source.interfaceName, source.functionName);
    const run = coreFunction(text, call, this.#side(source), this.calls);
    if (!BLOCKING_FUNCTIONS.has(source.functionName)) return run;
    this.canWait = true;
    return suspensionPoint(coreParams(text), run);
  }

  #side({ memory, realloc, encoding }: HostSource): AbiSide {
    return {
      memory: this.#memory(memory, realloc),
      handles: this.handles,
      strings: STRING_CODECS[encoding],
    };
  }

  /** One view for all functions with the same memory and realloc. */
  #memory(memory: StepExport | undefined, realloc: StepExport | undefined): GuestMemory {
    const key = `${memory ? keyOf(memory) : ''}|${realloc ? keyOf(realloc) : ''}`;
    const known = this.#memories.get(key);
    if (known) return known;
    const view = new GuestMemory();
    this.#memories.set(key, view);
    if (memory) this.#attachMemory(view, memory);
    if (realloc) {
      this.#instantiation(realloc).after.push((exports) =>
        view.attachRealloc(exports[realloc.name] as Realloc),
      );
    }
    return view;
  }

  #attachMemory(view: GuestMemory, memory: StepExport): void {
    const bound = this.#instantiation(memory);
    if (bound.memory) bound.before.push((imported) => view.attach(imported));
    else bound.after.push((exports) => view.attach(exports[memory.name] as WebAssembly.Memory));
  }
}
