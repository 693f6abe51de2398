/** The ledger over time: what is found, what survives a host that is killed or cannot write, and what it lets go. */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hostConfig } from '../host/config.ts';
import { journalLines } from '../host/ledger/journal.ts';
import { Ledger } from '../host/ledger/ledger.ts';
import { ledgerPath, openLedgerDatabase } from '../host/ledger/ledger-database.ts';
import { LedgerThread } from '../host/ledger/ledger-thread.ts';
import { Retention } from '../host/ledger/retention.ts';
import { OUTCOMES, WARMTHS } from '../metering/execution.ts';
import { makeFormer } from './former-data.ts';
import { example } from './host-guests.ts';
import { closeAll, closeLater, errorOf, scratchFolder, TestHost } from './host-kit.ts';
import { execution } from './records.ts';

let hello: Uint8Array;

beforeAll(async () => {
  hello = await example('hello');
});

afterEach(closeAll);

const US_PER_DAY = 86_400_000_000;

const noError = (error: unknown): void => expect(error).toBeUndefined();

function open(dataDir: string, onInternal = noError): Ledger {
  const ledger = Ledger.open(dataDir, onInternal);
  const close = ledger.close.bind(ledger);
  let closed: Promise<void> | undefined;
  ledger.close = () => {
    closed ??= close();
    return closed;
  };
  closeLater(() => ledger.close());
  return ledger;
}

/** One entry a microsecond, every thousandth of them of `rare`. */
async function fill(ledger: Ledger, count: number): Promise<Ledger> {
  const appended = Array.from({ length: count }, (_zero, index) => {
    const functionName = index % 1_000 === 0 ? 'rare' : 'common';
    return ledger.append(execution({ functionName, arrivedAtUs: index }), '');
  });
  await Promise.all(appended);
  return ledger;
}

async function countOf(ledger: Ledger, filter: Parameters<Ledger['read']>[0] = {}): Promise<number> {
  let count = 0;
  for await (const chunk of ledger.read(filter)) count += chunk.length;
  return count;
}

const arrivals = async (ledger: Ledger): Promise<number[]> =>
  (await ledger.newest({}, 100)).map(({ arrivedAtUs }) => arrivedAtUs);

describe('the ledger', () => {
  test.each([
    ['in a data folder', async () => open(await scratchFolder())],
    ['in memory', async () => Ledger.inMemory()],
  ])(
    '%s finds the same entries by function, by time and by both, forwards and backwards',
    async (_where, made) => {
      const ledger = await made();
      expect(await ledger.newest({}, 5)).toEqual([]);
      await fill(ledger, 9_000);
      for (const [filter, count] of [
        [{}, 9_000],
        [{ functionName: 'rare' }, 9],
        [{ functionName: 'nobody' }, 0],
        [{ fromUs: 1_000, toUs: 3_001 }, 2_001],
        [{ functionName: 'rare', fromUs: 1_000, toUs: 3_001 }, 3],
      ] as const) {
        expect(await countOf(ledger, filter)).toBe(count);
        expect(await ledger.newest(filter, 10_000)).toHaveLength(count);
      }
      const rare = await ledger.newest({ functionName: 'rare' }, 3, 7_001);
      expect(rare.map(({ id }) => id)).toEqual([6_001, 5_001, 4_001]);
    },
  );

  test('gives any record back as it was, by whichever thread it came into the database', async () => {
    const dataDir = await scratchFolder();
    const ledger = open(dataDir);
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    const amount = fc.maxSafeNat();
    const records = fc.record({
      functionName: text,
      version: text,
      arrivedAtUs: amount,
      queueUs: amount,
      startupUs: amount,
      runUs: amount,
      cpuUs: amount,
      fuelUsed: amount,
      memoryBytesPeak: amount,
      memoryBytesLimit: amount,
      bytesIn: amount,
      bytesOut: amount,
      httpStatus: amount,
      outcome: fc.constantFrom(...OUTCOMES),
      warmth: fc.constantFrom(...WARMTHS),
    });
    const groups = fc.array(fc.tuple(records, text), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(groups, async (group) => {
        const ids = await Promise.all(group.map(([record, log]) => ledger.append(record, log)));
        const read = await ledger.newest({}, group.length);
        expect(read.reverse()).toEqual(group.map(([record, log], at) => ({ id: ids[at], ...record, log })));
      }),
      { numRuns: 60 },
    );
    const all = await ledger.newest({}, 1_000);
    await ledger.close();
    expect(await open(dataDir).newest({}, 1_000)).toEqual(all);
  });

  test('finds what was just written at any time, also when much is written and read at once', async () => {
    const dataDir = await scratchFolder();
    const ledger = open(dataDir);
    const log = 'what a guest writes '.repeat(20);
    for (let round = 1; round <= 60; round++) {
      await Promise.all(Array.from({ length: 500 }, () => ledger.append(execution({}), log)));
      const [counted] = await Promise.all([countOf(ledger), ledger.newest({}, 10)]);
      expect(counted).toBe(500 * round);
    }
    // Reading keeps neither the journal nor the log of SQLite from being used up: 15 MB went through them.
    expect((await readFile(`${ledgerPath(dataDir)}-wal`)).length).toBeLessThan(8_000_000);
    expect((await readdir(join(dataDir, 'journal'))).length).toBeLessThan(3);
  });

  test('keeps large logs', async () => {
    const ledger = open(await scratchFolder());
    const logs = Array.from({ length: 5 }, (_zero, at) => `${at}\u0000"é😀`.repeat(100_000));
    await Promise.all(logs.map((log) => ledger.append(execution({}), log)));
    expect((await ledger.newest({}, 9)).map(({ log }) => log).reverse()).toEqual(logs);
  });
});

