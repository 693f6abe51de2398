/** The deployed functions: which name runs which version. In memory for requests, in SQLite for restarts. */
import { CodedError } from '../metering/errors.ts';
import type { Deadlines } from './component/guard-module.ts';
import type { LinkPlan } from './component/plan.ts';
import type { HostDatabase } from './database.ts';

/** A deployed function as it is listed. */
export interface DeployedFunction {
  readonly name: string;
  /** SHA-256 of the component. */
  readonly version: string;
  /** The component's size in bytes. */
  readonly size: number;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** How its instances are linked. */
  readonly linking: string;
  /** How one that does not return is stopped. */
  readonly deadlines: Deadlines;
  readonly deployedAtMs: number;
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws CodedError `name-invalid` */
export function checkFunctionName(name: string): string {
  if (NAME.test(name)) return name;
  throw new CodedError(
    'name-invalid',
    `expected a function name of 1 to 63 lower-case letters, digits and inner hyphens, got ${JSON.stringify(name)}`,
  );
}

interface Row {
  readonly name: string;
  readonly version: string;
  readonly deployed_at_ms: number;
  readonly component_bytes: number;
  readonly imports: string;
  readonly exports: string;
  readonly linking: string;
  readonly deadlines: Deadlines;
}

const fromRow = (row: Row): DeployedFunction => ({
  name: row.name,
  version: row.version,
  size: row.component_bytes,
  imports: JSON.parse(row.imports) as string[],
  exports: JSON.parse(row.exports) as string[],
  linking: row.linking,
  deadlines: row.deadlines,
  deployedAtMs: row.deployed_at_ms,
});

export class Registry {
  readonly #database: HostDatabase;
  readonly #functions = new Map<string, DeployedFunction>();
  /** The names that run each version: asked for with every change, and for every file when the host starts. */
  readonly #names = new Map<string, Set<string>>();

  constructor(database: HostDatabase) {
    this.#database = database;
    const rows = database
      .prepare<[], Row>('SELECT * FROM functions JOIN versions USING (version) ORDER BY name')
      .all();
    for (const row of rows) this.#remember(fromRow(row));
  }

  list(): readonly DeployedFunction[] {
    return [...this.#functions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): DeployedFunction | undefined {
    return this.#functions.get(name);
  }

  /** @throws CodedError `function-unknown` */
  get(name: string): DeployedFunction {
    const found = this.#functions.get(name);
    if (found) return found;
    throw new CodedError('function-unknown', `no function ${JSON.stringify(name)} is deployed here`);
  }

  /**
   * Lets a name run a planned component from now on. Durable when it returns.
   * @param also what is to be written with it, or not at all.
   */
  deploy(name: string, plan: LinkPlan, deployedAtMs: number, also: () => void): DeployedFunction {
    const { version, componentBytes, imports, exports, linking, deadlines } = plan;
    this.#database.transaction(() => {
      this.#database
        .prepare('INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?)')
        .run(version, componentBytes, JSON.stringify(imports), JSON.stringify(exports), linking, deadlines);
      this.#database
        .prepare('INSERT OR REPLACE INTO functions VALUES (?, ?, ?)')
        .run(name, version, deployedAtMs);
      this.#deleteUnusedBy(name, version);
      also();
    })();
    const deployed = {
      name,
      version,
      size: componentBytes,
      imports,
      exports,
      linking,
      deadlines,
      deployedAtMs,
    };
    this.#forget(name);
    this.#remember(deployed);
    return deployed;
  }

  /** @throws CodedError `function-unknown` */
  remove(name: string, also: () => void): DeployedFunction {
    const removed = this.get(name);
    this.#database.transaction(() => {
      this.#database.prepare('DELETE FROM functions WHERE name = ?').run(name);
      this.#deleteUnusedBy(name);
      also();
    })();
    this.#forget(name);
    return removed;
  }

  /** Whether any name still runs this version. */
  isUsed(version: string): boolean {
    return this.#names.has(version);
  }

  /** The names that run this version. */
  namesOf(version: string): readonly string[] {
    return [...(this.#names.get(version) ?? [])];
  }

  /** Deletes the version that a name has run until now, where no other name runs it and it does not go on to. */
  #deleteUnusedBy(name: string, next?: string): void {
    const before = this.#functions.get(name)?.version;
    if (before === undefined || before === next || this.namesOf(before).length > 1) return;
    this.#database.prepare('DELETE FROM versions WHERE version = ?').run(before);
  }

  #remember(deployed: DeployedFunction): void {
    const { name, version } = deployed;
    this.#functions.set(name, deployed);
    const names = this.#names.get(version);
    if (names) names.add(name);
    else this.#names.set(version, new Set([name]));
  }

  #forget(name: string): void {
    const version = this.#functions.get(name)?.version;
    this.#functions.delete(name);
    if (version === undefined) return;
    const names = this.#names.get(version);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(version);
  }
}
