/**
 * A core module becomes what runs here: with guards in its code where it can have them. The result is the same whatever
 * the limits are, so it is made once and kept. The seam between components and instrumentation; knows both, no threads.
 */
import { CodedError } from '../../metering/errors.ts';
import { importMemory, type MemoryType } from './import-memory.ts';
import type { GuardOptions } from './instrument/guards.ts';
import { instrument } from './instrument/instrument.ts';
import { createMemory, type DefinedMemory } from './instrument/memories.ts';
import { LIMITS_IMPORT, type LimitCells } from './limit-cells.ts';

/**
 * How a guest that does not return is stopped: by checks in its code, or by ending its thread, because some module of
 * it could not have any.
 */
export type Deadlines = 'checks' | 'thread';

/** What an instance of a guarded module takes beside what it asked for itself. */
export interface Guard {
  /** To be imported, new ones for each instance. */
  readonly memories: readonly DefinedMemory[];
  /** With how many elements its own tables start, all together. */
  readonly tableElements: number;
}

export interface GuardedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Undefined for a module without guards in its code: its memories are to be bounded where they are declared. */
  readonly guard: Guard | undefined;
  /** The memory that it imports from a pool, as it declared it. */
  readonly pooled: MemoryType | undefined;
}

export interface GuardChoice {
  /** Whether its instances may take their memory from a pool. */
  readonly canPool: boolean;
  /** Whether its code counts the fuel that it uses, and keeps a limit of that. */
  readonly countsFuel: boolean;
}

/** @throws CodedError `component-invalid` for one that imports names of the host. */
export function guardModule(module: Uint8Array, { canPool, countsFuel }: GuardChoice): GuardedModule {
  const guards: GuardOptions = { deadline: true, fuel: countsFuel, growth: true };
  const imported = canPool ? importMemory(module) : undefined;
  const pooled = imported?.memory;
  const bytes = imported?.bytes ?? new Uint8Array(module);
  const result = instrument(bytes, guards);
  if (!result.ok) {
    // Left without checks it could be ended with its thread alone, and a thread in huge operations cannot be ended.
    if (result.code === 'name-taken') throw new CodedError('component-invalid', result.message);
    return { bytes, guard: undefined, pooled };
  }
  const { memories, tableElements } = result;
  return { bytes: result.module, guard: { memories, tableElements }, pooled };
}

export const deadlinesOf = (modules: readonly GuardedModule[]): Deadlines =>
  modules.every(({ guard }) => guard !== undefined) ? 'checks' : 'thread';

/** What a new instance of a guarded module imports. */
export interface GuardedImports {
  readonly imports: WebAssembly.Imports;
  /** Those that were made for it. */
  readonly memories: readonly WebAssembly.Memory[];
}

/** The imports of a new instance of a guarded module: its own (undefined for none), new memories, and the cells. */
export function guardedImports(
  imports: WebAssembly.Imports | undefined,
  { memories }: Guard,
  cells: LimitCells,
  pagesLimit: number,
): GuardedImports {
  const { module, name } = LIMITS_IMPORT;
  const made = memories.map((memory) => createMemory(memory, pagesLimit));
  const added: Record<string, unknown> = { [name]: cells.memory };
  for (const [index, memory] of made.entries()) added[(memories[index] as DefinedMemory).name] = memory;
  return { imports: { ...imports, [module]: { ...imports?.[module], ...added } }, memories: made };
}