describe('the journal of a ledger', () => {
  /** A data folder as a host leaves it that was killed, with these entries in the journal alone. */
  async function killed(count: number): Promise<string> {
    const dataDir = await scratchFolder();
    const ledger = open(dataDir);
    await fill(ledger, count);
    const copy = await scratchFolder();
    await rm(copy, { recursive: true });
    await mkdir(join(copy, 'journal'), { recursive: true });
    for (const file of await readdir(join(dataDir, 'journal')))
      await writeFile(join(copy, 'journal', file), await readFile(join(dataDir, 'journal', file)));
    return copy;
  }

  test('is taken in when the next host starts, and ids count on', async () => {
    const dataDir = await killed(30);
    const ledger = open(dataDir);
    expect(await countOf(ledger)).toBe(30);
    // Those that were set aside are left out, since some of them may have been given.
    expect(await ledger.append(execution({}), '')).toBe(10_001);
    await ledger.close();
    expect(await readdir(join(dataDir, 'journal'))).toEqual([]);
    expect(await open(dataDir).append(execution({}), '')).toBe(10_002);
  });

  test('is taken in once, however far a host came with it', async () => {
    const dataDir = await killed(30);
    const kept = await readFile(join(dataDir, 'journal', '1.jsonl'));
    const ledger = open(dataDir);
    await ledger.close();
    await writeFile(join(dataDir, 'journal', '1.jsonl'), kept);
    expect(await countOf(open(dataDir))).toBe(30);
  });

  test('may end in the middle of a line, or have lost one with the power', async () => {
    const dataDir = await killed(3);
    const file = join(dataDir, 'journal', '1.jsonl');
    const [ids, entries] = (await readFile(file, 'utf8')).split('\n');
    const next = JSON.stringify((JSON.parse(entries!) as unknown[]).slice(0, 17).with(0, 4));
    await writeFile(file, [ids, entries, '\0\0\0', next, next.slice(0, 30)].join('\n'));
    const ledger = open(dataDir);
    expect((await ledger.newest({}, 9)).map(({ id }) => id)).toEqual([4, 3, 2, 1]);
    expect(await ledger.append(execution({}), '')).toBe(10_001);
  });

  test('has nothing of a line for which there was no room, and every other', async () => {
    const folder = await scratchFolder();
    const script = join(import.meta.dirname, 'journal-child.ts');
    // No file may be longer than 16 blocks, of 512 or 1024 bytes.
    const limited = ['-c', 'ulimit -f 16 && exec "$@"', 'sh', process.execPath, script, folder];
    const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
    expect(stderr).toBe('');
    const { written, refused } = JSON.parse(stdout) as { written: number[]; refused: number[] };
    // Short ones still fit where a long one has not.
    expect(Math.max(...written)).toBeGreaterThan(Math.min(...refused));
    expect(journalLines(folder, 1, 0).lines.map((line) => JSON.parse(line)[0])).toEqual(written);
  });

  test('that cannot be written fails what waits for it, and goes on when it can', async () => {
    const host = await TestHost.start();
    await host.deploy('hello', hello);
    const [journal, away] = [join(host.dataDir, 'journal'), join(host.dataDir, 'away')];
    await rename(journal, away);
    const answer = await host.call('/f/hello');
    expect(errorOf(answer)).toMatchObject({ code: 'internal', fault: 'system' });
    expect(answer.text).not.toMatch(/Hello|journal/);
    expect(String(host.internalErrors[0])).toMatch(/ENOENT/);
    await rename(away, journal);
    const { headers } = await host.call('/f/hello');
    expect((await host.executions()).map(({ id }) => id)).toEqual([Number(headers['x-ebb-execution'])]);
  });
});

