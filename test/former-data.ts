/** Makes a data folder one that a former Ebb has left: executions among functions and versions, in an older schema. */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { FORMER_STEPS } from '../host/host-database.ts';

const columnsOf = (database: Database.Database, schema: string, table: string): string[] =>
  (database.pragma(`${schema}.table_info(${table})`) as { name: string }[]).map(({ name }) => name);

/**
 * @param schema the number of steps that it has taken.
 * @param copied entries that the host after it has taken over already, before it was killed; undefined when none has begun.
 */
export function makeFormer(dataDir: string, schema: number, copied?: number): void {
  const path = (name: string) => join(dataDir, name);
  renameSync(path('ebb.sqlite'), path('later.sqlite'));
  const former = new Database(path('ebb.sqlite'));
  for (const sql of FORMER_STEPS.slice(0, schema)) former.exec(sql);
  former.pragma(`user_version = ${schema}`);
  former.prepare('ATTACH ? AS later').run(path('later.sqlite'));
  former.prepare('ATTACH ? AS ledger').run(path('ledger.sqlite'));
  for (const [from, table] of [
    ['later', 'functions'],
    ['later', 'versions'],
    ['later', 'function_settings'],
    ['ledger', 'executions'],
    ['ledger', 'execution_ids'],
  ] as const) {
    const known = columnsOf(former, 'main', table);
    if (known.length === 0) continue;
    const columns = columnsOf(former, from, table).filter((name) => known.includes(name));
    former.exec(`DELETE FROM main.${table};
      INSERT INTO main.${table} (${columns.join(', ')}) SELECT ${columns.join(', ')} FROM ${from}.${table}`);
  }
  if (copied !== undefined) {
    former.prepare('DELETE FROM ledger.executions WHERE id > ?').run(copied);
    former.exec('UPDATE ledger.execution_ids SET unusedFrom = 1');
  }
  former.close();
  rmSync(path('later.sqlite'));
  if (copied === undefined) rmSync(path('ledger.sqlite'));
}
