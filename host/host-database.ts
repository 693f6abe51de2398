/** What a host knows of functions, versions and settings: one database, and one process at a time that has it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  dataDirUnusable,
  type HostDatabase,
  openDatabaseFile,
  openMemoryDatabase,
  type SchemaStep,
} from './database.ts';
import { takeOverExecutions } from './ledger/ledger-database.ts';

/** One step each. Steps are only ever added. The first of them are from when executions were in here too. */
export const FORMER_STEPS: readonly string[] = [
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

/** Executions have a database of their own from here on. */
const WITHOUT_EXECUTIONS = 'DROP TABLE executions; DROP TABLE execution_ids;';

const stepsIn = (dataDir: string | undefined): SchemaStep[] => [
  ...FORMER_STEPS.map((sql) => ({ sql })),
  {
    before: (database) => dataDir !== undefined && takeOverExecutions(database, dataDir),
    sql: WITHOUT_EXECUTIONS,
  },
];

/**
 * Opens, and creates where needed, the database of a data folder.
 * @throws CodedError `data-dir-unusable`
 */
export function openHostDatabase(dataDir: string): HostDatabase {
  try {
    mkdirSync(dataDir, { recursive: true });
    // Held for as long as the process lives: a second host on the same folder would serve from stale memory.
    return openDatabaseFile(join(dataDir, 'ebb.sqlite'), stepsIn(dataDir), true);
  } catch (thrown) {
    throw dataDirUnusable(dataDir, thrown);
  }
}

/** A database of the same form in memory. */
export const openMemoryHostDatabase = (): HostDatabase => openMemoryDatabase(stepsIn(undefined));
