/** Opens the host's SQLite database: one process at a time, write-ahead log, schema by version. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { CodedError } from '../metering/errors.ts';

export type HostDatabase = Database.Database;

/** One step each; a database remembers how many it has taken. Steps are only ever added. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE functions (
     name TEXT PRIMARY KEY,
     version TEXT NOT NULL,
     deployed_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE versions (
     version TEXT PRIMARY KEY,
     component_bytes INTEGER NOT NULL,
     imports TEXT NOT NULL,
     exports TEXT NOT NULL,
     linking TEXT NOT NULL
   ) STRICT;
   CREATE TABLE executions (
     id INTEGER PRIMARY KEY,
     functionName TEXT NOT NULL,
     version TEXT NOT NULL,
     arrivedAtUs INTEGER NOT NULL,
     queueUs INTEGER NOT NULL,
     startupUs INTEGER NOT NULL,
     runUs INTEGER NOT NULL,
     cpuUs INTEGER NOT NULL,
     memoryBytesPeak INTEGER NOT NULL,
     memoryBytesLimit INTEGER NOT NULL,
     bytesIn INTEGER NOT NULL,
     bytesOut INTEGER NOT NULL,
     httpStatus INTEGER NOT NULL,
     outcome TEXT NOT NULL,
     warmth TEXT NOT NULL,
     log TEXT NOT NULL
   ) STRICT;`,
  // What was deployed before is planned again, and toolchains make nothing that cannot have checks.
  `ALTER TABLE versions ADD COLUMN deadlines TEXT NOT NULL DEFAULT 'checks';`,
  `CREATE TABLE function_settings (
     name TEXT PRIMARY KEY,
     settings TEXT NOT NULL
   ) STRICT;`,
  // Entries of an index end with the row's id, so that the first one is in the order of (functionName, id).
  `CREATE INDEX executions_by_function ON executions (functionName);
   CREATE INDEX executions_by_arrival ON executions (arrivedAtUs);`,
  'ALTER TABLE executions ADD COLUMN fuelUsed INTEGER NOT NULL DEFAULT 0;',
  // One row: ids of executions from this one on have never been given.
  `CREATE TABLE execution_ids (unusedFrom INTEGER NOT NULL) STRICT;
   INSERT INTO execution_ids VALUES (1);`,
  // Ids are in the order of arrival but for what ran long, and an index costs a fifth of what an entry does.
  'DROP INDEX executions_by_arrival;',
];

function migrate(database: HostDatabase): void {
  const done = database.pragma('user_version', { simple: true }) as number;
  if (done > MIGRATIONS.length) {
    throw new Error(
      `the data was written by a newer Ebb (schema ${done}; this one knows ${MIGRATIONS.length})`,
    );
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < done) continue;
    database.transaction(() => {
      database.exec(sql);
      database.pragma(`user_version = ${index + 1}`);
    })();
  }
}

/**
 * Opens, and creates where needed, the database of a data folder.
 * A commit survives the end of this process at any moment (`kill -9`); with `synchronous = NORMAL` the newest
 * commits may be lost when the machine itself loses power, never the database.
 * @throws CodedError `data-dir-unusable`
 */
export function openDatabase(dataDir: string): HostDatabase {
  let database: HostDatabase | undefined;
  try {
    mkdirSync(dataDir, { recursive: true });
    database = new Database(join(dataDir, 'ebb.sqlite'), { timeout: 1_000 });
    // Held for as long as the process lives: a second host on the same folder would serve from stale memory.
    database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    migrate(database);
    return database;
  } catch (thrown) {
    database?.close();
    const reason = thrown as Error & { readonly code?: string };
    const hint = reason.code === 'SQLITE_BUSY' ? 'another host is using it' : reason.message;
    throw new CodedError('data-dir-unusable', `expected a usable data folder, got ${dataDir}: ${hint}`);
  }
}

/** A database of the same form that is in memory alone and ends with its handle. */
export function openMemoryDatabase(): HostDatabase {
  const database = new Database(':memory:');
  migrate(database);
  return database;
}
