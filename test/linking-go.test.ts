/** A guest in Go: its runtime starts with each request, has a collector and a scheduler, and sleeps by the adapter. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeNews, FakePort, FakeSource } from './fake-port.ts';
import { FilesFolder } from './files-kit.ts';
import { goComponent } from './go-guest.ts';
import { closeAll, errorOf, type Listed, TestHost } from './host-kit.ts';
import { type Ask, comparable, linkBoth, type Observed, type Runnable } from './linking-harness.ts';
import { recordOf, Talk } from './stream-kit.ts';

let component: Uint8Array;
let direct: Runnable;
let generated: Runnable;

beforeAll(async () => {
  component = await goComponent();
  ({ direct, generated } = await linkBoth(component));
});

/** Without what is of the collector's making: when it comes is the clock's to say, and how far the heap has grown by then. */
const alike = (seen: Observed): object => ({ ...comparable(seen), memoryBytes: 0 });

const STANDARD = 'year true, random true, args 0, env "", stdin 0, file true';

describe('Go', () => {
  test.each([
    ['a GET', { path: '/?a=b', headers: [['x-one', '1']] }, 'hello from Go'],
    ['what the standard library asks the host', { path: '/std' }, STANDARD],
    ['goroutines and a collector', { path: '/collect' }, '[8192000 8192000 8192000 8192000]'],
    ['goroutines that sleep', { path: '/wait' }, '30ms, waited true'],
  ] as const)(
    '%s: is answered alike in both ways, also where it can be suspended',
    async (_what, ask, body) => {
      const seen = direct.run(ask);
      const headers = ['content-type: text/plain', 'x-from: Go'];
      expect(seen).toMatchObject({ outcome: 'ok', status: 200, headers, body });
      expect(alike(generated.run(ask))).toEqual(alike(seen));
      expect(alike(await direct.runSuspendably(ask))).toEqual(alike(seen));
    },
  );

  test('reads a file of a folder that is opened for it, alike in both ways', () => {
    const folder = new FilesFolder();
    writeFileSync(join(folder.path, 'hostname'), 'here');
    const ask: Ask = { path: '/std', preopens: [{ ...folder.preopen, guestPath: '/etc' }] };
    for (const { run } of [direct, generated])
      expect(run(ask)).toMatchObject({ outcome: 'ok', body: STANDARD.replace('file true', 'file false') });
    expect(folder.openCount).toBe(0);
    folder.remove();
  });

  test('each request is the first of its instance, and what is printed is its log', () => {
    for (const { run } of [direct, generated])
      for (let round = 0; round < 3; round++)
        expect(run({ path: '/x', headers: [['x-one', '1']] })).toMatchObject({
          status: 404,
          log: '/x with 1 headers, request 1\n',
        });
  });

  test('a body flows back as it is, whatever is in it', async () => {
    const body = 'größer'.repeat(200_000);
    const ask: Ask = { method: 'POST', path: '/echo', body };
    const seen = direct.run(ask);
    const bytes = Buffer.from(body).toString('latin1');
    expect(seen).toMatchObject({ outcome: 'ok', status: 200, log: `${bytes.length} bytes\n` });
    expect(seen.body === bytes).toBe(true);
    for (const other of [generated.run(ask), await direct.runSuspendably(ask)])
      expect(other.body === bytes).toBe(true);
    expect(direct.run({ path: '/echo' })).toMatchObject({ status: 405, headers: ['allow: POST'], body: '' });
  });

  test('a body flows back while it comes, blocking or suspended', async () => {
    for (const canSuspend of [false, true]) {
      const requestBody = new FakeSource();
      const seenBefore: string[] = [];
      const next = (act: () => void) => () => {
        seenBefore.push(port.sink.text);
        act();
      };
      const events = [
        next(() => requestBody.push('one')),
        next(() => requestBody.push('two')),
        next(() => requestBody.end()),
      ];
      const port: FakePort = new FakePort({ requestBody, news: new FakeNews(events, canSuspend) });
      const ask: Ask = { method: 'POST', path: '/echo', port };
      const seen = canSuspend ? await direct.runSuspendably(ask) : direct.run(ask);
      expect(seen).toMatchObject({ outcome: 'ok', body: 'onetwo' });
      expect(seenBefore).toEqual(['', 'one', 'onetwo']);
    }
  });

  test.each([
    ['a panic', '/panic', 'trap', 'panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\n'],
    ['a deadlock', '/deadlock', 'trap', 'fatal error: all goroutines are asleep - deadlock!\n'],
    ['an exit', '/exit', 'exit', ''],
    ['more than its memory limit', '/hoard', 'trap', 'fatal error: out of memory\n'],
  ])('%s ends one request in both ways, with its message in the log', (_what, path, outcome, message) => {
    for (const { run } of [direct, generated]) {
      const seen = run({ path });
      expect(seen.outcome).toBe(outcome);
      expect(seen.log).toContain(message);
    }
    expect(direct.run()).toMatchObject({ outcome: 'ok', log: '/ with 0 headers, request 1\n' });
  });

  test('an instance that has served is made as new, however many pieces its data is in', () => {
    expect(direct.plan).toMatchObject({ linking: 'direct', deadlines: 'checks', isRenewable: true });
    // Of those that the collector does not come to: when it comes, and so how far they grow, is the clock's to say.
    const sizeOf = ({ run }: Runnable, path = '/') => run({ path }).memoryBytes;
    const fresh = sizeOf(generated);
    expect([1, 2, 3].map(() => sizeOf(direct))).toEqual([fresh, fresh, fresh]);
    expect([direct.pool.resting.count, direct.pool.count]).toEqual([1, 0]);
    expect(sizeOf(direct, '/collect')).toBeGreaterThan(fresh);
    expect(sizeOf(direct)).toBe(fresh);
  });
});

