/** Fuel: the same request uses the same on every run, thread and host; what has too little of it ends there. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AdminClient } from '../cli/admin-client.ts';
import { billByBook } from '../cli/bill-by-book.ts';
import { hostConfig } from '../host/config.ts';
import { checkCanHave, effectiveSettings } from '../host/function-settings.ts';
import { simulate } from '../simulator/run.ts';
import { readTraceFile } from '../simulator/traces/file.ts';
import { makeFormer } from './former-data.ts';
import { fuelBook } from './fuel-book.ts';
import { example, guestOf } from './host-guests.ts';
import { closeAll, errorOf, scratchFolder, TestHost, upstream } from './host-kit.ts';

let burn: Uint8Array;
let echo: Uint8Array;

beforeAll(async () => {
  [burn, echo] = [await example('burn'), await example('echo')];
});

afterEach(closeAll);

const MUCH = 10 ** 12;

/** The fuel of its executions, which has to be one number. */
async function onlyFuelOf(host: TestHost, name: string): Promise<number> {
  const used = new Set((await host.executions(`&function=${name}`)).map(({ fuelUsed }) => fuelUsed));
  expect([...used]).toHaveLength(1);
  return [...used][0] as number;
}

describe('the fuel of a request', () => {
  test('is the same in every thread, cold or compiled before, optimised or not, and on another host', async () => {
    const used: number[] = [];
    for (const workers of [1, 3]) {
      const host = await TestHost.start({ workers });
      await host.deploy('burn', burn, { fuelLimit: MUCH });
      await host.deploy('echo', echo, { fuelLimit: MUCH });
      const body = 'x'.repeat(5_000);
      const calls = Array.from({ length: 40 }, (_zero, index) =>
        index % 2 === 0 ? host.call('/f/burn/fib/18') : host.call('/f/echo', { method: 'POST', body }),
      );
      for (const answer of await Promise.all(calls)) expect(answer.status).toBe(200);
      used.push(await onlyFuelOf(host, 'burn'), await onlyFuelOf(host, 'echo'));
    }
    expect(used.slice(2)).toEqual(used.slice(0, 2));
    expect(used[0]).toBeGreaterThan(4_181);
  });

  test('is its own where executions take turns in one thread', async () => {
    let asked = 0;
    const held: (() => void)[] = [];
    const COUNT = 12;
    // Nobody is answered before all have asked, so all guests are suspended at once.
    const origin = await upstream((_request, response) => {
      held.push(() => response.end('there'));
      if (++asked === COUNT) for (const answer of held.splice(0)) answer();
    });
    const host = await TestHost.start({ workers: 1, allowOutbound: [new URL(origin).host] });
    const waits = await guestOf(`import { fetch, OutboundRequest, Request, Response } from 'ebb';
export function handle(request: Request): Response {
  const given = request.query('n');
  const n = given ? I32.parseInt(given) : 0;
  let value = 1;
  for (let i = 0; i < n; i++) value = value * 31 + i;
  const answer = fetch(new OutboundRequest('${origin}/'));
  for (let i = 0; i < n; i++) value = value * 31 + i;
  return Response.text(answer.text() + value.toString());
}
`);
    await host.deploy('waits', waits, { fuelLimit: MUCH });
    await host.deploy('burn', burn, { fuelLimit: MUCH });
    const calls = Array.from({ length: COUNT }, (_zero, index) =>
      host.call(`/f/waits?n=${index % 2 === 0 ? 1_000 : 9_000}`),
    );
    // Another function runs in the same thread meanwhile.
    const burning = host.call('/f/burn/fib/15');
    for (const answer of await Promise.all([...calls, burning])) expect(answer.status).toBe(200);
    const used = (await host.executions('&function=waits')).map(({ fuelUsed }) => fuelUsed);
    const [less, more] = [...new Set(used)].sort((a, b) => a - b) as [number, number];
    expect(new Set(used)).toEqual(new Set([less, more]));
    expect(more - less).toBeGreaterThan(2 * 8_000);
  });

  test('is not counted where no limit is set, and stays 0', async () => {
    const host = await TestHost.start();
    await host.deploy('burn', burn);
    await host.call('/f/burn/fib/10');
    expect(await onlyFuelOf(host, 'burn')).toBe(0);
    expect(await host.get('/v1/usage')).toMatchObject({ functions: [{ fuelUsed: 0 }] });
  });

  test('is counted from the request on that comes after the setting, and no longer after it was taken back', async () => {
    const host = await TestHost.start();
    await host.deploy('burn', burn);
    await host.call('/f/burn/fib/10');
    await host.deploy('burn', burn, { fuelLimit: MUCH });
    await host.call('/f/burn/fib/10');
    await host.admin('/v1/functions/burn/settings', { method: 'DELETE' });
    await host.call('/f/burn/fib/10');
    const [last, second, first] = (await host.executions()).map(({ fuelUsed }) => fuelUsed);
    expect([last, first]).toEqual([0, 0]);
    expect(second).toBeGreaterThan(0);
    expect(await host.get('/v1/usage')).toMatchObject({ functions: [{ executions: 3, fuelUsed: second }] });
  });
});