describe('the thread of a ledger', () => {
  test('that dies fails what it was asked, and the next question starts another', async () => {
    const folder = await scratchFolder();
    const start = { path: ledgerPath(folder), journal: folder };
    await mkdir(start.path);
    const thread = new LedgerThread(start);
    const refusals = await Promise.allSettled([thread.ask('takeIn'), thread.ask('takeIn')]);
    for (const one of refusals)
      expect(String((one as PromiseRejectedResult).reason)).toMatch(
        /thread that writes the ledger has died: .*unable to open/s,
      );
    expect(thread.isAwake).toBe(false);
    await rm(start.path, { recursive: true });
    await thread.ask('takeIn');
    expect(thread.isAwake).toBe(true);
    await thread.close();
    expect(thread.isAwake).toBe(false);
  });

  test('tells what the database says, and answers the next question', async () => {
    const folder = await scratchFolder();
    const database = openLedgerDatabase(ledgerPath(folder));
    const thread = new LedgerThread({ path: ledgerPath(folder), journal: folder });
    await thread.ask('takeIn');
    database.exec('DROP TABLE executions');
    const sweep = { fromId: 1, arrivedBeforeUs: 1, deletedMax: 1 };
    await expect(thread.ask(sweep)).rejects.toThrow(/no such table.*SQLITE_ERROR/);
    await thread.ask('takeIn');
    await thread.close();
    database.close();
  });
});

describe('a data folder of a former Ebb', () => {
  /** With five executions, of which the second is left out. */
  async function former(schema: number, copied?: number): Promise<{ dataDir: string; before: unknown }> {
    const dataDir = await scratchFolder();
    const host = await TestHost.start({ dataDir });
    await host.deploy('hello', hello);
    for (let count = 0; count < 5; count++) {
      if (count === 1) host.running.host.ledger.reserveId();
      else await host.call('/f/hello');
    }
    const before = await host.executions();
    await host.stop();
    makeFormer(dataDir, schema, copied);
    return { dataDir, before };
  }

  test.each([1, 2, 3, 4, 5, 6, 7])('(schema %i) is taken over with all that it has', async (schema) => {
    const { dataDir, before } = await former(schema);
    const host = await TestHost.start({ dataDir });
    expect(await host.executions()).toEqual(before);
    expect((await host.call('/f/hello')).headers['x-ebb-execution']).toBe('6');
    expect(host.internalErrors).toEqual([]);
  });

  test.each([0, 3, 5])(
    'is taken over whole after a host that was killed with %i ids copied',
    async (copied) => {
      const { dataDir, before } = await former(7, copied);
      const host = await TestHost.start({ dataDir });
      expect(await host.executions()).toEqual(before);
      expect((await host.call('/f/hello')).headers['x-ebb-execution']).toBe('6');
    },
  );

  test('that a newer one has written is refused', async () => {
    const dataDir = await scratchFolder();
    const database = openLedgerDatabase(ledgerPath(dataDir));
    database.pragma('user_version = 99');
    database.close();
    const refusal = { code: 'data-dir-unusable', message: expect.stringMatching(/newer Ebb/) };
    await expect(TestHost.start({ dataDir })).rejects.toMatchObject(refusal);
    await rm(ledgerPath(dataDir));
    await TestHost.start({ dataDir });
  });
});

