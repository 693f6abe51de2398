/** The host put together: store, cache, workers and ledger, without any socket. */
import { CodedError } from '../metering/errors.ts';
import { ArtifactStore } from './component/artifact-store.ts';
import { ModuleCache } from './component/module-cache.ts';
import { Planner } from './component/planner.ts';
import { type HostConfig, toBytes } from './config.ts';
import type { HostDatabase } from './database.ts';
import { Deployments } from './deployments.ts';
import { Executor } from './executor.ts';
import { openHostDatabase } from './host-database.ts';
import { Ledger } from './ledger/ledger.ts';
import { Retention } from './ledger/retention.ts';
import { MemoryRelief } from './memory-relief.ts';
import { NestedCalls } from './nested-calls.ts';
import { type Resolver, systemResolver } from './outbound-access.ts';
import { preload } from './preload.ts';
import { openPreopens } from './preopens.ts';
import { Registry } from './registry.ts';
import type { Stage } from './rehearsal/stand-in.ts';
import { runnableOf } from './run-limits.ts';
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
  readonly deployments: Deployments;
  readonly nestedCalls = new NestedCalls();
  readonly onInternal: (error: unknown) => void;
  readonly #database: HostDatabase;
  readonly #store: ArtifactStore;
  readonly #planner: Planner;
  readonly #cache: ModuleCache;
  readonly #pool: WorkerPool;
  readonly #retention: Retention;
  readonly #relief: MemoryRelief;
  #draining = false;

  private constructor(config: HostConfig, world: HostSurroundings, parts: HostParts) {
    this.config = config;
    this.onInternal = world.onInternal;
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
    const running = { ...parts, cache: this.#cache, pool: this.#pool };
    this.executor = new Executor(running);
    this.#relief = new MemoryRelief({
      count: () => this.ledger.idsGiven,
      isIdle: () => this.executor.isIdle,
    });
    this.deployments = new Deployments({
      ...running,
      config,
      nowMs: world.nowMs,
      checkOpen: () => this.checkNotDraining(),
      onPlanned: () => this.#relief.expect(),
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

  /** What a rehearsal needs of the host. */
  get stage(): Stage {
    return {
      read: () => this.#readSmallest(),
      plan: (bytes) =>
        this.#planner.plan({ bytes, memoryBytesMax: toBytes(this.config.memoryMb), countsFuel: false }),
      run: (component, order) => this.#pool.rehearse(component, order),
    };
  }

  /** Compiles what ran last, if anything did. */
  preload(): Promise<void> {
    return preload({
      ledger: this.ledger,
      cache: this.#cache,
      runnableOf: (name) => {
        const version = this.registry.find(name)?.version;
        return version === undefined ? undefined : runnableOf(version, this.settings.limits(name));
      },
      isOver: () => this.#draining,
    });
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
    await this.deployments.settled();
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
}