describe('a host', () => {
  afterAll(closeAll);

  test('serves a component in Go, ends what does not return, and records both', async () => {
    const host = await TestHost.start();
    await host.deploy('go', component, { timeLimitMs: 5_000, cpuLimitMs: 500 });
    expect(await host.call('/f/go/')).toMatchObject({
      status: 200,
      text: 'hello from Go',
      headers: { 'x-from': 'Go' },
    });
    expect((await host.call('/f/go/std')).text).toBe(STANDARD);
    for (const [path, status, code] of [
      ['/panic', 500, 'guest-trap'],
      ['/exit', 500, 'guest-exit'],
      ['/spin', 504, 'guest-time-limit'],
    ] as const) {
      const failed = await host.call(`/f/go${path}`);
      expect([failed.status, errorOf(failed).code]).toEqual([status, code]);
      expect((await host.call('/f/go/')).text).toBe('hello from Go');
    }
    const records = await host.executions();
    expect(records.map(({ outcome }) => outcome)).toEqual(
      ['ok', 'ok', 'trap', 'ok', 'exit', 'ok', 'time-limit', 'ok'].toReversed(),
    );
    for (const { log } of records.filter(({ outcome }) => outcome === 'ok'))
      expect(log).toContain('request 1\n');
    expect(records.find(({ outcome }) => outcome === 'trap')?.log).toContain(
      'panic: assignment to entry in nil map',
    );
    expect(host.internalErrors).toEqual([]);
  });

  test('lets bodies flow through Go in both directions at once', async () => {
    const host = await TestHost.start();
    await host.deploy('go', component);
    const talk = new Talk(host.publicUrl, '/f/go/echo');
    for (const piece of ['one', 'two']) {
      await talk.send(piece);
      expect(await talk.take(3)).toBe(piece);
    }
    const more = randomBytes(3_000_000);
    const sent = talk.send(more);
    talk.end();
    const { body, isWhole } = await talk.rest();
    await sent;
    expect([isWhole, createHash('sha256').update(body).digest('hex')]).toEqual([
      true,
      createHash('sha256').update(more).digest('hex'),
    ]);
    const record: Listed = await recordOf(host, await talk.executionId());
    const bytes = more.length + 6;
    expect(record).toMatchObject({ outcome: 'ok', bytesIn: bytes, bytesOut: bytes, log: `${bytes} bytes\n` });
  });

  test('counts its fuel, and keeps its state where instances serve again', async () => {
    const host = await TestHost.start({ workers: 1 });
    await host.deploy('go', component, { fuelLimit: 1_000_000_000, reuseRequests: 100 });
    for (let round = 0; round < 3; round++) expect((await host.call('/f/go/')).status).toBe(200);
    const records = (await host.executions()).toReversed();
    expect(records.map(({ warmth, log }) => [warmth, log])).toEqual([
      ['cold', '/ with 0 headers, request 1\n'],
      ['warm', '/ with 0 headers, request 2\n'],
      ['warm', '/ with 0 headers, request 3\n'],
    ]);
    for (const { fuelUsed } of records) expect(fuelUsed).toBeGreaterThan(1_000);
  });
});
