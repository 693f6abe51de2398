/** Opens SQLite databases: write-ahead log, schema by version. The only door to better-sqlite3; knows no table. */
import Database from 'better-sqlite3';
import { CodedError } from '../metering/errors.ts';

export type HostDatabase = Database.Database;

/** How a schema comes to its next version. */
export interface SchemaStep {
  /** What has to have happened elsewhere before. It may be repeated: the process may end before the step is taken. */
  readonly before?: (database: HostDatabase) => void;
  readonly sql: string;
}

/** Waits so long for another connection's write to end. */
const BUSY_MS = 1_000;

/** A database remembers how many steps it has taken. */
function migrate(database: HostDatabase, steps: readonly SchemaStep[]): void {
  const done = database.pragma('user_version', { simple: true }) as number;
  if (done > steps.length) {
    throw new Error(`the data was written by a newer Ebb (schema ${done}; this one knows ${steps.length})`);
  }
  for (const [index, { before, sql }] of steps.entries()) {
    if (index < done) continue;
    before?.(database);
    database.transaction(() => {
      database.exec(sql);
      database.pragma(`user_version = ${index + 1}`);
    })();
  }
}

/**
 * Opens a database file, and creates it where there is none.
 * A commit survives the end of this process at any moment (`kill -9`); with `synchronous = NORMAL` the newest
 * commits may be lost when the machine itself loses power, never the database.
 * @param isExclusive whether no other connection may use it for as long as this one is open.
 */
export function openDatabaseFile(
  path: string,
  steps: readonly SchemaStep[],
  isExclusive = false,
): HostDatabase {
  const database = new Database(path, { timeout: BUSY_MS });
  try {
    if (isExclusive) database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    migrate(database, steps);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** A database that is in memory alone and ends with its handle. */
export function openMemoryDatabase(steps: readonly SchemaStep[]): HostDatabase {
  const database = new Database(':memory:');
  migrate(database, steps);
  return database;
}

/** What to tell of a data folder in which something could not be opened. */
export function dataDirUnusable(dataDir: string, thrown: unknown): CodedError {
  const { code, message } = thrown as Error & { readonly code?: string };
  const hint = code === 'SQLITE_BUSY' ? 'another host is using it' : message;
  return new CodedError('data-dir-unusable', `expected a usable data folder, got ${dataDir}: ${hint}`);
}
