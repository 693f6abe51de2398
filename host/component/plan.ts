/**
 * An artifact becomes a link plan: everything that is decided once per component, so that a request only
 * replays it. This is the one place that looks into a component; link.ts is the one that runs a plan.
 */
import { createHash } from 'node:crypto';
import { CodedError } from '../../metering/errors.ts';
import { checkContract, checkFunctions, type ImportedNames } from './contract.ts';
import { type DirectPlan, planDirect } from './direct-plan.ts';
import { generate, generatorReady } from './generator.ts';
import { importMemory } from './import-memory.ts';
import { limitMemory } from './limit-memory.ts';
import { parseComponent } from './parse.ts';

/** Raised whenever plans of an older build of Ebb must not be used any more. */
export const PLAN_FORMAT = 2;

interface PlanBase {
  readonly format: typeof PLAN_FORMAT;
  readonly version: string;
  readonly componentBytes: number;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** Files with the core modules. */
  readonly modules: readonly string[];
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
}

/** A plan as it is kept on disk beside its files. */
export type LinkPlan = GeneratedPlan | DirectLinkPlan;

export interface PlannedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The content hash that names a version: SHA-256 of the component's bytes, in hex. */
export function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const GENERATE_OPTIONS = {
  name: 'component',
  map: [] as [string, string][],
  instantiation: { tag: 'sync' } as const,
  noComponentErrorWrapping: true,
  noNodejsCompat: true,
  noTypescript: true,
  base64Cutoff: 0,
};

/**
 * The generator also validates the component as a whole, however that is linked in the end.
 * @returns undefined where the generator itself broke down, which says nothing about the component.
 */
function generated(bytes: Uint8Array): readonly PlannedFile[] | undefined {
  try {
    return generate(bytes, GENERATE_OPTIONS).files.map(([name, content]) => ({ name, bytes: content }));
  } catch (thrown) {
    const { payload } = thrown as { readonly payload?: unknown };
    if (typeof payload !== 'string') return undefined;
    const cut = /unexpected end|unexpected EOF/i.test(payload);
    throw new CodedError(
      cut ? 'component-truncated' : 'component-invalid',
      `expected a valid component, got one with a fault: ${payload.trim().split('\n')[0]}`,
    );
  }
}

/** `const { getStderr, Error: Error$1 } = imports['wasi:cli/stderr'];`: what the code takes from each interface. */
const IMPORT_LINE = /^\s*const \{ ([^}]*) \} = imports\['([^']+)'\];$/gm;

function importedNames(script: PlannedFile): ImportedNames[] {
  const text = Buffer.from(script.bytes).toString('utf8');
  return [...text.matchAll(IMPORT_LINE)].map(([, names = '', interfaceName = '']) => ({
    interfaceName,
    names: names.split(', ').map((name) => name.split(':')[0] as string),
  }));
}

async function checkModule(file: PlannedFile, memoryBytesMax: number): Promise<void> {
  try {
    const rewritten = importMemory(file.bytes, memoryBytesMax)?.bytes;
    await WebAssembly.compile(rewritten ?? limitMemory(file.bytes, memoryBytesMax));
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

/** The direct plan, or why there is none. What the generator takes and this reader does not is no fault. */
function directly(bytes: Uint8Array, base: Omit<PlanBase, 'modules'>): Made | { readonly unfit: string } {
  const handlerExport = base.exports.find((name) => name.startsWith('wasi:http/incoming-handler@')) as string;
  try {
    const planned = planDirect(bytes, handlerExport);
    if ('unfit' in planned) return planned;
    const { modules, ...direct } = planned;
    const files = modules.map((module, index) => ({ name: `core${index}.wasm`, bytes: module.slice() }));
    return { plan: { ...base, linking: 'direct', ...direct, modules: files.map(({ name }) => name) }, files };
  } catch (thrown) {
    if (thrown instanceof CodedError) return { unfit: thrown.message };
    throw thrown;
  }
}

/**
 * Plans a component and checks all of it.
 * @param preferred how it is linked where both ways are open; where directly is not, the other way it is.
 * @throws CodedError `component-*`, naming what was expected and what came.
 */
export async function makePlan(
  bytes: Uint8Array,
  memoryBytesMax: number,
  preferred: LinkPlan['linking'] = 'direct',
): Promise<Made> {
  const outline = parseComponent(bytes);
  checkContract(outline);
  await generatorReady;
  const files = generated(bytes);
  const script = files?.find((file) => file.name.endsWith('.js'));
  if (script) checkFunctions(importedNames(script));
  const base = {
    format: PLAN_FORMAT,
    version: versionOf(bytes),
    componentBytes: bytes.length,
    imports: outline.imports,
    exports: outline.exports,
  } as const;
  const direct = preferred === 'direct' ? directly(bytes, base) : { unfit: 'it was not asked for' };
  const made = 'unfit' in direct ? generatedPlan(base, files, direct.unfit) : direct;
  for (const file of made.files) if (file.name.endsWith('.wasm')) await checkModule(file, memoryBytesMax);
  return made;
}

function generatedPlan(
  base: Omit<PlanBase, 'modules'>,
  files: readonly PlannedFile[] | undefined,
  reason: string,
): Made {
  const script = files?.find((file) => file.name.endsWith('.js'));
  if (!files || !script) {
    throw new CodedError(
      'component-invalid',
      `expected a component that can be linked, got one that the generator breaks down on and that has ${reason}`,
    );
  }
  const modules = files.filter((file) => file.name.endsWith('.wasm'));
  const names = modules.map(({ name }) => name);
  const plan: LinkPlan = { ...base, linking: 'generated', script: script.name, modules: names, reason };
  return { plan, files: [script, ...modules] };
}
