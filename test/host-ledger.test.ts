/** The ledger over time: what is found through its indices, and what it lets go. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hostConfig } from '../host/config.ts';
import { openDatabase } from '../host/database.ts';
import { Ledger } from '../host/ledger.ts';
import { example } from './host-guests.ts';
import { closeAll, scratchFolder, TestHost } from './host-kit.ts';
import { execution } from './records.ts';

let hello: Uint8Array;

beforeAll(async () => {
  hello = await example('hello');
});

afterEach(closeAll);

const US_PER_DAY = 86_400_000_000;

/** A ledger with `count` entries, one a microsecond, every thousandth of them of `rare`. */
async function filled(count: number): Promise<Ledger> {
  const ledger = new Ledger(openDatabase(await scratchFolder()));
  const appended = Array.from({ length: count }, (_zero, index) => {
    const functionName = index % 1_000 === 0 ? 'rare' : 'common';
    return ledger.append(execution({ functionName, arrivedAtUs: index }), '');
  });
  await Promise.all(appended);
  return ledger;
}

async function idsOf(ledger: Ledger, filter: Parameters<Ledger['read']>[0]): Promise<number> {
  let count = 0;
  for await (const chunk of ledger.read(filter)) count += chunk.length;
  return count;
}

describe('the ledger', () => {
  test('finds the same entries by function, by time and by both, forwards and backwards', async () => {
    const ledger = await filled(9_000);
    for (const [filter, count] of [
      [{}, 9_000],
      [{ functionName: 'rare' }, 9],
      [{ functionName: 'nobody' }, 0],
      [{ fromUs: 1_000, toUs: 3_001 }, 2_001],
      [{ functionName: 'rare', fromUs: 1_000, toUs: 3_001 }, 3],
    ] as const) {
      expect(await idsOf(ledger, filter)).toBe(count);
      expect(await ledger.newest(filter, 10_000)).toHaveLength(count);
    }
    const rare = await ledger.newest({ functionName: 'rare' }, 3, 7_001);
    expect(rare.map(({ id }) => id)).toEqual([6_001, 5_001, 4_001]);
    expect(await new Ledger(openDatabase(await scratchFolder())).newest({}, 5)).toEqual([]);
  });

  test('deletes the oldest, so many at a time, and never the newest', async () => {
    const ledger = await filled(10);
    expect(ledger.deleteBefore(7, 5)).toBe(5);
    expect(ledger.deleteBefore(7, 5)).toBe(2);
    expect((await ledger.newest({}, 100)).map(({ arrivedAtUs }) => arrivedAtUs)).toEqual([9, 8, 7]);
    expect(ledger.deleteBefore(US_PER_DAY, 100)).toBe(2);
    const entries = await ledger.newest({}, 100);
    expect(entries.map(({ id }) => id)).toEqual([10]);
    expect(await ledger.append(entries[0]!, '')).toBe(11);
    expect(await idsOf(ledger, {})).toBe(2);
  });

  test('deletes one that ran for long with those that came before it ended', async () => {
    const ledger = await filled(0);
    for (const arrivedAtUs of [1, 50, 2, 60]) await ledger.append(execution({ arrivedAtUs }), '');
    expect(ledger.deleteBefore(10, 2)).toBe(1);
    expect(ledger.deleteBefore(10, 1)).toBe(0);
    expect(ledger.deleteBefore(55, 2)).toBe(2);
    expect((await ledger.newest({}, 100)).map(({ arrivedAtUs }) => arrivedAtUs)).toEqual([60]);
  });

  test('of the first schema is taken over with all that it has', async () => {
    const folder = await scratchFolder();
    const database = new Database(join(folder, 'ebb.sqlite'));
    database.exec(`
      CREATE TABLE functions (name TEXT PRIMARY KEY, version TEXT NOT NULL, deployed_at_ms INTEGER NOT NULL) STRICT;
      CREATE TABLE versions (version TEXT PRIMARY KEY, component_bytes INTEGER NOT NULL, imports TEXT NOT NULL,
        exports TEXT NOT NULL, linking TEXT NOT NULL) STRICT;
      CREATE TABLE executions (id INTEGER PRIMARY KEY, functionName TEXT NOT NULL, arrivedAtUs INTEGER NOT NULL) STRICT;
      INSERT INTO functions VALUES ('f', 'v', 1);
      PRAGMA user_version = 1;`);
    database.close();
    const again = openDatabase(folder);
    const fresh = openDatabase(await scratchFolder());
    const schemaOf = (one: typeof fresh) => one.pragma('user_version', { simple: true });
    expect(schemaOf(again)).toBe(schemaOf(fresh));
    fresh.close();
    expect(again.prepare('SELECT name FROM functions').get()).toEqual({ name: 'f' });
    again.close();
  });
});

describe('retention', () => {
  /** Ids that a host has once it has let go what it does not keep. */
  async function idsWith(dataDir: string, retentionDays: number, laterDays: number): Promise<number[]> {
    const nowMs = () => Date.now() + laterDays * (US_PER_DAY / 1_000);
    const host = await TestHost.start({ dataDir, retentionDays }, { nowMs });
    if (retentionDays > 0 && laterDays > retentionDays)
      while ((await host.executions()).length > 1) expect(host.internalErrors).toEqual([]);
    const ids = (await host.executions()).map(({ id }) => id);
    await host.stop();
    return ids;
  }

  test('lets go what is older, keeps all by default, and ids count on', async () => {
    const host = await TestHost.start();
    await host.deploy('hello', hello);
    for (let count = 0; count < 3; count++) await host.call('/f/hello');
    await host.stop();
    expect(await idsWith(host.dataDir, 0, 10_000)).toEqual([3, 2, 1]);
    expect(await idsWith(host.dataDir, 30, 29)).toEqual([3, 2, 1]);
    expect(await idsWith(host.dataDir, 30, 31)).toEqual([3]);
    const again = await TestHost.start({ dataDir: host.dataDir });
    expect((await again.call('/f/hello')).headers['x-ebb-execution']).toBe('4');
  });

  test('is a whole number of days', () => {
    expect(() => hostConfig({ retentionDays: -1 })).toThrow(/retentionDays: .*from 0 to 36500 \(days\)/);
  });
});
