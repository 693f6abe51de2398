/**
 * Builds a guest: source to component, in memory or into a file. Owns files and their faults; the compiler and the
 * component format lie behind `compile.ts` and `component.ts`.
 */
import { randomUUID } from 'node:crypto';
import { realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError } from '../metering/errors.ts';
import { compileGuest } from './compile.ts';
import { toComponent } from './component.ts';

/** What a build does next; told before it begins. `write` comes only where there is a file to write. */
export type BuildStage = 'compile' | 'component' | 'write';

export interface BuildOptions {
  /** The guest's `.ts` file; relative paths count from the working directory. */
  readonly source: string;
  /** Where the component goes; without it, it stays in memory. */
  readonly out?: string;
  readonly onProgress?: (stage: BuildStage) => void;
}

export interface BuiltGuest {
  readonly component: Uint8Array;
  readonly componentBytes: number;
  /** The core module inside of it. */
  readonly coreBytes: number;
  /** The compiler's warnings, each with its place in the source. */
  readonly warnings: readonly string[];
  readonly elapsedMs: number;
}

/** A guest that comes with Ebb. */
export interface Example {
  readonly name: string;
  readonly source: string;
}

const GUESTS_DIR = dirname(fileURLToPath(import.meta.url));

/** The guests that come with Ebb, by the names of their folders. */
export const EXAMPLES: readonly Example[] = ['hello', 'echo', 'burn', 'proxy'].map((name) => ({
  name,
  source: join(GUESTS_DIR, name, `${name}.ts`),
}));

/**
 * Builds one guest. A file at `out` appears whole or stays what it was.
 * @throws CodedError `usage` for a source that is no `.ts` file or an `out` that is the source, `file-unreadable`,
 * `build-failed` with the compiler's words and places, `file-unwritable`.
 */
export async function buildGuest(options: BuildOptions): Promise<BuiltGuest> {
  const startMs = performance.now();
  const { onProgress } = options;
  const source = resolve(options.source);
  const out = options.out === undefined ? undefined : resolve(options.out);
  if (!source.endsWith('.ts') || source.endsWith('.d.ts')) {
    throw new CodedError('usage', `expected a guest's source that ends in .ts, found ${options.source}`);
  }
  if (out !== undefined) await refuseOverwrite(source, out);
  onProgress?.('compile');
  const { core, warnings } = await compileGuest(source);
  onProgress?.('component');
  const component = await toComponent(core);
  if (out !== undefined) {
    onProgress?.('write');
    await writeWhole(out, component);
  }
  return {
    component,
    componentBytes: component.length,
    coreBytes: core.length,
    warnings,
    elapsedMs: performance.now() - startMs,
  };
}

/**
 * Builds every guest that comes with Ebb, one after the other, and gives them by name. The same errors as `buildGuest`.
 */
export async function buildExamples(
  onProgress?: (name: string, stage: BuildStage) => void,
): Promise<ReadonlyMap<string, BuiltGuest>> {
  const built = new Map<string, BuiltGuest>();
  for (const { name, source } of EXAMPLES) {
    built.set(name, await buildGuest({ source, onProgress: (stage) => onProgress?.(name, stage) }));
  }
  return built;
}

/** A link or another spelling may lead to the source as well, so the real paths are compared. */
async function refuseOverwrite(source: string, out: string): Promise<void> {
  const [realSource, realOut] = await Promise.all(
    [source, out].map((path) => realpath(path).catch(() => path)),
  );
  if (realSource === realOut) {
    throw new CodedError('usage', `expected an output that is not the source, found ${out} for both`);
  }
}

async function writeWhole(out: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${out}.${randomUUID()}.tmp`;
  try {
    await writeFile(unfinished, bytes);
    await rename(unfinished, out);
  } catch (thrown) {
    await rm(unfinished, { force: true });
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CodedError('file-unwritable', `expected to write the component to ${out}: ${reason}`);
  }
}
