/** Starting, stopping, being killed, and what the data folder holds after each. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CORNERS, example, guestOf, plain } from './host-guests.ts';
import {
  ask,
  closeAll,
  closeLater,
  errorOf,
  scratchFolder,
  signalled,
  TestHost,
  upstream,
} from './host-kit.ts';
import { Talk } from './stream-kit.ts';

let hello: Uint8Array;
let corners: Uint8Array;
let burn: Uint8Array;

beforeAll(async () => {
  [hello, corners, burn] = [await example('hello'), await guestOf(CORNERS), await example('burn')];
});

afterEach(closeAll);

const unusable = (words: RegExp) => ({ code: 'data-dir-unusable', message: expect.stringMatching(words) });

describe('a stop', () => {
  test('lets running requests end, refuses new ones, and leaves the ports free', async () => {
    const reached = signalled();
    const answered = signalled();
    const slow = await upstream(async (_request, response) => {
      reached.happens();
      await answered.happened;
      response.end('in time');
    });
    const host = await TestHost.start({ allowOutbound: ['127.0.0.1'] });
    await host.deploy('corners', corners);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    await host.call('/f/corners', { agent });
    const running = host.call(`/f/corners/fetch?url=${encodeURIComponent(slow)}`);
    await reached.happened;
    const stopped = host.stop();
    for (const options of [{ agent }, {}]) {
      const refused = await host.call('/f/corners', options);
      expect(refused.status).toBe(503);
      expect(refused.headers).toMatchObject({ connection: 'close', 'retry-after': '1' });
      expect(errorOf(refused)).toMatchObject({ code: 'host-draining', fault: 'system' });
    }
    expect(JSON.parse((await host.admin('/healthz')).text)).toMatchObject({ status: 'draining' });
    expect(errorOf(await host.put('late', hello)).code).toBe('host-draining');
    answered.happens();
    expect(await running).toMatchObject({ status: 200, text: '200 in time' });
    expect((await running).headers.connection).toBe('close');
    expect(await stopped).toBe(true);
    await expect(host.call('/f/corners')).rejects.toThrow(/ECONNREFUSED/);
    const port = Number(new URL(host.publicUrl).port);
    const again = await TestHost.start({ dataDir: host.dataDir, port });
    expect((await again.call('/f/corners/count')).text).toBe('1');
    agent.destroy();
  });

  test('does not wait for connections on which nothing is under way', async () => {
    const host = await TestHost.start();
    await host.deploy('hello', hello);
    const agent = new http.Agent({ keepAlive: true });
    await Promise.all(Array.from({ length: 5 }, () => host.call('/f/hello', { agent })));
    const { hostname, port } = new URL(host.publicUrl);
    const silent = connect(Number(port), hostname);
    silent.on('error', () => undefined);
    silent.write('GET /f/hel');
    await once(silent, 'connect');
    expect(await host.stop()).toBe(true);
    expect(await host.stop()).toBe(true);
    agent.destroy();
    silent.destroy();
  });

  test('cuts off what does not end in time, and records that', async () => {
    const reached = signalled();
    const never = await upstream(() => reached.happens());
    const host = await TestHost.start({ allowOutbound: ['127.0.0.1'], drainTimeoutMs: 50 });
    await host.deploy('corners', corners);
    const call = host.call(`/f/corners/fetch?url=${encodeURIComponent(never)}`);
    const ended = expect(call).rejects.toThrow(/socket hang up|ECONNRESET/);
    await reached.happened;
    expect(await host.stop()).toBe(false);
    await ended;
    const again = await TestHost.start({ dataDir: host.dataDir });
    expect(await again.executions()).toMatchObject([{ outcome: 'interrupted', httpStatus: 500 }]);
  });
});

describe('a data folder', () => {
  test('serves all that was deployed after a restart, and keeps the ledger', async () => {
    const host = await TestHost.start();
    await host.deploy('hello', hello);
    await host.deploy('corners', corners);
    await host.deploy('gone', hello);
    await host.admin('/v1/functions/gone', { method: 'DELETE' });
    const before = await host.get('/v1/functions');
    await host.call('/f/hello');
    await host.stop();
    const again = await TestHost.start({ dataDir: host.dataDir });
    expect(await again.get('/v1/functions')).toEqual(before);
    expect((await again.call('/f/hello')).headers['x-ebb-execution']).toBe('2');
    expect((await again.call('/f/corners/count')).text).toBe('1');
    expect(await again.executions()).toHaveLength(3);
  });

  test('belongs to one host at a time', async () => {
    const host = await TestHost.start();
    await expect(TestHost.start({ dataDir: host.dataDir })).rejects.toMatchObject(unusable(/another host/));
    await host.deploy('hello', hello);
    expect((await host.call('/f/hello')).status).toBe(200);
  });

  test('that is none is refused', async () => {
    const folder = await scratchFolder();
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(TestHost.start({ dataDir: file })).rejects.toMatchObject(
      unusable(/expected a usable data folder/),
    );
    await writeFile(
      join(folder, 'ebb.sqlite'),
      'this is not a database, and long enough to be sure of that'.repeat(20),
    );
    await expect(TestHost.start({ dataDir: folder })).rejects.toMatchObject(unusable(/not a database/));
    const blocked = await scratchFolder();
    await writeFile(join(blocked, 'artifacts'), '');
    await expect(TestHost.start({ dataDir: blocked })).rejects.toMatchObject(unusable(/EEXIST|artifacts/));
    await rm(join(blocked, 'artifacts'));
    await TestHost.start({ dataDir: blocked });
  });

  test('of a newer Ebb is refused', async () => {
    const folder = await scratchFolder();
    const database = new Database(join(folder, 'ebb.sqlite'));
    database.pragma('user_version = 99');
    database.close();
    await expect(TestHost.start({ dataDir: folder })).rejects.toMatchObject(unusable(/newer Ebb/));
  });

  test('is released when a port is taken', async () => {
    const host = await TestHost.start();
    const port = Number(new URL(host.publicUrl).port);
    const dataDir = await scratchFolder();
    await expect(TestHost.start({ dataDir, port })).rejects.toMatchObject({
      code: 'port-unavailable',
      message: expect.stringMatching(/something else listens there/),
    });
    await TestHost.start({ dataDir });
  });

  test('loses what no function uses: old versions at once, leftovers at the next start', async () => {
    const host = await TestHost.start();
    await host.deploy('f', hello);
    await host.deploy('f', corners);
    const { version } = await host.get<{ version: string }>('/v1/functions/f');
    expect(await readdir(join(host.dataDir, 'artifacts'))).toEqual([`${version}.wasm`]);
    expect(await readdir(join(host.dataDir, 'plans'))).toEqual([version]);
    await host.stop();
    await writeFile(join(host.dataDir, 'artifacts', 'left.wasm.unfinished'), '');
    await mkdir(join(host.dataDir, 'plans', 'left.0'));
    const again = await TestHost.start({ dataDir: host.dataDir });
    expect(await readdir(join(host.dataDir, 'artifacts'))).toEqual([`${version}.wasm`]);
    expect(await readdir(join(host.dataDir, 'plans'))).toEqual([version]);
    expect((await again.call('/f/f/count')).text).toBe('1');
  });

  test.each([
    ['a plan', '', {}],
    ['a plan that counts fuel', '.fuel', { fuelLimit: 1_000_000_000 }],
  ])(
    'finds %s again, and without it, or with any part of it damaged, has it made again',
    async (_what, suffix, settings) => {
      const host = await TestHost.start();
      await host.deploy('hello', hello, settings);
      const { version } = await host.get<{ version: string }>('/v1/functions/hello');
      expect((await host.call('/f/hello')).text).toBe('Hello from Ebb\n');
      const [{ fuelUsed } = { fuelUsed: -1 }] = await host.executions();
      expect(fuelUsed > 0).toBe(suffix === '.fuel');
      await host.stop();
      expect(await readdir(join(host.dataDir, 'plans'))).toEqual([version + suffix]);
      const plan = join(host.dataDir, 'plans', version + suffix);
      const whole = await readFile(plan);
      const made = async () => (await stat(plan)).ino;
      const answersAsBefore = async () => {
        const again = await TestHost.start({ dataDir: host.dataDir, workers: 1 });
        expect((await again.call('/f/hello')).text).toBe('Hello from Ebb\n');
        expect((await again.executions())[0]).toMatchObject({ fuelUsed });
        await again.stop();
        expect((await readFile(plan)).equals(whole)).toBe(true);
      };
      const first = await made();
      await answersAsBefore();
      expect(await made()).toBe(first);
      const withOneBitChanged = (at: number) => () => {
        const bytes = Buffer.from(whole);
        bytes[at] = bytes[at]! ^ 1;
        return writeFile(plan, bytes);
      };
      const endOfJson = whole.indexOf('\n', 100);
      const damages = [
        () => rm(plan),
        ...[0, 64, endOfJson >> 1, endOfJson, (endOfJson + whole.length) >> 1].map(withOneBitChanged),
        ...[0, 64, endOfJson, whole.length - 1].map((length) => () => truncate(plan, length)),
        () => rm(plan).then(() => mkdir(join(plan, 'of an older build'), { recursive: true })),
      ];
      for (const damage of damages) {
        await damage();
        await answersAsBefore();
      }
    },
  );

  test('with a damaged component says so, serves the others, and is mended by the same deploy', async () => {
    const host = await TestHost.start();
    await host.deploy('hello', hello);
    await host.deploy('corners', corners);
    const { version } = await host.get<{ version: string }>('/v1/functions/hello');
    await host.stop();
    await writeFile(join(host.dataDir, 'artifacts', `${version}.wasm`), hello.subarray(0, 1_000));
    await rm(join(host.dataDir, 'plans', version));
    const again = await TestHost.start({ dataDir: host.dataDir });
    const broken = await again.call('/f/hello');
    expect(broken.status).toBe(500);
    expect(errorOf(broken)).toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/is missing from the data folder or was changed/),
    });
    expect((await again.executions())[0]).toMatchObject({ outcome: 'rejected', httpStatus: 500 });
    expect((await again.call('/f/corners/count')).text).toBe('1');
    expect((await again.put('hello', hello)).status).toBe(200);
    expect((await again.call('/f/hello')).text).toBe('Hello from Ebb\n');
  });

  test("that was filled under a larger memory limit is the host's fault to name, not the caller's", async () => {
    const host = await TestHost.start({ memoryMb: 16 });
    await host.deploy('large', await plain({ memory: '200' }));
    await host.stop();
    const again = await TestHost.start({ dataDir: host.dataDir, memoryMb: 8 });
    const answer = await again.call('/f/large');
    expect(answer.status).toBe(500);
    expect(errorOf(answer).message).toMatch(/does not fit the settings of this host.*got 200 pages/);
  });
});

test('a response whose record cannot be written is not released', async () => {
  const host = await TestHost.start();
  await host.deploy('hello', hello);
  host.running.host.ledger.append = () => Promise.reject(new Error('the disk is full at /secret'));
  const answer = await host.call('/f/hello');
  expect(answer.status).toBe(500);
  expect(errorOf(answer)).toMatchObject({ code: 'internal', fault: 'system' });
  expect(answer.text).not.toMatch(/Hello|secret/);
  expect(String(host.internalErrors[0])).toMatch(/the disk is full/);
});

test('a response that goes on is not begun when no id can be set aside for it', async () => {
  const host = await TestHost.start();
  await host.deploy('echo', await example('echo'));
  host.running.host.ledger.reserveId = () => {
    throw new Error('the disk is full at /secret');
  };
  const echo = new Talk(host.publicUrl, '/f/echo');
  await echo.send('piece');
  // Not before the host has tried to let it leave.
  while (host.internalErrors.length === 0) await host.admin('/healthz');
  echo.end();
  expect((await echo.response).statusCode).toBe(500);
  const { body } = await echo.rest();
  expect(JSON.parse(body.toString()).error).toMatchObject({ code: 'internal', fault: 'system' });
});

describe('a host that is killed', () => {
  interface Child {
    readonly process: ChildProcess;
    readonly publicUrl: string;
    readonly adminUrl: string;
  }

  async function startChild(dataDir: string): Promise<Child> {
    const script = fileURLToPath(new URL('./host-child.ts', import.meta.url));
    const child = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    closeLater(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return { process: child, ...(JSON.parse(line) as { publicUrl: string; adminUrl: string }) };
  }

  const deploy = (child: Child, name: string, component: Uint8Array) =>
    ask(child.adminUrl, `/v1/functions/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/wasm' },
      body: component,
    });

  test.each([1, 2])('under load has every function and every answered execution (%i)', async () => {
    const dataDir = await scratchFolder();
    const child = await startChild(dataDir);
    await expect(TestHost.start({ dataDir })).rejects.toMatchObject(unusable(/another host/));
    expect((await deploy(child, 'hello', hello)).status).toBe(201);
    expect((await deploy(child, 'corners', corners)).status).toBe(201);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    const received: number[] = [];
    const enough = signalled();
    const asking = Array.from({ length: 16 }, async (_zero, index) => {
      for (;;) {
        const path = index % 2 ? '/f/hello' : '/f/corners/count';
        const answer = await ask(child.publicUrl, path, { agent }).catch(() => undefined);
        if (!answer) return;
        received.push(Number(answer.headers['x-ebb-execution']));
        if (received.length === 300) enough.happens();
      }
    });
    await enough.happened;
    // Killed in the middle of a deploy as well: it happened or it did not.
    const deploying = deploy(child, 'burn', burn).catch(() => undefined);
    child.process.kill('SIGKILL');
    await once(child.process, 'exit');
    await Promise.all([...asking, deploying]);
    agent.destroy();
    const host = await TestHost.start({ dataDir });
    const { functions } = await host.get<{ functions: { name: string }[] }>('/v1/functions');
    expect(functions.map(({ name }) => name)).toEqual(expect.arrayContaining(['corners', 'hello']));
    const exported = new Set((await host.executions()).map(({ id }) => id));
    expect(received.filter((id) => !exported.has(id))).toEqual([]);
    expect((await host.call('/f/hello')).text).toBe('Hello from Ebb\n');
    expect((await host.call('/f/corners/count')).text).toBe('1');
    expect(host.internalErrors).toEqual([]);
  });

  test('gives no id again that a client was told of, recorded or not', async () => {
    const dataDir = await scratchFolder();
    const { process: child, publicUrl, adminUrl } = await startChild(dataDir);
    const told: number[] = [];
    await deploy({ process: child, publicUrl, adminUrl }, 'echo', await example('echo'));
    for (let count = 0; count < 3; count++) {
      const echo = new Talk(publicUrl, '/f/echo');
      await echo.send('piece');
      // Its run goes on, and so nothing of it is recorded yet.
      expect(await echo.take(5)).toBe('piece');
      told.push(await echo.executionId());
      closeLater(async () => echo.leave());
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const host = await TestHost.start({ dataDir });
    expect(await host.executions()).toEqual([]);
    const { headers } = await host.call('/f/echo');
    expect(Number(headers['x-ebb-execution'])).toBeGreaterThan(Math.max(...told));
    expect(new Set(told).size).toBe(3);
    // One that ends by itself leaves out none.
    await host.stop();
    const again = await TestHost.start({ dataDir });
    const next = (await again.call('/f/echo')).headers['x-ebb-execution'];
    expect(Number(next)).toBe(Number(headers['x-ebb-execution']) + 1);
    expect((await again.executions()).map(({ id }) => id)).toEqual([
      Number(next),
      Number(headers['x-ebb-execution']),
    ]);
  });

  test('by SIGTERM ends by itself, with nothing left open', async () => {
    const child = await startChild(await scratchFolder());
    await deploy(child, 'hello', hello);
    expect((await ask(child.publicUrl, '/f/hello')).status).toBe(200);
    child.process.kill('SIGTERM');
    expect(await once(child.process, 'exit')).toEqual([0, null]);
  });
});
