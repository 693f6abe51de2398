/**
 * An artifact becomes a link plan: everything that is decided once per component, so that a request only
 * replays it. This is the one place that looks into a component; link.ts is the one that runs a plan.
 */
import { createHash } from 'node:crypto';
import { CodedError } from '../../metering/errors.ts';
import { checkContract, checkFunctions, type ImportedNames } from './contract.ts';
import { generate, generatorReady } from './generator.ts';
import { type Deadlines, deadlinesOf, type GuardedModule, guardModule } from './guard-module.ts';
import { parseComponent } from './parse.ts';

/** Raised whenever plans of an older build of Ebb must not be used any more. */
export const PLAN_FORMAT = 3;

/** A plan as it is kept on disk beside its files. */
export interface LinkPlan {
  readonly format: typeof PLAN_FORMAT;
  /** How instances are made: by the code that jco generated for this component. */
  readonly linking: 'generated';
  readonly version: string;
  readonly componentBytes: number;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** File with the generated linking code. */
  readonly script: string;
  /** How a guest that does not return is stopped. */
  readonly deadlines: Deadlines;
  /** Files with the core modules. */
  readonly modules: readonly string[];
}

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

function generated(bytes: Uint8Array): readonly PlannedFile[] {
  try {
    return generate(bytes, GENERATE_OPTIONS).files.map(([name, content]) => ({ name, bytes: content }));
  } catch (thrown) {
    const payload = (thrown as { payload?: unknown }).payload;
    const reason =
      typeof payload === 'string' ? payload : thrown instanceof Error ? thrown.message : String(thrown);
    const cut = /unexpected end|unexpected EOF/i.test(reason);
    throw new CodedError(
      cut ? 'component-truncated' : 'component-invalid',
      `expected a valid component, got one with a fault: ${reason.trim().split('\n')[0]}`,
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

async function checkModule(file: PlannedFile, memoryBytesMax: number): Promise<GuardedModule> {
  try {
    const guarded = guardModule(file.bytes, memoryBytesMax);
    await WebAssembly.compile(guarded.bytes);
    return guarded;
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw new CodedError(
      'component-invalid',
      `expected valid core modules, got ${(thrown as Error).message}`,
    );
  }
}

/**
 * Plans a component and checks all of it.
 * @throws CodedError `component-*`, naming what was expected and what came.
 */
export async function makePlan(
  bytes: Uint8Array,
  memoryBytesMax: number,
): Promise<{ readonly plan: LinkPlan; readonly files: readonly PlannedFile[] }> {
  const outline = parseComponent(bytes);
  checkContract(outline);
  await generatorReady;
  const files = generated(bytes);
  const modules = files.filter((file) => file.name.endsWith('.wasm'));
  const script = files.find((file) => file.name.endsWith('.js'));
  if (!script) throw new CodedError('internal', 'the generator gave no code');
  checkFunctions(importedNames(script));
  const guarded: GuardedModule[] = [];
  for (const module of modules) guarded.push(await checkModule(module, memoryBytesMax));
  const plan: LinkPlan = {
    format: PLAN_FORMAT,
    linking: 'generated',
    version: versionOf(bytes),
    componentBytes: bytes.length,
    imports: outline.imports,
    exports: outline.exports,
    deadlines: deadlinesOf(guarded),
    script: script.name,
    modules: modules.map((module) => module.name),
  };
  return { plan, files: [script, ...modules] };
}
