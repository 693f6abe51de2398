/**
 * A core module becomes what runs here: with guards in its code where it can have them, with bounded memories in any
 * case. The seam between components and instrumentation; knows both, and no threads.
 */
import { importMemory, type MemoryType } from './import-memory.ts';
import { type InstrumentOptions, instrument } from './instrument/instrument.ts';
import { createMemory, type DefinedMemory } from './instrument/memories.ts';
import { LIMITS_IMPORT, type LimitCells } from './limit-cells.ts';
import { limitMemory } from './limit-memory.ts';

/**
 * How a guest that does not return is stopped: by checks in its code, or by ending its thread, because some module of
 * it could not have any.
 */
export type Deadlines = 'checks' | 'thread';

/** What an instance of a guarded module imports beside what it asked for itself. */
export type Guard = readonly DefinedMemory[];

export interface GuardedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Undefined for a module without guards in its code. */
  readonly guard: Guard | undefined;
  /** The memory that it imports from a pool. */
  readonly pooled: MemoryType | undefined;
}

/** As many as V8 lets a table have (10 000 000) would take 80 MB; no known toolchain makes a guest with more than this. */
const TABLE_ELEMENTS_MAX = 1_000_000;
const GUARDS: Omit<InstrumentOptions, 'memoryBytesMax'> = {
  deadline: true,
  fuel: false,
  tableElementsMax: TABLE_ELEMENTS_MAX,
};

/**
 * @param canPool whether its instances may take their memory from a pool.
 * @throws CodedError `component-invalid` when a memory or table starts above its limit.
 */
export function guardModule(module: Uint8Array, memoryBytesMax: number, canPool: boolean): GuardedModule {
  const imported = canPool ? importMemory(module, memoryBytesMax) : undefined;
  const pooled = imported?.memory;
  const bytes = imported?.bytes ?? module;
  const result = instrument(bytes, { ...GUARDS, memoryBytesMax });
  if (result.ok) return { bytes: result.module, guard: result.memories, pooled };
  return { bytes: limitMemory(bytes, memoryBytesMax), guard: undefined, pooled };
}

export const deadlinesOf = (modules: readonly GuardedModule[]): Deadlines =>
  modules.every(({ guard }) => guard !== undefined) ? 'checks' : 'thread';

/** The imports of a new instance of a guarded module: its own (undefined for none), new memories, and the cells. */
export function guardedImports(
  imports: WebAssembly.Imports | undefined,
  guard: Guard,
  cells: LimitCells,
): WebAssembly.Imports {
  const { module, name } = LIMITS_IMPORT;
  const added: Record<string, unknown> = { [name]: cells.memory };
  for (const memory of guard) added[memory.name] = createMemory(memory);
  return { ...imports, [module]: { ...imports?.[module], ...added } };
}
