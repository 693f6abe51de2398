/** A guest in Rust, whose standard library uses more of WASI than wasi:http: as a component, and behind the adapter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeAll, TestHost } from './host-kit.ts';
import { comparable, linkBoth, type Runnable } from './linking-harness.ts';
import { adaptedRust, rustComponent } from './rust-guest.ts';

describe.each([
  ['a component for WASI 0.2', rustComponent],
  ['a module for preview 1 with the adapter', adaptedRust],
] as const)('Rust, %s', (_what, made) => {
  let direct: Runnable;
  let generated: Runnable;

  beforeAll(async () => {
    ({ direct, generated } = await linkBoth(await made()));
  });

  test.each([
    ['a GET', { path: '/a?b=c', headers: [['x-one', '1']] }],
    ['a POST', { path: '/', method: 'POST', body: 'größer'.repeat(20_000) }],
    ['a panic', { path: '/panic' }],
    ['an exit', { path: '/exit' }],
  ] as const)('%s is seen alike in both ways', (_case, ask) => {
    const seen = direct.run(ask);
    expect(comparable(seen)).toEqual(comparable(generated.run(ask)));
    expect(seen.outcome).toBe({ '/panic': 'trap', '/exit': 'exit' }[ask.path as string] ?? 'ok');
  });

  test('what it prints is its log, and each request is its first', async () => {
    for (let round = 0; round < 3; round++) {
      const seen = direct.run({ path: '/x', headers: [['x-one', '1']] });
      expect(seen).toMatchObject({ outcome: 'ok', status: 200, body: 'hello from Rust at /x: ' });
      expect(seen.log).toBe('/x with 1 headers\n0 bytes after 0 s\n');
    }
    expect(await direct.runSuspendably({ path: '/x' })).toMatchObject({ outcome: 'ok' });
  });

  test('each request finds the memory of a new instance, whose memory grows', () => {
    const seen = [1, 2, 3].map(() => direct.run({ path: '/x' }).memoryBytes);
    expect(new Set(seen)).toEqual(new Set([generated.run({ path: '/x' }).memoryBytes]));
    expect(direct.plan).toMatchObject({ linking: 'direct', deadlines: 'checks', isRenewable: true });
    expect([direct.pool.resting.count, direct.pool.count]).toEqual([1, 0]);
  });
});

describe('a host', () => {
  afterAll(closeAll);

  test('serves a component in Rust as its compiler made it', async () => {
    const host = await TestHost.start();
    await host.deploy('rust', await rustComponent());
    const answer = await host.call('/f/rust/over?http', { method: 'POST', body: 'straße' });
    expect([answer.status, answer.text]).toEqual([200, 'hello from Rust at /over?http: STRASSE']);
    expect((await host.call('/f/rust/panic')).status).toBe(500);
    expect((await host.call('/f/rust/')).text).toBe('hello from Rust at /: ');
    const records = await host.executions();
    expect(records.map(({ outcome, bytesIn }) => [outcome, bytesIn])).toEqual([
      ['ok', 0],
      ['trap', 0],
      ['ok', 7],
    ]);
    expect(records[1]?.log).toContain('asked to');
  });
});