describe('a sweep', () => {
  const sweepOf = (fromId: number, arrivedBeforeUs: number, deletedMax: number) => ({
    fromId,
    arrivedBeforeUs,
    deletedMax,
  });

  test('deletes the oldest, so many at a time, and never the newest', async () => {
    const ledger = await fill(Ledger.inMemory(), 10);
    expect(await ledger.sweep(sweepOf(0, 7, 5))).toEqual({ deleted: 5, nextId: 1 });
    expect(await ledger.sweep(sweepOf(0, 7, 5))).toMatchObject({ deleted: 2 });
    expect(await arrivals(ledger)).toEqual([9, 8, 7]);
    expect(await ledger.sweep(sweepOf(0, US_PER_DAY, 100))).toMatchObject({ deleted: 2 });
    const entries = await ledger.newest({}, 100);
    expect(entries.map(({ id }) => id)).toEqual([10]);
    expect(await ledger.append(entries[0]!, '')).toBe(11);
    expect(await countOf(ledger)).toBe(2);
  });

  test('looks at a bounded number of ids, says where to go on, and when it was at the end', async () => {
    const ledger = await fill(Ledger.inMemory(), 5_000);
    await ledger.append(execution({ arrivedAtUs: 1 }), '');
    await ledger.append(execution({ arrivedAtUs: 9_000 }), '');
    const visited: unknown[] = [];
    let from: number | undefined = 1;
    while (from !== undefined) {
      const swept: { deleted: number; nextId: number | undefined } = await ledger.sweep(sweepOf(from, 2, 10));
      visited.push(swept);
      from = swept.nextId;
    }
    expect(visited).toEqual([
      { deleted: 2, nextId: 2_001 },
      { deleted: 0, nextId: 4_001 },
      { deleted: 1, nextId: 6_001 },
      { deleted: 0, nextId: undefined },
    ]);
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

  test('is not held back by entries from when the clock was ahead', async () => {
    const ledger = Ledger.inMemory();
    const late = Array.from({ length: 4_500 }, () =>
      ledger.append(execution({ arrivedAtUs: 9 * US_PER_DAY }), ''),
    );
    const old = Array.from({ length: 500 }, () => ledger.append(execution({ arrivedAtUs: 1 }), ''));
    await Promise.all([...late, ...old, ledger.append(execution({ arrivedAtUs: 3 * US_PER_DAY }), '')]);
    const world = { nowMs: () => (2 * US_PER_DAY) / 1_000, onInternal: noError };
    const retention = new Retention(ledger, 1, world);
    while ((await countOf(ledger)) > 4_501);
    expect(await countOf(ledger, { toUs: US_PER_DAY })).toBe(0);
    retention.close();
  });

  test('tells of what it could not delete', async () => {
    const told: unknown[] = [];
    const ledger = { sweep: () => Promise.reject(new Error('the disk is full')) };
    const world = { nowMs: () => 0, onInternal: (error: unknown) => told.push(error) };
    const retention = new Retention(ledger, 1, world);
    while (told.length === 0) await new Promise((resolve) => setImmediate(resolve));
    retention.close();
    expect(told.map(String)).toEqual(['Error: the disk is full']);
  });

  test('is a whole number of days', () => {
    expect(() => hostConfig({ retentionDays: -1 })).toThrow(/retentionDays: .*from 0 to 36500 \(days\)/);
  });
});