describe('a limit of fuel', () => {
  test('ends a guest at the same place each time, and is named', async () => {
    const host = await TestHost.start({ workers: 2 });
    await host.deploy('burn', burn, { fuelLimit: 50_000 });
    expect((await host.call('/f/burn/fib/10')).status).toBe(200);
    const answers = await Promise.all([1, 2, 3].map(() => host.call('/f/burn/fib/30')));
    for (const answer of answers) {
      expect(answer.status).toBe(500);
      const { code, fault, message } = errorOf(answer);
      expect([code, fault]).toEqual(['guest-fuel-limit', 'guest']);
      expect(message).toBe('the guest used more fuel than its limit of 50000');
    }
    const ended = (await host.executions()).filter(({ outcome }) => outcome === 'fuel-limit');
    expect(ended).toHaveLength(3);
    expect(new Set(ended.map(({ fuelUsed }) => fuelUsed)).size).toBe(1);
    expect(ended[0]?.fuelUsed).toBeGreaterThan(50_000);
    // Between two looks there is at most one stretch of straight code.
    expect(ended[0]?.fuelUsed).toBeLessThan(60_000);
    expect((await host.call('/f/burn/fib/10')).status).toBe(200);
  });

  test('holds in generated code as well, where the same request uses the same', async () => {
    const host = await TestHost.start();
    const composed = await parse((await print(burn)).replace(/\)\s*$/, '(component (core module)))'));
    await host.deploy('burn', composed, { fuelLimit: 50_000 });
    expect(await host.get('/v1/functions/burn')).toMatchObject({ linking: 'generated' });
    for (let call = 0; call < 3; call++) expect((await host.call('/f/burn/fib/10')).status).toBe(200);
    expect(await onlyFuelOf(host, 'burn')).toBeGreaterThan(0);
    expect(errorOf(await host.call('/f/burn/fib/30')).code).toBe('guest-fuel-limit');
  });

  test('is refused for a component whose code cannot have checks', () => {
    const settings = effectiveSettings({ fuelLimit: 1 }, hostConfig());
    expect(() => checkCanHave(settings, { linking: 'direct', deadlines: 'thread' })).toThrow(
      'fuelLimit: expected code that can have checks, got a component that cannot',
    );
  });

  test('of the host is the ceiling and the default, under which everything is counted', async () => {
    const host = await TestHost.start({ fuelLimit: 1_000_000 });
    await host.deploy('burn', burn);
    await host.call('/f/burn/fib/10');
    expect(await onlyFuelOf(host, 'burn')).toBeGreaterThan(0);
    for (const fuelLimit of [0, 1_000_001]) {
      const body = JSON.stringify({ fuelLimit });
      const headers = { 'content-type': 'application/json' };
      const answer = await host.admin('/v1/functions/burn/settings', { method: 'PUT', headers, body });
      expect(errorOf(answer)).toMatchObject({
        code: 'settings-invalid',
        message: expect.stringMatching(/^fuelLimit: expected .* 1000000 .*got \d+$/) as string,
      });
    }
  });

  test.each([-1, 1.5, '5', 1e16])('is refused when it is %j', async (fuelLimit) => {
    const host = await TestHost.start();
    const query = `?settings=${encodeURIComponent(JSON.stringify({ fuelLimit }))}`;
    const answer = await host.put(`burn${query}`, burn);
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({
      code: 'settings-invalid',
      message: expect.stringMatching(/^fuelLimit: /) as string,
    });
  });
});

test('fuel is billed by the host and by the simulator alike, from what the host exports', async () => {
  const host = await TestHost.start();
  await host.deploy('burn', burn, { fuelLimit: MUCH });
  for (const path of ['/fib/10', '/fib/20', '/mandelbrot/60', '/trap']) await host.call(`/f/burn${path}`);
  const book = fuelBook();
  const bill = await billByBook(new AdminClient(host.running.adminUrl), {}, book, { freeTier: false });
  const file = join(await scratchFolder(), 'executions.jsonl');
  await writeFile(file, (await host.admin('/v1/executions/export')).body);
  const scenario = { platforms: ['functions'], keepAliveS: 0, coldStartMs: 'trace', prices: [book] } as const;
  const [replayed] = simulate(await readTraceFile(file), scenario).platforms;
  expect(bill.totalUsd).toBeGreaterThan(0);
  expect(replayed?.invoice).toEqual(bill.lines);
});

test('a ledger from before there was fuel is read, with none', async () => {
  const dataDir = await scratchFolder();
  const host = await TestHost.start({ dataDir });
  await host.deploy('burn', burn);
  await host.call('/f/burn/fib/10');
  await host.stop();
  makeFormer(dataDir, 4);
  const again = await TestHost.start({ dataDir });
  expect(await onlyFuelOf(again, 'burn')).toBe(0);
  // Ids count on from the newest one that such a ledger has.
  expect((await again.call('/f/burn/fib/10')).headers['x-ebb-execution']).toBe('2');
});
