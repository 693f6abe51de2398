/**
 * Components and their link plans on disk, by content hash. A component is kept for as long as a function uses
 * it; a plan is a cache and is made again when it is missing, damaged or of another format.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { CodedError } from '../../metering/errors.ts';
import { type LinkPlan, PLAN_FORMAT, versionOf } from './plan.ts';
import type { Planned, Planner } from './planner.ts';

/** A plan with the content of its files. */
export interface LoadedPlan {
  readonly plan: LinkPlan;
  /** The generated linking code; empty for a plan that needs none. */
  readonly script: string;
  readonly modules: readonly { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
}

/** A plan on disk: with the hashes of its files, and under a hash of its own. */
interface SealedPlan {
  readonly plan: LinkPlan;
  readonly hashes: Readonly<Record<string, string>>;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Hashing this much takes about a millisecond. */
const SLICE_BYTES = 1_048_576;

/** The same of a file, with room for other work in between: 10 MB at once would hold up every request. */
async function fileHash(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) await setImmediate();
    hash.update(bytes.subarray(at, at + SLICE_BYTES));
  }
  return hash.digest('hex');
}

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

  /** Removes what no function uses: left by a host that was ended in the middle of a change. */
  static async open(
    dataDir: string,
    planner: Planner,
    memoryBytesMax: number,
    isUsed: (version: string) => boolean,
  ): Promise<ArtifactStore> {
    const store = new ArtifactStore(dataDir, planner, memoryBytesMax);
    for (const [folder, suffix] of [
      [store.#artifacts, '.wasm'],
      [store.#plans, ''],
    ] as const) {
      await mkdir(folder, { recursive: true });
      for (const name of await readdir(folder)) {
        const isKept = name.endsWith(suffix) && isUsed(name.slice(0, name.length - suffix.length));
        if (!isKept) await rm(join(folder, name), { recursive: true, force: true });
      }
    }
    return store;
  }

  /**
   * Plans a component and keeps both; the component is on disk before it returns.
   * @param memoryBytesMax what its memories must not start larger than.
   * @throws CodedError `component-*`
   */
  async add(bytes: Uint8Array, memoryBytesMax: number): Promise<LinkPlan> {
    const planned = await this.#planner.plan({ bytes, memoryBytesMax });
    await writeDurably(this.#artifacts, `${planned.plan.version}.wasm`, bytes);
    await this.#writePlan(planned);
    return planned.plan;
  }

  /** Whether a component is on disk as it was deployed. */
  async isIntact(version: string): Promise<boolean> {
    return (await this.#readArtifact(version)) !== undefined;
  }

  /**
   * Reads a plan, and makes it again from the component where that fails.
   * @throws CodedError `internal` when the component itself is gone or was changed.
   */
  async load(version: string): Promise<LoadedPlan> {
    try {
      return await this.#readPlan(version);
    } catch {
      const bytes = await this.#readArtifact(version);
      if (!bytes) {
        const message = `the component ${version} is missing from the data folder or was changed; deploy it again`;
        throw new CodedError('internal', message);
      }
      await this.#writePlan(await this.#planner.plan({ bytes, memoryBytesMax: this.#memoryBytesMax }));
      return this.#readPlan(version);
    }
  }

  /** Forgets a component that no function uses. */
  async remove(version: string): Promise<void> {
    await rm(join(this.#artifacts, `${version}.wasm`), { force: true });
    await rm(join(this.#plans, version), { recursive: true, force: true });
  }

  async #readArtifact(version: string): Promise<Uint8Array | undefined> {
    const bytes = await readFile(join(this.#artifacts, `${version}.wasm`)).catch(() => undefined);
    return bytes && versionOf(bytes) === version ? new Uint8Array(bytes) : undefined;
  }

  /** Throws whenever anything is not as it was written: code that runs guests is not taken on trust. */
  async #readPlan(version: string): Promise<LoadedPlan> {
    const folder = join(this.#plans, version);
    const text = await readFile(join(folder, 'plan.json'), 'utf8');
    const sealEnd = text.indexOf('\n');
    const sealed = text.slice(sealEnd + 1);
    if (text.slice(0, sealEnd) !== sha256(sealed)) throw new Error('a damaged plan');
    const { plan, hashes } = JSON.parse(sealed) as SealedPlan;
    if (plan.format !== PLAN_FORMAT || plan.version !== version) throw new Error('a plan of another build');
    const read = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
      const bytes = await readFile(join(folder, name));
      if ((await fileHash(bytes)) !== hashes[name]) throw new Error(`a damaged file ${name}`);
      return bytes;
    };
    // All at once in one promise: a second one that failed unseen would end the process.
    const scripts = plan.linking === 'generated' ? [plan.script] : [];
    const files = await Promise.all([...plan.modules, ...scripts].map(read));
    return {
      plan,
      script: Buffer.from(files[plan.modules.length] ?? []).toString('utf8'),
      modules: plan.modules.map((name, index) => ({ name, bytes: files[index] as Uint8Array<ArrayBuffer> })),
    };
  }

  /** The whole folder appears at once, so a reader never meets half a plan. */
  async #writePlan({ plan, files }: Planned): Promise<void> {
    const folder = join(this.#plans, plan.version);
    const temporary = `${folder}.${this.#unique++}`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    for (const file of files) await writeFile(join(temporary, file.name), file.bytes);
    const hashed = files.map(async ({ name, bytes }) => [name, await fileHash(bytes)] as const);
    const hashes = Object.fromEntries(await Promise.all(hashed));
    const sealed = JSON.stringify({ plan, hashes } satisfies SealedPlan);
    await writeFile(join(temporary, 'plan.json'), `${sha256(sealed)}\n${sealed}`);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  }
}
