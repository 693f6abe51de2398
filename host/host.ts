/** The host put together: store, cache, workers and ledger, without any socket. */
import { CodedError } from '../metering/errors.ts';
import { ArtifactStore } from './component/artifact-store.ts';
import { ModuleCache } from './component/module-cache.ts';
import { versionOf } from './component/plan.ts';
import { Planner } from './component/planner.ts';
import { type HostConfig, toBytes } from './config.ts';
import { type HostDatabase, openDatabase } from './database.ts';
import { Executor } from './executor.ts';
import { Ledger } from './ledger.ts';
import { NestedCalls } from './nested-calls.ts';
import { OutboundPolicy } from './outbound-policy.ts';
import { checkFunctionName, type DeployedFunction, Registry } from './registry.ts';
import { WorkerPool } from './worker-pool.ts';

/** What a host needs from the world: a clock for deployments, and somewhere to tell its own mistakes. */
export interface HostSurroundings {
  readonly nowMs: () => number;
  /** Told of every error that is no refusal: a mistake of Ebb or a failing machine. */
  readonly onInternal: (error: unknown) => void;
}

/** What opening the data folder gives. */
interface HostParts {
  readonly database: HostDatabase;
  readonly store: ArtifactStore;
  readonly planner: Planner;
  readonly registry: Registry;
}

export class Host {
  readonly config: HostConfig;
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly executor: Executor;
  readonly nestedCalls = new NestedCalls();
  readonly onInternal: (error: unknown) => void;
  readonly #database: HostDatabase;
  readonly #store: ArtifactStore;
  readonly #planner: Planner;
  readonly #cache: ModuleCache;
  readonly #pool: WorkerPool;
  readonly #nowMs: () => number;
  #deploys: Promise<unknown> = Promise.resolve();
  #draining = false;

  private constructor(config: HostConfig, world: HostSurroundings, parts: HostParts) {
    const memoryBytesMax = toBytes(config.memoryMb);
    this.config = config;
    this.onInternal = world.onInternal;
    this.#nowMs = world.nowMs;
    this.#database = parts.database;
    this.#store = parts.store;
    this.#planner = parts.planner;
    this.registry = parts.registry;
    this.ledger = new Ledger(parts.database);
    this.#cache = new ModuleCache({
      store: parts.store,
      memoryBytesMax,
      codeBytesMax: toBytes(config.cacheMb),
      onEvict: (version) => this.#pool.unload(version),
    });
    this.#pool = this.#openPool(memoryBytesMax);
    this.executor = new Executor({
      registry: this.registry,
      cache: this.#cache,
      pool: this.#pool,
      ledger: this.ledger,
      memoryBytesLimit: memoryBytesMax,
    });
  }

  /** @throws CodedError `data-dir-unusable` */
  static async open(config: HostConfig, world: HostSurroundings): Promise<Host> {
    const { dataDir } = config;
    const database = openDatabase(dataDir);
    try {
      const registry = new Registry(database);
      const planner = new Planner();
      const store = await ArtifactStore.open(dataDir, planner, toBytes(config.memoryMb), (version) =>
        registry.isUsed(version),
      );
      return new Host(config, world, { database, store, planner, registry });
    } catch (thrown) {
      database.close();
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
   * @returns `isNew` false when the name ran these very bytes already.
   * @throws CodedError `name-invalid` or `component-*`
   */
  deploy(
    name: string,
    bytes: Uint8Array,
  ): Promise<{ readonly deployed: DeployedFunction; readonly isNew: boolean }> {
    checkFunctionName(name);
    return this.#inTurn(async () => {
      this.checkNotDraining();
      const before = this.registry.find(name);
      const isSame = before?.version === versionOf(bytes);
      if (isSame && (await this.#store.isIntact(before.version))) return { deployed: before, isNew: false };
      const plan = await this.#store.add(bytes);
      if (isSame) return { deployed: before, isNew: false };
      const deployed = this.registry.deploy(name, plan, this.#nowMs());
      if (before) await this.#forgetUnused(before.version);
      return { deployed, isNew: true };
    });
  }

  /** @throws CodedError `function-unknown` */
  remove(name: string): Promise<DeployedFunction> {
    return this.#inTurn(async () => {
      this.checkNotDraining();
      const removed = this.registry.remove(name);
      await this.#forgetUnused(removed.version);
      return removed;
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
    await this.#deploys;
    await this.#pool.close();
    this.ledger.flush();
    this.#database.close();
  }

  #openPool(memoryBytesMax: number): WorkerPool {
    const { config, nestedCalls } = this;
    const { workers, queueLimit, queueTimeoutMs, timeLimitMs, cpuLimitMs } = config;
    const responseBytesMax = toBytes(config.responseMb);
    return new WorkerPool({
      workers,
      queueLimit,
      queueTimeoutMs,
      timeLimitMs,
      cpuLimitMs,
      memoryBytesMax,
      responseBytesMax,
      outboundPolicy: new OutboundPolicy(config.allowOutbound),
      outboundLimits: { responseBytesMax, timeoutMs: timeLimitMs },
      nestedCalls,
      isKept: (version) => this.#cache.has(version),
    });
  }

  /** The files go last: nobody finds the version any more, and those who have found it have loaded it. */
  async #forgetUnused(version: string): Promise<void> {
    if (this.registry.isUsed(version)) return;
    await this.#cache.forget(version);
    await this.#store.remove(version);
  }

  /** Changes to the registry happen one after the other, so that each sees what the one before has done. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = this.#deploys.then(change);
    this.#deploys = next.catch(() => undefined);
    return next;
  }
}
