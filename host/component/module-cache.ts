/**
 * Compiled components in memory, least recently used first out, bounded by the size of their code. Compiling
 * happens once however many requests wait for it.
 */
import { CodedError } from '../../metering/errors.ts';
import type { ArtifactStore, Variant } from './artifact-store.ts';
import type { MemoryType } from './import-memory.ts';
import { limitMemory } from './limit-memory.ts';
import type { LinkInput } from './link.ts';
import { checkStartSizes, pagesIn } from './memory-budget.ts';
import type { LoadedPlan } from './plan-file.ts';

/** What a worker needs to make instances of one component. */
export interface CompiledComponent extends LinkInput {
  /** Its version, the memory limit that its modules carry and whether they count fuel: what tells it from others. */
  readonly key: string;
  readonly codeBytes: number;
}

/** A component as a function runs it. */
export interface Runnable extends Variant {
  readonly memoryBytesMax: number;
}

export const keyOf = ({ version, countsFuel, memoryBytesMax }: Runnable): string =>
  `${version}/${memoryBytesMax}${countsFuel ? '/fuel' : ''}`;

/**
 * Compiles core modules that were rewritten when they were planned; nothing here takes long but what the engine does in
 * threads of its own.
 * @throws CodedError `component-invalid` when its memories and tables start larger than `memoryBytesMax`.
 */
export async function compileModules(
  { plan, script, modules }: LoadedPlan,
  memoryBytesMax: number,
): Promise<CompiledComponent> {
  checkStartSizes(plan, memoryBytesMax);
  const compiled: Record<string, WebAssembly.Module> = {};
  const memories: Record<string, MemoryType> = {};
  let codeBytes = script.length;
  for (const { name, bytes } of modules) {
    const declared = plan.memories[name];
    if (declared) memories[name] = bounded(declared, memoryBytesMax);
    const isBounded = declared !== undefined || plan.guards[name] !== undefined;
    compiled[name] = await WebAssembly.compile(isBounded ? bytes : limitMemory(bytes, memoryBytesMax));
    codeBytes += bytes.length;
  }
  const key = keyOf({ ...plan, memoryBytesMax });
  return { key, plan, script, modules: compiled, memories, memoryBytesMax, codeBytes };
}

const NO_FUEL = 'expected code whose fuel can be counted, got some that cannot have checks';

const bounded = ({ pagesInitial, pagesMax }: MemoryType, bytesMax: number): MemoryType => ({
  pagesInitial,
  pagesMax: Math.min(pagesMax, pagesIn(bytesMax)),
});

interface Entry {
  readonly version: string;
  readonly compiled: Promise<CompiledComponent>;
  codeBytes: number;
  /** Grows from use to use of any of them. */
  usedAt: number;
}

export class ModuleCache {
  readonly #store: Pick<ArtifactStore, 'load'>;
  readonly #codeBytesMax: number;
  readonly #onEvict: (key: string) => void;
  readonly #entries = new Map<string, Entry>();
  #codeBytes = 0;
  #uses = 0;

  constructor(options: {
    readonly store: Pick<ArtifactStore, 'load'>;
    readonly codeBytesMax: number;
    readonly onEvict: (key: string) => void;
  }) {
    this.#store = options.store;
    this.#codeBytesMax = options.codeBytesMax;
    this.#onEvict = options.onEvict;
  }

  /** Whether a request for it would find it compiled, or about to be. */
  has(runnable: Runnable): boolean {
    return this.#entries.has(keyOf(runnable));
  }

  /** Whether what was compiled under this key is still kept. */
  keeps(key: string): boolean {
    return this.#entries.has(key);
  }

  get(runnable: Runnable): Promise<CompiledComponent> {
    const key = keyOf(runnable);
    const known = this.#entries.get(key);
    if (known) {
      known.usedAt = ++this.#uses;
      return known.compiled;
    }
    const compiled = this.#compile(runnable);
    const entry: Entry = { version: runnable.version, compiled, codeBytes: 0, usedAt: ++this.#uses };
    this.#entries.set(key, entry);
    compiled.then(
      ({ codeBytes }) => this.#account(key, entry, codeBytes),
      () => this.#drop(key, entry),
    );
    return compiled;
  }

  /**
   * Lets a component go in every form that no function runs it in any more. Once it resolves, nobody reads the
   * component's files on their account.
   * @param keysUsed of those that stay.
   */
  async forget(version: string, keysUsed: ReadonlySet<string>): Promise<void> {
    const unused = [...this.#entries].filter(
      ([key, entry]) => entry.version === version && !keysUsed.has(key),
    );
    for (const [key, entry] of unused) {
      await entry.compiled.catch(() => undefined);
      this.#drop(key, entry);
    }
  }

  async #compile(runnable: Runnable): Promise<CompiledComponent> {
    const { version, countsFuel, memoryBytesMax } = runnable;
    try {
      const loaded = await this.#store.load(runnable);
      if (countsFuel && !loaded.plan.countsFuel) throw new CodedError('component-invalid', NO_FUEL);
      return await compileModules(loaded, memoryBytesMax);
    } catch (thrown) {
      if (!(thrown instanceof CodedError) || thrown.code !== 'component-invalid') throw thrown;
      // What was deployed under a larger limit is not the fault of the caller who meets it now.
      const message = `the component ${version} does not fit the settings of this host: ${thrown.message}`;
      throw new CodedError('internal', message);
    }
  }

  #account(key: string, entry: Entry, codeBytes: number): void {
    if (this.#entries.get(key) !== entry) return;
    entry.codeBytes = codeBytes;
    this.#codeBytes += codeBytes;
    if (this.#codeBytes <= this.#codeBytesMax) return;
    const oldestFirst = [...this.#entries].sort(([, one], [, other]) => one.usedAt - other.usedAt);
    for (const [oldest, old] of oldestFirst) {
      if (this.#codeBytes <= this.#codeBytesMax) return;
      if (oldest !== key) this.#drop(oldest, old);
    }
  }

  #drop(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#codeBytes -= entry.codeBytes;
    this.#onEvict(key);
  }
}
