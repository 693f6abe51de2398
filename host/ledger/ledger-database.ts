/** The database of executions: a file of its own, so that a thread of its own can write it. */
import { join } from 'node:path';
import { RECORD_KEYS } from '../../metering/execution.ts';
import { type HostDatabase, openDatabaseFile, openMemoryDatabase, type SchemaStep } from '../database.ts';

/** Of an entry, in the order in which they are written. */
export const COLUMNS = ['id', ...RECORD_KEYS, 'log'] as const;

/** Steps are only ever added. */
const LEDGER_STEPS: readonly SchemaStep[] = [
  {
    // An entry of the index ends with the row's id, so that it is in the order of (functionName, id). There is none by
    // arrival: ids are in that order but for what ran long, and an index costs a fifth of what an entry does.
    // Of one row each: ids from that one on have never been given; up to there the journal has been taken in.
    sql: `CREATE TABLE executions (
       id INTEGER PRIMARY KEY,
       functionName TEXT NOT NULL,
       version TEXT NOT NULL,
       arrivedAtUs INTEGER NOT NULL,
       queueUs INTEGER NOT NULL,
       startupUs INTEGER NOT NULL,
       runUs INTEGER NOT NULL,
       cpuUs INTEGER NOT NULL,
       fuelUsed INTEGER NOT NULL,
       memoryBytesPeak INTEGER NOT NULL,
       memoryBytesLimit INTEGER NOT NULL,
       bytesIn INTEGER NOT NULL,
       bytesOut INTEGER NOT NULL,
       httpStatus INTEGER NOT NULL,
       outcome TEXT NOT NULL,
       warmth TEXT NOT NULL,
       log TEXT NOT NULL
     ) STRICT;
     CREATE INDEX executions_by_function ON executions (functionName);
     CREATE TABLE execution_ids (unusedFrom INTEGER NOT NULL) STRICT;
     INSERT INTO execution_ids VALUES (1);
     CREATE TABLE journal_position (file INTEGER NOT NULL, byte INTEGER NOT NULL) STRICT;
     INSERT INTO journal_position VALUES (0, 0);`,
  },
];

/** Its place in a data folder. */
export const ledgerPath = (dataDir: string): string => join(dataDir, 'ledger.sqlite');

/** Opens it, and creates it where there is none. @throws what the database does. */
export const openLedgerDatabase = (path: string): HostDatabase => openDatabaseFile(path, LEDGER_STEPS);

export const openMemoryLedgerDatabase = (): HostDatabase => openMemoryDatabase(LEDGER_STEPS);

/** Entries that are copied in one transaction. */
const COPIED_AT_ONCE = 50_000;

/**
 * Copies what a database from before holds of executions into the ledger of the data folder. Where it was broken off, it
 * goes on the next time: entries are copied in the order of their ids, and no host writes others before all are there.
 */
export function takeOverExecutions(former: HostDatabase, dataDir: string): void {
  const { unusedFrom, hasAny } = former
    .prepare('SELECT unusedFrom, EXISTS (SELECT 1 FROM executions) AS hasAny FROM execution_ids')
    .get() as { readonly unusedFrom: number; readonly hasAny: number };
  // A new folder, which need not wait for the disk.
  if (hasAny === 0 && unusedFrom === 1) return;
  openLedgerDatabase(ledgerPath(dataDir)).close();
  former.prepare('ATTACH ? AS ledger').run(ledgerPath(dataDir));
  try {
    const columns = COLUMNS.join(', ');
    const copy = former.prepare(
      `INSERT INTO ledger.executions (${columns}) SELECT ${columns} FROM main.executions
       WHERE id > (SELECT coalesce(max(id), 0) FROM ledger.executions) ORDER BY id LIMIT ${COPIED_AT_ONCE}`,
    );
    while (copy.run().changes > 0);
    former.prepare('UPDATE ledger.execution_ids SET unusedFrom = max(unusedFrom, ?)').run(unusedFrom);
    // On the disk before the originals go, also when the machine loses power.
    former.pragma('ledger.wal_checkpoint(TRUNCATE)');
  } finally {
    former.exec('DETACH ledger');
  }
}
