/** What a host goes through when it starts: its threads are awake for the first request, and nothing is left of it. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, test } from 'vitest';
import { toComponent } from '../guests/component.ts';
import { rehearsalGuest } from '../host/rehearsal/guest.ts';
import { socketPair } from '../host/rehearsal/socket-pair.ts';
import { example } from './host-guests.ts';
import { closeAll, scratchFolder, signalled, TestHost } from './host-kit.ts';
import { checked, openPool, orderOf } from './pool-kit.ts';
import { runEvents } from './run-kit.ts';

const root = join(import.meta.dirname, '..');

afterEach(closeAll);

/** Every file of a data folder that guests' code could lie in, and every row of its databases. */
async function contentOf(dataDir: string): Promise<unknown> {
  const files = (await readdir(dataDir, { recursive: true })).filter(
    (path) => !/^(ebb|ledger)\.sqlite/.test(path),
  );
  return {
    files: files.sort(),
    rows: ['ebb.sqlite', 'ledger.sqlite'].map((name) => rowsOf(join(dataDir, name))),
  };
}

function rowsOf(path: string): unknown {
  const database = new Database(path, { readonly: true });
  const tables = database.prepare<[], { name: string }>(
    `SELECT name FROM sqlite_schema WHERE type = 'table'`,
  );
  const rows = tables.all().map(({ name }) => [name, database.prepare(`SELECT * FROM ${name}`).all()]);
  database.close();
  return rows;
}

describe('a host that has started', () => {
  test('has run the guest of the rehearsal on its threads, and nobody can tell', async () => {
    const host = await TestHost.start();
    expect(await host.running.rehearsed).toBe(true);
    expect(await host.executions()).toEqual([]);
    expect(await host.get('/v1/usage')).toEqual({ functions: [] });
    expect(await host.get('/v1/functions')).toEqual({ functions: [] });
    expect(await host.get('/healthz')).toEqual({ status: 'ok', functions: 0 });
    expect(host.running.host.ledger.idsGiven).toBe(0);
    expect(host.internalErrors).toEqual([]);
    expect((await host.call('/f/(rehearsal)/')).status).toBe(404);
  });

  test('gives its first execution the first id, cold', async () => {
    const host = await TestHost.start();
    await host.running.rehearsed;
    await host.deploy('hello', await example('hello'));
    await host.call('/f/hello/');
    expect(await host.executions()).toMatchObject([{ id: 1, functionName: 'hello', warmth: 'cold' }]);
  });

  test('leaves its data folder as it was', async () => {
    const dataDir = await scratchFolder();
    const first = await TestHost.start({ dataDir });
    await first.deploy('hello', await example('hello'));
    await first.call('/f/hello/');
    await first.stop();
    const before = await contentOf(dataDir);
    const second = await TestHost.start({ dataDir });
    expect(await second.running.rehearsed).toBe(true);
    await second.stop();
    expect(await contentOf(dataDir)).toEqual(before);
  });

  test('answers requests that come during the rehearsal, though it has one thread and lets nobody wait', async () => {
    const dataDir = await scratchFolder();
    const settings = { dataDir, workers: 1, queueLimit: 0 };
    const first = await TestHost.start(settings);
    await first.deploy('hello', await example('hello'));
    await first.stop();
    const host = await TestHost.start(settings);
    let isOver = false;
    const rehearsed = host.running.rehearsed.then((went) => {
      isOver = true;
      return went;
    });
    const statuses = [];
    do statuses.push((await host.call('/f/hello/')).status);
    while (!isOver);
    expect(new Set(statuses)).toEqual(new Set([200]));
    await rehearsed;
    expect((await host.executions()).length).toBe(statuses.length);
  });

  test('ends cleanly when it is stopped during the rehearsal, and its next start is as any', async () => {
    const dataDir = await scratchFolder();
    const host = await TestHost.start({ dataDir });
    const stopped = host.stop();
    expect(await host.running.rehearsed).toBe(false);
    expect(await stopped).toBe(true);
    expect(host.internalErrors).toEqual([]);
    expect(await (await TestHost.start({ dataDir })).running.rehearsed).toBe(true);
  });
});

