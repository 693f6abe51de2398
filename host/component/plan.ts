/**
 * An artifact becomes a link plan: everything that is decided once per component, so that a request only
 * replays it. This is the one place that looks into a component; link.ts is the one that runs a plan.
 */
import { createHash } from 'node:crypto';
import { CodedError } from '../../metering/errors.ts';
import { checkContract } from './contract.ts';
import { type DirectPlan, planDirect } from './direct-plan.ts';
import { generatedFiles, type PlannedFile } from './generated-plan.ts';
import {
  type Deadlines,
  deadlinesOf,
  type Guard,
  type GuardChoice,
  type GuardedModule,
  guardModule,
} from './guard-module.ts';
import { KEPT_PAGES_MAX, type MemoryType } from './import-memory.ts';
import { checkStartSizes } from './memory-budget.ts';
import { parseComponent } from './parse.ts';
import { renewableModule } from './renewable-module.ts';

/**
 * Raised whenever plans of an older build of Ebb must not be used any more. Core modules are kept with guards in their
 * code, so that every change to those counts, too.
 */
export const PLAN_FORMAT = 11;

interface PlanBase {
  readonly format: typeof PLAN_FORMAT;
  readonly version: string;
  readonly componentBytes: number;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** How a guest that does not return is stopped. */
  readonly deadlines: Deadlines;
  /** Whether the code of all modules counts fuel. Never with deadlines by `thread`. */
  readonly countsFuel: boolean;
  /** Files with the core modules, rewritten to what runs. */
  readonly modules: readonly string[];
  /** The memory that a module imports since it was rewritten, as it declared it; by its file. */
  readonly memories: Readonly<Record<string, MemoryType>>;
  /** What a module imports since it has guards in its code; by its file. */
  readonly guards: Readonly<Record<string, Guard>>;
}

/** Instances are made by the code that jco generated for this component. */
export interface GeneratedPlan extends PlanBase {
  readonly linking: 'generated';
  /** File with the generated linking code. */
  readonly script: string;
  /** Why the component could not be linked directly. */
  readonly reason: string;
}

/** Instances are made by replaying steps, with host functions at the core ABI. */
export interface DirectLinkPlan extends PlanBase, DirectPlan {
  readonly linking: 'direct';
  /** Whether its modules are renewable: an instance that has served can be made as a new one is. */
  readonly isRenewable: boolean;
}

/** A plan as it is kept on disk beside its files. */
export type LinkPlan = GeneratedPlan | DirectLinkPlan;

/** The content hash that names a version: SHA-256 of the component's bytes, in hex. */
export function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws CodedError `component-invalid` for a module that the engine does not take. */
async function guarded(file: PlannedFile, choice: GuardChoice): Promise<GuardedModule> {
  try {
    const made = guardModule(file.bytes, choice);
    await WebAssembly.compile(made.bytes);
    return made;
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw new CodedError(
      'component-invalid',
      `expected valid core modules, got ${(thrown as Error).message}`,
    );
  }
}

interface Made {
  readonly plan: LinkPlan;
  readonly files: readonly PlannedFile[];
}

type Base = Omit<PlanBase, 'modules'>;

/** A direct plan, or why there is none. */
type Direct = (Made & { readonly isProven: boolean }) | { readonly unfit: string };

/** What the generator may take and this reader does not is no fault of the component. */
function directly(bytes: Uint8Array, base: Base): Direct {
  const handlerExport = base.exports.find((name) => name.startsWith('wasi:http/incoming-handler@')) as string;
  try {
    const planned = planDirect(bytes, handlerExport);
    if ('unfit' in planned) return planned;
    const { modules, plan, isProven } = planned;
    const files = modules.map((module, index) => ({
      name: `core${index}.wasm`,
      bytes: new Uint8Array(module),
    }));
    const names = files.map(({ name }) => name);
    const made = { ...base, linking: 'direct', isRenewable: false, ...plan, modules: names } as const;
    return { plan: made, files, isProven };
  } catch (thrown) {
    // A RangeError is types nested so deeply that the stack ends.
    if (thrown instanceof CodedError || thrown instanceof RangeError) return { unfit: thrown.message };
    throw thrown;
  }
}

