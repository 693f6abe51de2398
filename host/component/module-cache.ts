/**
 * Compiled components in memory, least recently used first out, bounded by the size of their code. Compiling
 * happens once however many requests wait for it.
 */
import { CodedError } from '../../metering/errors.ts';
import type { ArtifactStore, LoadedPlan } from './artifact-store.ts';
import { importMemory, type MemoryType } from './import-memory.ts';
import { limitMemory } from './limit-memory.ts';
import type { LinkInput } from './link.ts';

/** What a worker needs to make instances of one component. */
export interface CompiledComponent extends LinkInput {
  readonly codeBytes: number;
}

/** Compiles core modules, with their memories bounded, and imported where the plan is direct. */
export async function compileModules(
  { plan, script, modules }: LoadedPlan,
  memoryBytesMax: number,
): Promise<CompiledComponent> {
  const compiled: Record<string, WebAssembly.Module> = {};
  const memories: Record<string, MemoryType> = {};
  let codeBytes = script.length;
  for (const { name, bytes } of modules) {
    const rewritten = plan.linking === 'direct' ? importMemory(bytes, memoryBytesMax) : undefined;
    if (rewritten) memories[name] = rewritten.memory;
    compiled[name] = await WebAssembly.compile(rewritten?.bytes ?? limitMemory(bytes, memoryBytesMax));
    codeBytes += bytes.length;
  }
  return { plan, script, modules: compiled, memories, codeBytes };
}

interface Entry {
  readonly compiled: Promise<CompiledComponent>;
  codeBytes: number;
}

export class ModuleCache {
  readonly #store: ArtifactStore;
  readonly #memoryBytesMax: number;
  readonly #codeBytesMax: number;
  readonly #onEvict: (version: string) => void;
  readonly #entries = new Map<string, Entry>();
  #codeBytes = 0;

  constructor(options: {
    readonly store: ArtifactStore;
    readonly memoryBytesMax: number;
    readonly codeBytesMax: number;
    readonly onEvict: (version: string) => void;
  }) {
    this.#store = options.store;
    this.#memoryBytesMax = options.memoryBytesMax;
    this.#codeBytesMax = options.codeBytesMax;
    this.#onEvict = options.onEvict;
  }

  /** Whether a request for this version would find it compiled, or about to be. */
  has(version: string): boolean {
    return this.#entries.has(version);
  }

  get(version: string): Promise<CompiledComponent> {
    const known = this.#entries.get(version);
    if (known) {
      this.#entries.delete(version);
      this.#entries.set(version, known);
      return known.compiled;
    }
    const entry: Entry = { compiled: this.#compile(version), codeBytes: 0 };
    this.#entries.set(version, entry);
    entry.compiled.then(
      ({ codeBytes }) => this.#account(version, entry, codeBytes),
      () => this.#drop(version, entry),
    );
    return entry.compiled;
  }

  /** Lets a component go that no function runs any more; after that, nobody reads its files. */
  async forget(version: string): Promise<void> {
    const entry = this.#entries.get(version);
    if (!entry) return;
    await entry.compiled.catch(() => undefined);
    this.#drop(version, entry);
  }

  async #compile(version: string): Promise<CompiledComponent> {
    try {
      return await compileModules(await this.#store.load(version), this.#memoryBytesMax);
    } catch (thrown) {
      if (!(thrown instanceof CodedError) || thrown.code !== 'component-invalid') throw thrown;
      // What was deployed under a larger limit is not the fault of the caller who meets it now.
      const message = `the component ${version} does not fit the settings of this host: ${thrown.message}`;
      throw new CodedError('internal', message);
    }
  }

  #account(version: string, entry: Entry, codeBytes: number): void {
    if (this.#entries.get(version) !== entry) return;
    entry.codeBytes = codeBytes;
    this.#codeBytes += codeBytes;
    for (const [oldest, old] of this.#entries) {
      if (this.#codeBytes <= this.#codeBytesMax) return;
      if (oldest !== version) this.#drop(oldest, old);
    }
  }

  #drop(version: string, entry: Entry): void {
    if (this.#entries.get(version) !== entry) return;
    this.#entries.delete(version);
    this.#codeBytes -= entry.codeBytes;
    this.#onEvict(version);
  }
}
