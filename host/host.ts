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
import { OutboundPolicy } from './outbound-policy.ts';
import { checkFunctionName, type DeployedFunction, Registry } from './registry.ts';
import { WorkerPool } from './worker-pool.ts';

/** What a host needs from the world: a clock for deployments, and somewhere to tell its own mistakes. */
export interface HostSurroundings {
  readonly nowMs: () => number;
  /** Told of every error that is no refusal: a mistake of Ebb or a failing machine. */
  readonly onInternal: (error: unknown) => void;
}

export class Host {
  readonly config: HostConfig;
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly executor: Executor;
  readonly onInternal: (error: unknown) => void;
  readonly #database: HostDatabase;
  readonly #store: ArtifactStore;
  readonly #pool: WorkerPool;
  readonly #nowMs: () => number;
  #deploys: Promise<unknown> = Promise.resolve();
  #draining = false;

  private constructor(
    config: HostConfig,
    database: HostDatabase,
    store: ArtifactStore,
    world: HostSurroundings,
  ) {
    const memoryBytesMax = toBytes(config.memoryMb);
    this.config = config;
    this.onInternal = world.onInternal;
    this.#nowMs = world.nowMs;
    this.#database = database;
    this.#store = store;
    this.registry = new Registry(database);
    this.ledger = new Ledger(database);
    this.#pool = new WorkerPool({
      workers: config.workers,
      queueLimit: config.queueLimit,
      queueTimeoutMs: config.queueTimeoutMs,
      timeLimitMs: config.timeLimitMs,
      memoryBytesMax,
      responseBytesMax: toBytes(config.responseMb),
      outboundPolicy: new OutboundPolicy(config.allowOutbound),
      outboundLimits: { responseBytesMax: toBytes(config.responseMb), timeoutMs: config.timeLimitMs },
    });
    const cache = new ModuleCache({
      store,
      memoryBytesMax,
      codeBytesMax: toBytes(config.cacheMb),
      onEvict: (version) => this.#pool.unload(version),
    });
    this.executor = new Executor(cache, this.#pool, this.ledger, memoryBytesMax);
  }

  /** @throws CodedError `data-dir-unusable` */
  static async open(config: HostConfig, world: HostSurroundings): Promise<Host> {
    const database = openDatabase(config.dataDir);
    const store = await ArtifactStore.open(config.dataDir, new Planner(), toBytes(config.memoryMb));
    return new Host(config, database, store, world);
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
      if (before?.version === versionOf(bytes)) return { deployed: before, isNew: false };
      const plan = await this.#store.add(bytes);
      const deployed = this.registry.deploy(name, plan, this.#nowMs());
      if (before) await this.#forgetUnused(before.version);
      return { deployed, isNew: true };
    });
  }

  /** @throws CodedError `function-unknown` */
  remove(name: string): Promise<DeployedFunction> {
    return this.#inTurn(async () => {
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
    await this.#deploys;
    await this.#pool.close();
    this.ledger.flush();
    this.#database.close();
  }

  async #forgetUnused(version: string): Promise<void> {
    if (!this.registry.isUsed(version)) await this.#store.remove(version);
  }

  /** Changes to the registry happen one after the other, so that each sees what the one before has done. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = this.#deploys.then(change);
    this.#deploys = next.catch(() => undefined);
    return next;
  }
}
