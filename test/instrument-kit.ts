/** Modules for instrumentation tests: from text, rewritten with any guards, and instantiated with what they import. */
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import type { GuardOptions } from '../host/component/instrument/guards.ts';
import { type Instrumented, instrument } from '../host/component/instrument/instrument.ts';
import { createMemory } from '../host/component/instrument/memories.ts';
import { LIMITS_IMPORT, type LimitCells } from '../host/component/limit-cells.ts';

export const OPTIONS: GuardOptions = { deadline: true, fuel: false, growth: true };

const PAGES_MAX = 1_024;

export const FUEL_OPTIONS: GuardOptions = { ...OPTIONS, deadline: false, fuel: true };

export async function fromText(text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await parse(text));
}

export type Rewritten = Extract<Instrumented, { ok: true }>;

/** @throws when the module is refused. */
export function rewritten(module: Uint8Array, options: GuardOptions = OPTIONS): Rewritten {
  const result = instrument(module, options);
  if (!result.ok) throw new Error(`${result.code}: ${result.message}`);
  return result;
}

export type GuestFunction = (...args: (number | bigint)[]) => unknown;
export type GuestExports = Readonly<Record<string, GuestFunction>>;

export function instantiated(
  { module, memories }: Rewritten,
  cells: LimitCells,
  imports: WebAssembly.Imports = {},
): GuestExports {
  const own = Object.fromEntries(memories.map((memory) => [memory.name, createMemory(memory, PAGES_MAX)]));
  const group = { ...imports[LIMITS_IMPORT.module], ...own, [LIMITS_IMPORT.name]: cells.memory };
  const all = { ...imports, [LIMITS_IMPORT.module]: group };
  return new WebAssembly.Instance(new WebAssembly.Module(module), all).exports as GuestExports;
}

/** What a call gave or how it trapped, in a form that can be compared. */
export function outcomeOf(call: () => unknown): string {
  try {
    return `gave ${String(call())}`;
  } catch (thrown) {
    return `threw ${(thrown as Error).name}: ${(thrown as Error).message}`;
  }
}
