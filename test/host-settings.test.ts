/** What a function may set for itself: checked against its host, kept through everything, and held to. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ebb as runEbb } from './cli-kit.ts';
import { CORNERS, example, guestOf, plain, saying } from './host-guests.ts';
import { type Answer, closeAll, errorOf, TestHost, upstream } from './host-kit.ts';

let hello: Uint8Array;
let burn: Uint8Array;
let corners: Uint8Array;

beforeAll(async () => {
  [hello, burn, corners] = [await example('hello'), await example('burn'), await guestOf(CORNERS)];
});

afterEach(closeAll);

interface Shown {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly own: Readonly<Record<string, unknown>>;
}

function setSettings(host: TestHost, name: string, settings: unknown): Promise<Answer> {
  const body = typeof settings === 'string' ? settings : JSON.stringify(settings);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return host.admin(`/v1/functions/${name}/settings`, { method: 'PUT', headers, body });
}

/** Sets what has to be accepted. */
async function have(host: TestHost, name: string, settings: unknown): Promise<Shown> {
  const answer = await setSettings(host, name, settings);
  expect(answer.text).toMatch(/"settings"/);
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text) as Shown;
}

async function hostWith(
  name: string,
  component: Uint8Array,
  settings: Parameters<typeof TestHost.start>[0] = {},
): Promise<TestHost> {
  const host = await TestHost.start(settings);
  await host.deploy(name, component);
  return host;
}

