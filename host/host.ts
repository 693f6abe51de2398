/** The host put together: store, cache, workers and ledger, without any socket. */
import { CodedError } from '../metering/errors.ts';
import { ArtifactStore } from './component/artifact-store.ts';
import { compileModules, keyOf, ModuleCache } from './component/module-cache.ts';
import { type LinkPlan, versionOf } from './component/plan.ts';
import { Planner } from './component/planner.ts';
import { type HostConfig, toBytes } from './config.ts';
import type { HostDatabase } from './database.ts';
import { Executor } from './executor.ts';
import {
  checkCanHave,
  effectiveSettings,
  type FunctionSettings,
  type OwnSettings,
} from './function-settings.ts';
import { openHostDatabase } from './host-database.ts';
import { Ledger } from './ledger/ledger.ts';
import { Retention } from './ledger/retention.ts';
import { MemoryRelief } from './memory-relief.ts';
import { NestedCalls } from './nested-calls.ts';
import { type Resolver, systemResolver } from './outbound-access.ts';
import { openPreopens } from './preopens.ts';
import { checkFunctionName, type DeployedFunction, Registry } from './registry.ts';
import type { Stage } from './rehearsal/stand-in.ts';
import { SettingsStore } from './settings-store.ts';
import { WorkerPool } from './threads/pool.ts';

/** What a host needs from the world. */
export interface HostSurroundings {
  readonly nowMs: () => number;
  /** Resolves the names that guests send requests to; the system's resolver when absent. */
  readonly resolve?: Resolver;
  /** Told of every error that is no refusal: a mistake of Ebb or a failing machine. */
  readonly onInternal: (error: unknown) => void;
}

/** What opening the data folder gives. */
interface HostParts {
  readonly database: HostDatabase;
  readonly ledger: Ledger;
  readonly store: ArtifactStore;
  readonly planner: Planner;
  readonly registry: Registry;
  readonly settings: SettingsStore;
}

export class Host {
  readonly config: HostConfig;
  readonly registry: Registry;
  readonly settings: SettingsStore;
  readonly ledger: Ledger;
  readonly executor: Executor;
  readonly nestedCalls = new NestedCalls();
  readonly onInternal: (error: unknown) => void;
  readonly #database: HostDatabase;
  readonly #store: ArtifactStore;
  readonly #planner: Planner;
  readonly #cache: ModuleCache;
  readonly #pool: WorkerPool;
  readonly #retention: Retention;
  readonly #relief: MemoryRelief;
  readonly #nowMs: () => number;
  #deploys: Promise<unknown> = Promise.resolve();
  #draining = false;

