/**
 * What the public listener takes for a host, with one function: the built-in guest. It runs on the real host's threads;
 * what it deploys and records is in memory alone and ends with it.
 */
import { type CompiledComponent, ModuleCache } from '../component/module-cache.ts';
import type { Planned } from '../component/planner.ts';
import { hostConfig } from '../config.ts';
import { Executor } from '../executor.ts';
import { openMemoryHostDatabase } from '../host-database.ts';
import { Ledger } from '../ledger/ledger.ts';
import { NestedCalls } from '../nested-calls.ts';
import { systemResolver } from '../outbound-access.ts';
import type { PublicHost } from '../public-app.ts';
import { Registry } from '../registry.ts';
import { SettingsStore } from '../settings-store.ts';
import type { RunResult } from '../threads/run-events.ts';
import type { RunOrder } from '../threads/run-order.ts';

/** Of a host: its threads, and the way to what it has on disk. */
export interface Stage {
  /** Reads what one function of the host's has on disk, where there is any. */
  readonly read: () => Promise<void>;
  readonly plan: (component: Uint8Array) => Promise<Planned>;
  /** Runs it on every thread that has nothing else to do. */
  readonly run: (component: CompiledComponent, order: RunOrder) => Promise<RunResult>;
}

/** No name that anything could be deployed under. */
export const GUEST_NAME = '(rehearsal)';
/** That of names without a function, so that no thread takes it for one. */
const NO_LEASE = 0;

/** @returns the stand-in, and what lets go of it once nothing runs there any more. */
export function standIn(
  { plan, files }: Planned,
  run: Stage['run'],
  onInternal: (error: unknown) => void,
): { readonly host: PublicHost; readonly close: () => Promise<void> } {
  const database = openMemoryHostDatabase();
  const registry = new Registry(database);
  // Not the real host's settings, which may be too tight for anything to run.
  const settings = new SettingsStore(database, hostConfig({}), {
    resolve: systemResolver,
    preopens: [],
  });
  registry.deploy(GUEST_NAME, plan, 0, () => settings.write(GUEST_NAME, {}));
  const ledger = Ledger.inMemory();
  const modules = files.map(({ name, bytes }) => ({ name, bytes: new Uint8Array(bytes) }));
  const cache = new ModuleCache({
    store: { load: async () => ({ plan, script: '', modules }) },
    codeBytesMax: Number.POSITIVE_INFINITY,
    onEvict: () => undefined,
  });
  const leaseless = { get: (name: string) => registry.get(name), leaseOf: () => NO_LEASE };
  const executor = new Executor({ registry: leaseless, cache, pool: { run }, ledger, settings });
  const host = {
    registry,
    settings,
    ledger,
    executor,
    nestedCalls: new NestedCalls(),
    checkNotDraining: () => undefined,
    onInternal,
  };
  const close = async () => {
    await executor.idle();
    await ledger.close();
    database.close();
  };
  return { host, close };
}