describe('the settings of a function', () => {
  test('are those of its host until it has its own, and again after they were reset', async () => {
    const host = await hostWith('hello', hello, { timeLimitMs: 4_000, memoryMb: 64 });
    const before = await host.get<Shown>('/v1/functions/hello/settings');
    expect(before).toMatchObject({ settings: { timeLimitMs: 4_000, memoryMb: 64 }, own: {} });
    const after = await have(host, 'hello', { memoryMb: 32 });
    expect(after).toMatchObject({ settings: { timeLimitMs: 4_000, memoryMb: 32 }, own: { memoryMb: 32 } });
    expect(await host.get('/v1/functions/hello/settings')).toEqual(after);
    expect(await host.get('/v1/functions/hello')).toMatchObject({ settings: after.settings });
    const reset = await host.admin('/v1/functions/hello/settings', { method: 'DELETE' });
    expect(JSON.parse(reset.text)).toEqual(before);
  });

  test('are given all at once: what is left out goes back to the host’s', async () => {
    const host = await hostWith('hello', hello);
    await have(host, 'hello', { memoryMb: 32 });
    expect((await have(host, 'hello', { logKb: 1 })).own).toEqual({ logKb: 1 });
  });

  test('survive new versions and restarts, and end with the function', async () => {
    const host = await hostWith('f', hello);
    await have(host, 'f', { memoryMb: 32, logKb: 1 });
    await host.deploy('f', await saying('second'));
    await host.stop();
    const again = await TestHost.start({ dataDir: host.dataDir });
    expect((await again.get<Shown>('/v1/functions/f/settings')).own).toEqual({ memoryMb: 32, logKb: 1 });
    await again.admin('/v1/functions/f', { method: 'DELETE' });
    await again.deploy('f', hello);
    expect((await again.get<Shown>('/v1/functions/f/settings')).own).toEqual({});
  });

  test('come down with those of a host that gives less than before', async () => {
    const host = await hostWith('f', hello, { timeLimitMs: 9_000 });
    await have(host, 'f', { timeLimitMs: 8_000 });
    await host.stop();
    const less = await TestHost.start({ dataDir: host.dataDir, timeLimitMs: 5_000 });
    expect(await less.get('/v1/functions/f/settings')).toMatchObject({
      settings: { timeLimitMs: 5_000 },
      own: { timeLimitMs: 8_000 },
    });
  });

  test('above the host’s are refused with both numbers, with every other fault at once', async () => {
    const host = await hostWith('hello', hello, { timeLimitMs: 4_000 });
    const answer = await setSettings(host, 'hello', {
      timeLimitMs: 4_001,
      memoryMb: 0,
      responseMb: 1.5,
      logKB: 1,
      toString: 1,
    });
    expect(answer.status).toBe(400);
    const { code, fault, details } = errorOf(answer);
    expect({ code, fault }).toEqual({ code: 'settings-invalid', fault: 'user' });
    expect(details?.faults).toEqual([
      'timeLimitMs: expected at most 4000 (ms), the setting of this host, got 4001',
      'memoryMb: expected a whole number from 1 to 128 (MB), got 0',
      'responseMb: expected a whole number from 0 to 10 (MB), got 1.5',
      expect.stringMatching(/^logKB: expected one of .*\(did you mean logKb\?\)$/),
      expect.stringMatching(/^toString: expected one of /),
    ]);
    expect((await host.get<Shown>('/v1/functions/hello/settings')).own).toEqual({});
  });

  test('are refused when they are not an object of settings', async () => {
    const host = await hostWith('hello', hello);
    for (const text of ['', '{', '[]', '7', 'null', '{"__proto__": 1}']) {
      const answer = await setSettings(host, 'hello', text);
      expect([text, answer.status, errorOf(answer).code]).toEqual([text, 400, 'settings-invalid']);
    }
  });

  test('are refused with another content type, for nobody, under other methods and when they are too long', async () => {
    const host = await hostWith('hello', hello);
    const path = '/v1/functions/hello/settings';
    const asText = await host.admin(path, { method: 'PUT', body: '{}', headers: { 'content-length': 2 } });
    expect([asText.status, errorOf(asText).code]).toEqual([415, 'content-type-unsupported']);
    for (const method of ['GET', 'DELETE']) {
      const answer = await host.admin('/v1/functions/nobody/settings', { method });
      expect([answer.status, errorOf(answer).code]).toEqual([404, 'function-unknown']);
    }
    expect((await setSettings(host, 'nobody', {})).status).toBe(404);
    const posted = await host.admin(path, { method: 'POST' });
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, PUT, DELETE']);
    const long = await setSettings(host, 'hello', `{${' '.repeat(300_000)}}`);
    expect([long.status, errorOf(long).code]).toEqual([413, 'request-too-large']);
  });

  test('with a memory that the component does not fit are refused, and so is such a component', async () => {
    const large = await plain({ memory: '40' });
    const host = await hostWith('large', large);
    const answer = await setSettings(host, 'large', { memoryMb: 2 });
    expect(errorOf(answer)).toMatchObject({
      code: 'settings-invalid',
      message: expect.stringMatching(/memoryMb: 2 .*at most 32 pages.*got 40 pages/),
    });
    expect((await host.call('/f/large')).text).toBe('ok');
    await host.deploy('small', hello);
    await have(host, 'small', { memoryMb: 2 });
    expect(errorOf(await host.put('small', large)).code).toBe('component-invalid');
    expect((await host.call('/f/small')).text).toBe('Hello from Ebb\n');
  });
});