/** Asks the generator, which has the last word on whether the component is valid. */
async function withGenerator(bytes: Uint8Array, base: Base, direct: Direct): Promise<Made> {
  const generated = await generatedFiles(bytes);
  if (!('unfit' in direct)) return direct;
  const { unfit: reason } = direct;
  if (!generated) {
    throw new CodedError(
      'component-invalid',
      `expected a component that can be linked, got one that the generator breaks down on and that has ${reason}`,
    );
  }
  const { script, modules } = generated;
  const names = modules.map(({ name }) => name);
  return {
    plan: { ...base, linking: 'generated', script: script.name, modules: names, reason },
    files: [script, ...modules],
  };
}

export interface PlanChoice {
  /** Whether its code is to count fuel, where it can. */
  readonly countsFuel?: boolean;
  /** How it is linked where both ways are open; where directly is not, the other way it is. */
  readonly preferred?: LinkPlan['linking'];
}

/**
 * Plans a component and checks all of it.
 * @param memoryBytesMax what its memories and tables must not start larger than.
 * @throws CodedError `component-*`, naming what was expected and what came.
 */
export async function makePlan(
  bytes: Uint8Array,
  memoryBytesMax: number,
  { countsFuel = false, preferred = 'direct' }: PlanChoice = {},
): Promise<Made> {
  const outline = parseComponent(bytes);
  checkContract(outline);
  const base = {
    format: PLAN_FORMAT,
    version: versionOf(bytes),
    componentBytes: bytes.length,
    imports: outline.imports,
    exports: outline.exports,
    deadlines: 'checks',
    countsFuel: false,
    memories: {},
    guards: {},
  } as const;
  const direct = preferred === 'direct' ? directly(bytes, base) : { unfit: 'it was not asked for' };
  const isProven = 'isProven' in direct && direct.isProven;
  const unguarded = isProven ? direct : await withGenerator(bytes, base, direct);
  const made = await withGuards(unguarded, countsFuel);
  checkStartSizes(made.plan, memoryBytesMax);
  return made;
}

/** The same with its core modules rewritten. */
async function withGuards({ plan, files }: Made, countsFuel: boolean): Promise<Made> {
  const choice = { canPool: plan.linking === 'direct', countsFuel };
  const memories: Record<string, MemoryType> = {};
  const guards: Record<string, Guard> = {};
  const modules: GuardedModule[] = [];
  const rewritten: PlannedFile[] = [];
  for (const file of files) {
    const { name } = file;
    if (!plan.modules.includes(name)) {
      rewritten.push(file);
      continue;
    }
    const made = await guarded(file, choice);
    if (made.pooled) memories[name] = made.pooled;
    if (made.guard) guards[name] = made.guard;
    modules.push(made);
    rewritten.push({ name, bytes: made.bytes });
  }
  const deadlines = deadlinesOf(modules);
  const kept = { memories, guards, deadlines, countsFuel: countsFuel && deadlines === 'checks' };
  const made = { plan: { ...plan, ...kept }, files: rewritten };
  return deadlines === 'checks' ? (withRenewal(made) ?? made) : made;
}

/** The same with modules that are all renewable; undefined where they cannot be. */
function withRenewal({ plan, files }: Made): Made | undefined {
  const sizes = Object.values(plan.memories).map(({ pagesInitial }) => pagesInitial);
  const ownMemories = Object.values(plan.guards).some(({ memories }) => memories.length > 0);
  if (plan.linking !== 'direct' || ownMemories || sizes.some((pages) => pages > KEPT_PAGES_MAX))
    return undefined;
  const used = plan.steps.flatMap((step) => (step.kind === 'instantiate' ? [plan.modules[step.module]] : []));
  const renewable: PlannedFile[] = [];
  for (const { name, bytes } of files) {
    const made = used.includes(name) ? renewableModule(bytes) : bytes;
    if (!made) return undefined;
    renewable.push({ name, bytes: made });
  }
  return { plan: { ...plan, isRenewable: true }, files: renewable };
}