  private constructor(config: HostConfig, world: HostSurroundings, parts: HostParts) {
    this.config = config;
    this.onInternal = world.onInternal;
    this.#nowMs = world.nowMs;
    this.#database = parts.database;
    this.#store = parts.store;
    this.#planner = parts.planner;
    this.registry = parts.registry;
    this.settings = parts.settings;
    this.ledger = parts.ledger;
    this.#retention = new Retention(this.ledger, config.retentionDays, world);
    this.#cache = new ModuleCache({
      store: parts.store,
      codeBytesMax: toBytes(config.cacheMb),
      onEvict: (key) => this.#pool.unload(key),
    });
    this.#pool = this.#openPool();
    this.executor = new Executor({
      registry: this.registry,
      cache: this.#cache,
      pool: this.#pool,
      ledger: this.ledger,
      settings: this.settings,
    });
    this.#relief = new MemoryRelief({
      count: () => this.ledger.idsGiven,
      isIdle: () => this.executor.isIdle,
    });
  }

  /** @throws CodedError `data-dir-unusable`, or `config-invalid` for a folder that guests cannot be given. */
  static async open(config: HostConfig, world: HostSurroundings): Promise<Host> {
    const { dataDir } = config;
    const preopens = openPreopens(config.preopens, dataDir);
    const database = openHostDatabase(dataDir);
    let ledger: Ledger | undefined;
    try {
      ledger = Ledger.open(dataDir, world.onInternal);
      const registry = new Registry(database);
      const { resolve = systemResolver } = world;
      const settings = new SettingsStore(database, config, { resolve, preopens });
      const planner = new Planner();
      const store = await ArtifactStore.open(dataDir, planner, toBytes(config.memoryMb), (version) =>
        registry.isUsed(version),
      );
      return new Host(config, world, { database, ledger, store, planner, registry, settings });
    } catch (thrown) {
      await ledger?.close();
      database.close();
      if (thrown instanceof CodedError && thrown.code === 'data-dir-unusable') throw thrown;
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new CodedError('data-dir-unusable', `expected a usable data folder, got ${dataDir}: ${reason}`);
    }
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** @throws CodedError `host-draining` */
  checkNotDraining(): void {
    if (this.#draining)
      throw new CodedError('host-draining', 'the host is stopping and takes no new requests');
  }

  /**
   * Deploys a component under a name. The version before serves until the new one is durable.
   * @param changes settings of the function to change with it; the others stay as they are.
   * @returns `isNew` false when the name ran these very bytes already.
   * @throws CodedError `name-invalid`, `settings-invalid` or `component-*`
   */
  deploy(
    name: string,
    bytes: Uint8Array,
    changes: OwnSettings = {},
  ): Promise<{ readonly deployed: DeployedFunction; readonly isNew: boolean }> {
    checkFunctionName(name);
    return this.#inTurn(async () => {
      this.checkNotDraining();
      const before = this.registry.find(name);
      const isSame = before?.version === versionOf(bytes);
      const own = { ...this.settings.own(name), ...changes };
      const settings = effectiveSettings(own, this.config);
      if (!isSame || !(await this.#store.isIntact(before.version))) {
        const { memoryMb, fuelLimit } = settings;
        const choice = { memoryBytesMax: toBytes(memoryMb), countsFuel: fuelLimit > 0 };
        const plan = await this.#store.add(bytes, choice);
        this.#relief.expect();
        await this.#checkCanHave(settings, plan);
        if (!isSame) return { deployed: await this.#deployPlan(name, plan, own, before), isNew: true };
      }
      if (Object.keys(changes).length > 0) await this.#applySettings(before, own);
      return { deployed: before, isNew: false };
    });
  }

  /**
   * Gives a function settings of its own in place of those it had; none to go back to the host's.
   * They are durable when it resolves, and hold for the next request.
   * @throws CodedError `function-unknown`, or `settings-invalid` when the component does not fit them.
   */
  setSettings(name: string, own: OwnSettings): Promise<void> {
    return this.#inTurn(async () => {
      this.checkNotDraining();
      await this.#applySettings(this.registry.get(name), own);
    });
  }

  /** @throws CodedError `function-unknown` */
  remove(name: string): Promise<DeployedFunction> {
    return this.#inTurn(async () => {
      this.checkNotDraining();
      const lease = this.registry.leaseOf(name);
      const removed = this.registry.remove(name, () => this.settings.write(name, {}));
      this.settings.remember(name, {});
      this.#pool.retire(lease);
      await this.#forgetUnused(removed.version);
      return removed;
    });
  }

  /** What a rehearsal needs of the host. */
  get stage(): Stage {
    return {
      read: () => this.#readSmallest(),
      plan: (bytes) =>
        this.#planner.plan({ bytes, memoryBytesMax: toBytes(this.config.memoryMb), countsFuel: false }),
      run: (component, order) => this.#pool.rehearse(component, order),
    };
  }

  /** From now on new requests are refused; those that run go on. */
  beginDraining(): void {
    this.#draining = true;
  }

  /** Ends workers and closes the database; call when no request runs any more. */
  async close(): Promise<void> {
    this.#draining = true;
    this.#planner.close();
    this.#retention.close();
    await this.#deploys;
    this.#relief.close();
    await this.#pool.close();
    await this.ledger.close();
    this.#database.close();
  }

  /** The files of the smallest function that there is. */
  async #readSmallest(): Promise<void> {
    const [first, ...others] = this.registry.list();
    if (!first) return;
    const { name, version } = others.reduce((least, each) => (each.size < least.size ? each : least), first);
    await this.#store.hasPlan({ version, countsFuel: this.settings.limits(name).fuelMax > 0 });
  }

  async #deployPlan(
    name: string,
    plan: LinkPlan,
    own: OwnSettings,
    before: DeployedFunction | undefined,
  ): Promise<DeployedFunction> {
    const writeSettings = () => this.settings.write(name, own);
    const lease = this.registry.leaseOf(name);
    const deployed = this.registry.deploy(name, plan, this.#nowMs(), writeSettings);
    this.settings.remember(name, own);
    this.#pool.retire(lease);
    if (before) await this.#forgetUnused(before.version);
    return deployed;
  }

  /** @throws CodedError `settings-invalid`, after which nothing is left of a component that was refused. */
  async #checkCanHave(settings: FunctionSettings, plan: LinkPlan): Promise<void> {
    try {
      checkCanHave(settings, plan);
    } catch (thrown) {
      if (!this.registry.isUsed(plan.version)) await this.#store.remove(plan.version);
      throw thrown;
    }
  }

  async #applySettings(deployed: DeployedFunction, own: OwnSettings): Promise<void> {
    const { name, version } = deployed;
    const settings = effectiveSettings(own, this.config);
    checkCanHave(settings, deployed);
    if (settings.memoryMb !== this.settings.effective(name).memoryMb)
      await this.#checkFits(version, settings);
    this.settings.write(name, own);
    this.settings.remember(name, own);
    const lease = this.registry.leaseOf(name);
    this.registry.renewLease(name);
    this.#pool.retire(lease);
    await this.#forgetUnused(version);
  }

  /** @throws CodedError `settings-invalid` when a memory of the component starts larger than that. */
  async #checkFits(version: string, { memoryMb, fuelLimit }: FunctionSettings): Promise<void> {
    const loaded = await this.#store.load({ version, countsFuel: fuelLimit > 0 });
    try {
      await compileModules(loaded, toBytes(memoryMb));
    } catch (thrown) {
      if (!(thrown instanceof CodedError) || thrown.code !== 'component-invalid') throw thrown;
      throw new CodedError('settings-invalid', `memoryMb: ${memoryMb} does not fit: ${thrown.message}`);
    }
  }

  #openPool(): WorkerPool {
    const { config, nestedCalls } = this;
    const { workers, queueLimit, inlineUs } = config;
    return new WorkerPool({
      workers,
      queueLimit,
      inlineUs,
      nestedCalls,
      isKept: (key) => this.#cache.keeps(key),
      isCurrent: (name, lease) => this.registry.leaseOf(name) === lease,
    });
  }

  /** The files go last: nobody finds the version any more, and those who have found it have loaded it. */
  async #forgetUnused(version: string): Promise<void> {
    const names = this.registry.namesOf(version);
    const keys = names.map((name) => {
      const { memoryBytesMax, fuelMax } = this.settings.limits(name);
      return keyOf({ version, memoryBytesMax, countsFuel: fuelMax > 0 });
    });
    await this.#cache.forget(version, new Set(keys));
    if (names.length === 0) await this.#store.remove(version);
  }

  /** Changes to the registry happen one after the other, so that each sees what the one before has done. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = this.#deploys.then(change);
    this.#deploys = next.catch(() => undefined);
    return next;
  }
}
