/**
 * Components and their link plans on disk, by content hash. A component is kept for as long as a function uses
 * it; a plan is a cache and is made again when it is missing, damaged or of another format.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../metering/errors.ts';
import { type LinkPlan, PLAN_FORMAT, versionOf } from './plan.ts';
import type { Planned, Planner } from './planner.ts';

/** A plan with the content of its files. */
export interface LoadedPlan {
  readonly plan: LinkPlan;
  /** The generated linking code; empty for a plan that needs none. */
  readonly script: string;
  readonly modules: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

export class ArtifactStore {
  readonly #artifacts: string;
  readonly #plans: string;
  readonly #planner: Planner;
  readonly #memoryBytesMax: number;
  #unique = 0;

  private constructor(dataDir: string, planner: Planner, memoryBytesMax: number) {
    this.#artifacts = join(dataDir, 'artifacts');
    this.#plans = join(dataDir, 'plans');
    this.#planner = planner;
    this.#memoryBytesMax = memoryBytesMax;
  }

  static async open(dataDir: string, planner: Planner, memoryBytesMax: number): Promise<ArtifactStore> {
    const store = new ArtifactStore(dataDir, planner, memoryBytesMax);
    await mkdir(store.#artifacts, { recursive: true });
    await mkdir(store.#plans, { recursive: true });
    return store;
  }

  /**
   * Plans a component and keeps both; on disk before it returns.
   * @throws CodedError `component-*`
   */
  async add(bytes: Uint8Array): Promise<LinkPlan> {
    const planned = await this.#planner.plan({ bytes, memoryBytesMax: this.#memoryBytesMax });
    const path = this.#artifactPath(planned.plan.version);
    const temporary = `${path}.${process.pid}-${this.#unique++}`;
    await writeDurably(temporary, bytes);
    await rename(temporary, path);
    await this.#writePlan(planned);
    return planned.plan;
  }

  /**
   * Reads a plan, and makes it again from the component where that fails.
   * @throws CodedError `internal` when the component itself is gone or was changed.
   */
  async load(version: string): Promise<LoadedPlan> {
    try {
      return await this.#readPlan(version);
    } catch {
      const bytes = await readFile(this.#artifactPath(version)).catch(() => undefined);
      if (!bytes || versionOf(bytes) !== version) {
        throw new CodedError(
          'internal',
          `the component ${version} is missing from the data folder or was changed`,
        );
      }
      await this.#writePlan(await this.#planner.plan({ bytes, memoryBytesMax: this.#memoryBytesMax }));
      return this.#readPlan(version);
    }
  }

  /** Forgets a component that no function uses. */
  async remove(version: string): Promise<void> {
    await rm(this.#artifactPath(version), { force: true });
    await rm(join(this.#plans, version), { recursive: true, force: true });
  }

  #artifactPath(version: string): string {
    return join(this.#artifacts, `${version}.wasm`);
  }

  async #readPlan(version: string): Promise<LoadedPlan> {
    const folder = join(this.#plans, version);
    const plan = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')) as LinkPlan;
    if (plan.format !== PLAN_FORMAT || plan.version !== version) throw new Error('a plan of another build');
    const modules = plan.modules.map(async (name) => ({
      name,
      bytes: new Uint8Array(await readFile(join(folder, name))),
    }));
    return {
      plan,
      script: plan.linking === 'generated' ? await readFile(join(folder, plan.script), 'utf8') : '',
      modules: await Promise.all(modules),
    };
  }

  /** The whole folder appears at once, so a reader never meets half a plan. */
  async #writePlan({ plan, files }: Planned): Promise<void> {
    const folder = join(this.#plans, plan.version);
    const temporary = `${folder}.${process.pid}-${this.#unique++}`;
    await mkdir(temporary);
    for (const file of files) await writeDurably(join(temporary, file.name), file.bytes);
    await writeDurably(join(temporary, 'plan.json'), JSON.stringify(plan));
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  }
}
