/**
 * Components and their link plans on disk, by content hash. A component is kept for as long as a function uses
 * it; a plan is a cache and is made again when it is missing, damaged or of another format.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../metering/errors.ts';
import { type LinkPlan, PLAN_FORMAT, versionOf } from './plan.ts';
import { type LoadedPlan, readPlanFile, writePlanFile } from './plan-file.ts';
import type { Planned, Planner, PlanQuestion } from './planner.ts';

/** What is planned: which component, and whether its code is to count fuel. Each has a plan of its own. */
export interface Variant {
  readonly version: string;
  readonly countsFuel: boolean;
}

const FUEL_SUFFIX = '.fuel';

/** On the disk itself when it returns, its name included. */
async function writeDurably(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(folder, `${name}.unfinished`);
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
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

  /** Removes what no function uses: left by a host that was ended in the middle of a change, or by an older build. */
  static async open(
    dataDir: string,
    planner: Planner,
    memoryBytesMax: number,
    isUsed: (version: string) => boolean,
  ): Promise<ArtifactStore> {
    const store = new ArtifactStore(dataDir, planner, memoryBytesMax);
    for (const [folder, suffixes] of [
      [store.#artifacts, ['.wasm']],
      [store.#plans, [FUEL_SUFFIX, '']],
    ] as const) {
      await mkdir(folder, { recursive: true });
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        const { name } = entry;
        const suffix = suffixes.find((each) => name.endsWith(each));
        const isOurs = entry.isFile() && suffix !== undefined;
        if (!isOurs || !isUsed(name.slice(0, name.length - suffix.length)))
          await rm(join(folder, name), { recursive: true, force: true });
      }
    }
    return store;
  }

  /**
   * Plans a component and keeps both; the component is on disk before it returns.
   * @throws CodedError `component-*`
   */
  async add(bytes: Uint8Array, choice: Omit<PlanQuestion, 'bytes'>): Promise<LinkPlan> {
    const planned = await this.#planner.plan({ bytes, ...choice });
    await writeDurably(this.#artifacts, `${planned.plan.version}.wasm`, bytes);
    await this.#writePlan(planned, choice.countsFuel);
    return planned.plan;
  }

  /** Whether a component is on disk as it was deployed. */
  async isIntact(version: string): Promise<boolean> {
    return (await this.#readArtifact(version)) !== undefined;
  }

  /** Whether a plan is on disk as it was written. */
  async hasPlan(variant: Variant): Promise<boolean> {
    try {
      await this.#readPlan(variant);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Reads a plan, and makes it again from the component where that fails.
   * @throws CodedError `internal` when the component itself is gone or was changed.
   */
  async load(variant: Variant): Promise<LoadedPlan> {
    const { version, countsFuel } = variant;
    try {
      return await this.#readPlan(variant);
    } catch {
      const bytes = await this.#readArtifact(version);
      if (!bytes) {
        const message = `the component ${version} is missing from the data folder or was changed; deploy it again`;
        throw new CodedError('internal', message);
      }
      const question = { bytes, memoryBytesMax: this.#memoryBytesMax, countsFuel };
      await this.#writePlan(await this.#planner.plan(question), countsFuel);
      return this.#readPlan(variant);
    }
  }

  /** Forgets a component that no function uses. */
  async remove(version: string): Promise<void> {
    await rm(join(this.#artifacts, `${version}.wasm`), { force: true });
    for (const countsFuel of [false, true]) await rm(this.#pathOf({ version, countsFuel }), { force: true });
  }

  #pathOf({ version, countsFuel }: Variant): string {
    return join(this.#plans, countsFuel ? version + FUEL_SUFFIX : version);
  }

  async #readArtifact(version: string): Promise<Uint8Array | undefined> {
    const bytes = await readFile(join(this.#artifacts, `${version}.wasm`)).catch(() => undefined);
    return bytes && versionOf(bytes) === version ? new Uint8Array(bytes) : undefined;
  }

  /** Throws where it is damaged, or of another build. */
  async #readPlan(variant: Variant): Promise<LoadedPlan> {
    const loaded = await readPlanFile(this.#pathOf(variant));
    const { format, version } = loaded.plan;
    if (format !== PLAN_FORMAT || version !== variant.version) throw new Error('a plan of another build');
    return loaded;
  }

  /** The whole file appears at once, so a reader never meets half a plan. */
  async #writePlan(planned: Planned, countsFuel: boolean): Promise<void> {
    const path = this.#pathOf({ version: planned.plan.version, countsFuel });
    const temporary = `${path}.${this.#unique++}`;
    await rm(temporary, { force: true });
    await writePlanFile(temporary, planned);
    await rename(temporary, path);
  }
}
