/**
 * Which component runs under which name with which settings: every change of that, one after the other, and what has
 * to be let go after it. Must not know how a request runs.
 */
import { CodedError } from '../metering/errors.ts';
import type { ArtifactStore } from './component/artifact-store.ts';
import { compileModules, keyOf, type ModuleCache } from './component/module-cache.ts';
import { type LinkPlan, versionOf } from './component/plan.ts';
import { type HostConfig, toBytes } from './config.ts';
import {
  checkCanHave,
  effectiveSettings,
  type FunctionSettings,
  type OwnSettings,
} from './function-settings.ts';
import { checkFunctionName, type DeployedFunction, type Registry } from './registry.ts';
import { runnableOf } from './run-limits.ts';
import type { SettingsStore } from './settings-store.ts';
import type { WorkerPool } from './threads/pool.ts';

export interface DeploymentParts {
  readonly config: HostConfig;
  readonly registry: Registry;
  readonly settings: SettingsStore;
  readonly store: ArtifactStore;
  readonly cache: Pick<ModuleCache, 'forget'>;
  readonly pool: Pick<WorkerPool, 'retire'>;
  readonly nowMs: () => number;
  /** Throws when nothing may be changed any more. */
  readonly checkOpen: () => void;
  /** Told when a component was planned, which takes memory. */
  readonly onPlanned: () => void;
}

export class Deployments {
  readonly #config: HostConfig;
  readonly #registry: Registry;
  readonly #settings: SettingsStore;
  readonly #store: ArtifactStore;
  readonly #cache: DeploymentParts['cache'];
  readonly #pool: DeploymentParts['pool'];
  readonly #nowMs: () => number;
  readonly #checkOpen: () => void;
  readonly #onPlanned: () => void;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: DeploymentParts) {
    this.#config = parts.config;
    this.#registry = parts.registry;
    this.#settings = parts.settings;
    this.#store = parts.store;
    this.#cache = parts.cache;
    this.#pool = parts.pool;
    this.#nowMs = parts.nowMs;
    this.#checkOpen = parts.checkOpen;
    this.#onPlanned = parts.onPlanned;
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
      this.#checkOpen();
      const before = this.#registry.find(name);
      const isSame = before?.version === versionOf(bytes);
      const own = { ...this.#settings.own(name), ...changes };
      const settings = effectiveSettings(own, this.#config);
      if (!isSame || !(await this.#store.isIntact(before.version))) {
        const { memoryMb, fuelLimit } = settings;
        const choice = { memoryBytesMax: toBytes(memoryMb), countsFuel: fuelLimit > 0 };
        const plan = await this.#store.add(bytes, choice);
        this.#onPlanned();
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
      this.#checkOpen();
      await this.#applySettings(this.#registry.get(name), own);
    });
  }

  /** @throws CodedError `function-unknown` */
  remove(name: string): Promise<DeployedFunction> {
    return this.#inTurn(async () => {
      this.#checkOpen();
      const lease = this.#registry.leaseOf(name);
      const removed = this.#registry.remove(name, () => this.#settings.write(name, {}));
      this.#settings.remember(name, {});
      this.#pool.retire(lease);
      await this.#forgetUnused(removed.version);
      return removed;
    });
  }

  async #deployPlan(
    name: string,
    plan: LinkPlan,
    own: OwnSettings,
    before: DeployedFunction | undefined,
  ): Promise<DeployedFunction> {
    const writeSettings = () => this.#settings.write(name, own);
    const lease = this.#registry.leaseOf(name);
    const deployed = this.#registry.deploy(name, plan, this.#nowMs(), writeSettings);
    this.#settings.remember(name, own);
    this.#pool.retire(lease);
    if (before) await this.#forgetUnused(before.version);
    return deployed;
  }

  /** @throws CodedError `settings-invalid`, after which nothing is left of a component that was refused. */
  async #checkCanHave(settings: FunctionSettings, plan: LinkPlan): Promise<void> {
    try {
      checkCanHave(settings, plan);
    } catch (thrown) {
      if (!this.#registry.isUsed(plan.version)) await this.#store.remove(plan.version);
      throw thrown;
    }
  }

  async #applySettings(deployed: DeployedFunction, own: OwnSettings): Promise<void> {
    const { name, version } = deployed;
    const settings = effectiveSettings(own, this.#config);
    checkCanHave(settings, deployed);
    if (settings.memoryMb !== this.#settings.effective(name).memoryMb)
      await this.#checkFits(version, settings);
    this.#settings.write(name, own);
    this.#settings.remember(name, own);
    const lease = this.#registry.leaseOf(name);
    this.#registry.renewLease(name);
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

  /** The files go last: nobody finds the version any more, and those who have found it have loaded it. */
  async #forgetUnused(version: string): Promise<void> {
    const names = this.#registry.namesOf(version);
    const keys = names.map((name) => keyOf(runnableOf(version, this.#settings.limits(name))));
    await this.#cache.forget(version, new Set(keys));
    if (names.length === 0) await this.#store.remove(version);
  }

  /** Resolves once no change is under way. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Changes to the registry happen one after the other, so that each sees what the one before has done. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = this.#last.then(change);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