describe('a deploy', () => {
  const deployWith = (host: TestHost, name: string, settings: string) =>
    host.admin(`/v1/functions/${name}?settings=${encodeURIComponent(settings)}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/wasm', 'content-length': hello.length },
      body: hello,
    });

  test('may change settings with it, of the same bytes too, and keeps the others', async () => {
    const host = await TestHost.start();
    const first = await deployWith(host, 'f', '{"memoryMb": 32}');
    expect(first.status).toBe(201);
    expect(JSON.parse(first.text)).toMatchObject({ settings: { memoryMb: 32 } });
    const second = await deployWith(host, 'f', '{"logKb": 2}');
    expect(second.status).toBe(200);
    expect((await host.get<Shown>('/v1/functions/f/settings')).own).toEqual({ memoryMb: 32, logKb: 2 });
    await host.deploy('f', await saying('other'));
    expect((await host.get<Shown>('/v1/functions/f/settings')).own).toEqual({ memoryMb: 32, logKb: 2 });
  });

  test('with wrong settings or another parameter deploys nothing', async () => {
    const host = await TestHost.start();
    expect(errorOf(await deployWith(host, 'f', '{"memoryMb": 9999}')).code).toBe('settings-invalid');
    const other = await host.admin('/v1/functions/f?setting={}', {
      method: 'PUT',
      headers: { 'content-type': 'application/wasm', 'content-length': hello.length },
      body: hello,
    });
    expect([other.status, errorOf(other).code]).toEqual([400, 'query-invalid']);
    expect(await host.get('/v1/functions')).toEqual({ functions: [] });
  });
});

describe('a function is held to its own', () => {
  test('time limit, from the next request on', async () => {
    const host = await hostWith('burn', burn, { timeLimitMs: 600_000 });
    await have(host, 'burn', { timeLimitMs: 300 });
    const answer = await host.call('/f/burn/spin');
    expect(answer.status).toBe(504);
    expect(errorOf(answer)).toMatchObject({
      code: 'guest-time-limit',
      message: expect.stringMatching(/300 ms/),
    });
  });

  test('memory, which is the limit that its executions are recorded with; a twin keeps its own', async () => {
    const host = await hostWith('burn', burn);
    await host.deploy('twin', burn);
    await have(host, 'burn', { memoryMb: 8 });
    for (let count = 0; count < 2; count++) {
      expect((await host.call('/f/burn/alloc/20')).status).toBe(500);
      expect((await host.call('/f/twin/alloc/20')).status).toBe(200);
    }
    await have(host, 'burn', { memoryMb: 64 });
    expect((await host.call('/f/burn/alloc/20')).status).toBe(200);
    const limits = (await host.executions('&function=burn')).map(
      (entry) => (entry as unknown as { memoryBytesLimit: number }).memoryBytesLimit / 1_048_576,
    );
    expect(limits).toEqual([64, 8, 8]);
    expect(host.internalErrors).toEqual([]);
  });

  test('memory when the same version is deployed under another name, and goes from the first', async () => {
    const host = await hostWith('one', burn);
    await have(host, 'one', { memoryMb: 8 });
    await host.call('/f/one/fib/1');
    await host.deploy('two', burn);
    await host.admin('/v1/functions/one', { method: 'DELETE' });
    expect((await host.call('/f/two/alloc/20')).status).toBe(200);
  });

  test('sizes of bodies', async () => {
    const host = await hostWith('corners', corners);
    await have(host, 'corners', { requestMb: 1, responseMb: 2 });
    const call = (size: number) =>
      host.call('/f/corners/echo', {
        method: 'POST',
        body: new Uint8Array(size),
        headers: { 'content-length': size },
      });
    expect((await call(1_048_576)).status).toBe(200);
    expect(errorOf(await call(1_048_577)).code).toBe('request-too-large');
    expect((await host.call('/f/corners/size?n=2000000')).status).toBe(200);
    await expect(host.call('/f/corners/size?n=2097153')).rejects.toThrow('aborted');
    expect(await host.executions()).toContainEqual(
      expect.objectContaining({ outcome: 'response-too-large' }),
    );
  });

  test('length of logs', async () => {
    const host = await hostWith('corners', corners);
    await host.call('/f/corners/flood?n=300');
    await have(host, 'corners', { logKb: 1 });
    await host.call('/f/corners/flood?n=300');
    await have(host, 'corners', { logKb: 0 });
    await host.call('/f/corners/flood?n=300');
    const [none, short, whole] = await host.executions();
    expect([none!.log.length, short!.log.length]).toEqual([0, 1_024]);
    expect(whole!.log.length).toBeGreaterThan(3_000);
  });

  test('number of outbound requests in one execution', async () => {
    const reached = await upstream((_request, response) => response.end('reached'));
    const host = await hostWith('corners', corners, { allowOutbound: ['127.0.0.1'] });
    const path = `/f/corners/fetch?url=${encodeURIComponent(reached)}`;
    await have(host, 'corners', { outboundRequests: 1 });
    for (let count = 0; count < 2; count++) expect((await host.call(path)).text).toBe('200 reached');
    await have(host, 'corners', { outboundRequests: 0 });
    expect((await host.call(path)).text).toBe('connection-limit-reached');
  });
});

describe('ebb settings', () => {
  /** Runs a command against the host. */
  const ebb = (host: TestHost, ...args: string[]) => runEbb(...args, '--host', host.running.adminUrl);

  test('shows, changes and resets', async () => {
    const host = await hostWith('hello', hello);
    const changed = await ebb(host, 'settings', 'hello', '--memory-mb', '32');
    expect(changed.exitCode).toBe(0);
    expect(changed.stdout).toMatch(/^memoryMb +32 +its own$/m);
    const more = await ebb(host, 'settings', 'hello', '--log-kb', '3', '--json');
    expect(JSON.parse(more.stdout).own).toEqual({ memoryMb: 32, logKb: 3 });
    const shown = await ebb(host, 'settings', 'hello');
    expect(shown.stdout).toMatch(/^timeLimitMs +10000 +the host’s$/m);
    const reset = await ebb(host, 'settings', 'hello', '--reset', '--json');
    expect(JSON.parse(reset.stdout).own).toEqual({});
  });

  test('deploys with settings, which a later deploy keeps, and narrows where a function may go', async () => {
    const host = await TestHost.start({ allowOutbound: ['*.example', '127.0.0.1'] });
    const file = join(host.dataDir, 'hello.wasm');
    await writeFile(file, hello);
    const deploying = ['deploy', file, '--name', 'f'];
    const limits = ['--memory-mb', '16', '--concurrency', '3', '--time-limit-ms', '500'];
    const rules = ['--allow-outbound', 'a.example,127.0.0.1:80', '--allow-outbound', '*.b.example'];
    expect((await ebb(host, ...deploying, ...limits, ...rules)).exitCode).toBe(0);
    expect((await ebb(host, ...deploying, '--log-kb', '1')).stdout).toMatch(/^unchanged f: /);
    const own = async () => (await host.get<Shown>('/v1/functions/f/settings')).own;
    const allowOutbound = ['a.example', '127.0.0.1:80', '*.b.example'];
    expect(await own()).toEqual({
      memoryMb: 16,
      concurrency: 3,
      timeLimitMs: 500,
      allowOutbound,
      logKb: 1,
    });
    const beyond = await ebb(host, 'settings', 'f', '--allow-outbound', 'a.org');
    expect(beyond.stderr).toContain('a part of what this host allows (*.example, 127.0.0.1), got a.org');
    expect((await ebb(host, 'settings', 'f', '--deny-outbound')).stdout).toMatch(
      /^allowOutbound +nowhere +its own$/m,
    );
    expect((await own()).allowOutbound).toEqual([]);
    const both = await ebb(host, 'settings', 'f', '--deny-outbound', '--allow-outbound', '127.0.0.1');
    expect(both.exitCode).toBe(2);
  });

  test('sets fuel and reuse, and shows what was used', async () => {
    const host = await hostWith('burn', burn, { workers: 1 });
    const set = await ebb(host, 'settings', 'burn', '--fuel-limit', '1000000', '--reuse-requests', '2');
    expect(set.stdout).toMatch(/^fuelLimit +1000000 +its own$/m);
    expect(set.stdout).toMatch(/^reuseRequests +2 +its own$/m);
    expect(set.stdout).toMatch(/^reuseIdleMs +60000 +the host’s$/m);
    await host.call('/f/burn/fib/10');
    await host.call('/f/burn/fib/10');
    const logs = await ebb(host, 'logs');
    expect(logs.stdout).toMatch(/200 ok cold: .*, fuel \d+$/m);
    expect(logs.stdout).toMatch(/200 ok warm: .*, fuel \d+$/m);
    expect((await ebb(host, 'usage')).stdout).toMatch(/cpu ms +fuel +bytes in/);
    for (const [flag, value] of [
      ['--fuel-limit', '-1'],
      ['--reuse-requests', '0'],
      ['--reuse-idle-ms', 'soon'],
    ] as const) {
      const refused = await ebb(host, 'settings', 'burn', flag, value);
      expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining(flag)]);
    }
  });

  test('passes on what the host refuses, and refuses both of two things', async () => {
    const host = await hostWith('hello', hello);
    const above = await ebb(host, 'settings', 'hello', '--memory-mb', '2000');
    expect([above.exitCode, above.stderr]).toEqual([2, expect.stringContaining('(settings-invalid)')]);
    const both = await ebb(host, 'settings', 'hello', '--memory-mb', '20', '--reset');
    expect([both.exitCode, both.stderr]).toEqual([2, expect.stringContaining('(usage)')]);
  });
});
