/** A pool of threads for tests, without a host around it, and what it runs. */
import { planDirect } from '../host/component/direct-plan.ts';
import { importMemory, type MemoryType } from '../host/component/import-memory.ts';
import { type CompiledComponent, compileModules } from '../host/component/module-cache.ts';
import { makePlan } from '../host/component/plan.ts';
import { hostConfig } from '../host/config.ts';
import { effectiveSettings } from '../host/function-settings.ts';
import { NestedCalls } from '../host/nested-calls.ts';
import { OutboundAccess, systemResolver } from '../host/outbound-access.ts';
import { OutboundPolicy } from '../host/outbound-policy.ts';
import { runLimits } from '../host/run-limits.ts';
import { WorkerPool } from '../host/threads/pool.ts';
import type { RunOrder } from '../host/threads/run-order.ts';
import { example } from './host-guests.ts';
import { closeLater } from './host-kit.ts';
import { loadedPlan } from './linking-harness.ts';
import { runEvents } from './run-kit.ts';

export const MEMORY_MB = 64;
export const MEMORY_BYTES = MEMORY_MB * 1_048_576;

/** @param inlineUs 0 keeps what runs in threads. */
export function openPool(workers: number, queueLimit = 100, inlineUs = 0): WorkerPool {
  const pool = new WorkerPool({
    workers,
    queueLimit,
    inlineUs,
    nestedCalls: new NestedCalls(),
    isKept: () => true,
    isCurrent: () => true,
  });
  closeLater(() => pool.close());
  return pool;
}

const nowhere = new OutboundAccess(new OutboundPolicy([]), systemResolver);

/** One request without a body. */
export function orderOf(functionName: string, pathWithQuery: string, timeLimitMs = 60_000): RunOrder {
  const settings = effectiveSettings({ timeLimitMs, memoryMb: MEMORY_MB }, hostConfig({ timeLimitMs }));
  return {
    functionName,
    lease: 1,
    request: { method: 'GET', scheme: 'http', authority: 'localhost', pathWithQuery, headers: [] },
    limits: runLimits(settings, nowhere, []),
    wholeBody: [],
    level: 0,
    events: runEvents(),
  };
}

/** An example as a host would run it. */
export const checked = async (name: string): Promise<CompiledComponent> =>
  compileModules(await loadedPlan(await example(name), 'direct'), MEMORY_BYTES);

/** An example that never comes to a check, so that it can only be stopped with its thread. */
export async function withoutChecks(name: string): Promise<CompiledComponent> {
  const component = await example(name);
  const { plan } = await makePlan(component, MEMORY_BYTES);
  const planned = planDirect(component, plan.exports[0] as string);
  if ('unfit' in planned) throw new Error(planned.unfit);
  const modules: Record<string, WebAssembly.Module> = {};
  const memories: Record<string, MemoryType> = {};
  for (const [index, bytes] of planned.modules.entries()) {
    const file = plan.modules[index] as string;
    const imported = importMemory(bytes);
    if (imported) memories[file] = { ...imported.memory, pagesMax: MEMORY_BYTES / 65_536 };
    modules[file] = await WebAssembly.compile(imported?.bytes ?? new Uint8Array(bytes));
  }
  const unguarded = { ...plan, deadlines: 'thread' as const, guards: {}, isRenewable: false };
  const sizes = { memoryBytesMax: MEMORY_BYTES, codeBytes: 0 };
  return { plan: unguarded, modules, memories, key: `${name} without checks`, script: '', ...sizes };
}