describe('a rehearsal of threads', () => {
  test('runs once on each of them, tells of the first, and leaves them ready', async () => {
    const hello = await checked('hello');
    const pool = openPool(3);
    const heads: number[] = [];
    const events = { ...runEvents(), onHead: ({ status }: { status: number }) => heads.push(status) };
    const order = { ...orderOf('hello', '/'), events };
    expect(await pool.rehearse(hello, order)).toMatchObject({ outcome: 'ok' });
    expect(heads).toEqual([200]);
    expect(await pool.rehearse(hello, orderOf('hello', '/'))).toMatchObject({ outcome: 'ok' });
    expect(await pool.run(hello, orderOf('hello', '/'))).toMatchObject({ outcome: 'ok' });
  });

  test('leaves a thread alone that somebody waits for', async () => {
    const hello = await checked('hello');
    const pool = openPool(1);
    const waiting = pool.run(hello, orderOf('hello', '/'));
    await expect(pool.rehearse(hello, orderOf('rehearsal', '/'))).rejects.toMatchObject({
      code: 'host-draining',
    });
    expect(await waiting).toMatchObject({ outcome: 'ok' });
  });

  test('lets in what comes meanwhile as a thread does that is still starting', async () => {
    const burn = await checked('burn');
    const pool = openPool(1, 0);
    const began = signalled();
    const events = { ...runEvents(), onStart: () => began.happens() };
    const rehearsed = pool.rehearse(burn, { ...orderOf('rehearsal', '/fib/1'), events });
    await began.happened;
    const run = pool.run(burn, orderOf('burn', '/fib/1'));
    expect(await rehearsed).toMatchObject({ outcome: 'ok' });
    expect(await run).toMatchObject({ outcome: 'ok' });
  });

  test('ends with the pool', async () => {
    const burn = await checked('burn');
    const pool = openPool(1);
    const began = signalled();
    const events = { ...runEvents(), onStart: () => began.happens() };
    const rehearsed = pool.rehearse(burn, { ...orderOf('rehearsal', '/spin'), events });
    await began.happened;
    await pool.close();
    expect(['rejected', 'interrupted']).toContain((await rehearsed).outcome);
  });

  test('ends for threads that have not begun when nobody asks for it any more', async () => {
    const hello = await checked('hello');
    const pool = openPool(1);
    const gone = new AbortController();
    const rehearsed = pool.rehearse(hello, { ...orderOf('rehearsal', '/'), signal: gone.signal });
    gone.abort();
    await expect(rehearsed).rejects.toMatchObject({ code: 'host-draining' });
    expect(await pool.run(hello, orderOf('hello', '/'))).toMatchObject({ outcome: 'ok' });
  });

  test('is refused by a pool that is closed', async () => {
    const hello = await checked('hello');
    const pool = openPool(1);
    await pool.close();
    await expect(pool.rehearse(hello, orderOf('rehearsal', '/'))).rejects.toMatchObject({
      code: 'host-draining',
    });
  });
});

describe('the guest of rehearsals', () => {
  test('is the component that its text makes', async () => {
    const core = await parse(await readFile(join(root, 'host/rehearsal/guest.wat'), 'utf8'));
    expect(Buffer.from(rehearsalGuest())).toEqual(Buffer.from(await toComponent(core)));
  });
});

describe('a pair of sockets', () => {
  const open = new AbortController().signal;

  test('are the two ends of one connection', async () => {
    const [near, far] = await socketPair(open);
    const [here, there] = [once(near, 'data'), once(far, 'data')];
    near.write('to the far end');
    far.write('to the near end');
    expect([String(await there), String(await here)]).toEqual(['to the far end', 'to the near end']);
    near.end();
    await once(far, 'end');
    far.end();
  });

  test('are not made for somebody who has gone', async () => {
    await expect(socketPair(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });
});
