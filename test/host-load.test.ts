/** Many requests at once: each is answered once and recorded once, whatever changes meanwhile. */
import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CORNERS, example, guestOf, saying } from './host-guests.ts';
import { type Answer, closeAll, errorOf, type Listed, signalled, TestHost, upstream } from './host-kit.ts';

let corners: Uint8Array;
let burn: Uint8Array;
let one: Uint8Array;
let two: Uint8Array;

beforeAll(async () => {
  [corners, burn] = [await guestOf(CORNERS), await example('burn')];
  [one, two] = [await saying('one'), await saying('two')];
});

afterEach(closeAll);

/** Asks again and again on kept-alive connections until told to end. */
async function loadUntil(
  host: TestHost,
  connections: number,
  path: string,
  work: () => Promise<void>,
): Promise<Answer[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const answers: Answer[] = [];
  let isOver = false;
  const asking = Array.from({ length: connections }, async () => {
    while (!isOver) answers.push(await host.call(path, { agent }));
  });
  await work().finally(() => {
    isOver = true;
  });
  await Promise.all(asking);
  agent.destroy();
  return answers;
}

/** Reads the ledger until it says what is waited for. */
async function ledgerOf(host: TestHost, is: (executions: Listed[]) => boolean): Promise<Listed[]> {
  for (;;) {
    const executions = await host.executions();
    if (is(executions)) return executions;
  }
}

test('a thousand requests on 32 connections are each answered once and recorded once', async () => {
  const host = await TestHost.start();
  await host.deploy('corners', corners);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_zero, index) => host.call(`/f/corners/${index}`, { agent })),
  );
  agent.destroy();
  expect(answers.map(({ headers }) => headers['x-path'])).toEqual(
    answers.map((_answer, index) => `/${index}`),
  );
  const ids = answers.map(({ headers }) => Number(headers['x-ebb-execution'])).sort((a, b) => a - b);
  expect(ids).toEqual(ids.map((_id, index) => index + 1));
  expect((await host.executions()).map(({ id }) => id).reverse()).toEqual(ids);
  expect(host.internalErrors).toEqual([]);
});

test('no request sees what another has left in memory', async () => {
  const host = await TestHost.start();
  await host.deploy('corners', corners);
  const answers = await Promise.all(Array.from({ length: 200 }, () => host.call('/f/corners/count')));
  expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['1']));
});

describe('under load', () => {
  test('new versions take over without a failed request, and the last one stays', async () => {
    const host = await TestHost.start();
    await host.deploy('f', one);
    const answers = await loadUntil(host, 8, '/f/f', async () => {
      for (const version of [two, one, two, one, two, one, two]) await host.deploy('f', version);
    });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['one', 'two']));
    expect((await host.call('/f/f')).text).toBe('two');
    expect(host.internalErrors).toEqual([]);
  });

  test('a version that leaves the cache and comes back fails no request', async () => {
    // One MB holds two components with so long a text, so that eight evict each other all the time.
    const text = (index: number) => `${index % 8}`.repeat(200_000);
    const host = await TestHost.start({ cacheMb: 1 });
    for (let count = 0; count < 8; count++) await host.deploy(`f${count}`, await saying(text(count)));
    const answers = await Promise.all(
      Array.from({ length: 96 }, (_zero, index) => host.call(`/f/f${index % 8}`)),
    );
    expect(answers.every((answer, index) => answer.text === text(index))).toBe(true);
    // In turn and one at a time, each finds itself evicted by those in between.
    for (let index = 0; index < 16; index++)
      expect((await host.call(`/f/f${index % 8}`)).text).toBe(text(index));
    expect((await host.executions()).filter(({ warmth }) => warmth === 'cold').length).toBeGreaterThan(8);
  });

  test('a function that is deleted is there or not there, and nothing else', async () => {
    const host = await TestHost.start();
    await host.deploy('f', one);
    const answers = await loadUntil(host, 8, '/f/f', async () => {
      for (let count = 0; count < 6; count++) {
        await host.admin('/v1/functions/f', { method: 'DELETE' });
        await host.deploy('f', one);
      }
      await host.admin('/v1/functions/f', { method: 'DELETE' });
    });
    expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual([200, 404]);
    expect((await host.call('/f/f')).status).toBe(404);
    expect(host.internalErrors).toEqual([]);
  });

  test('guests that trap, exit and answer nothing leave the others alone', async () => {
    const host = await TestHost.start({ memoryMb: 8 });
    await host.deploy('burn', burn);
    const paths = ['/f/burn/trap', '/f/burn/fib/5', '/f/burn/alloc/999', '/f/burn/fib/6'];
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_zero, index) => host.call(paths[index % 4]!)),
    );
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_answer, index) => (index % 2 ? 200 : 500)),
    );
    expect(host.internalErrors).toEqual([]);
  });
});

describe('a guest that never ends', () => {
  test('takes one worker and no more, and gives it back', async () => {
    const host = await TestHost.start({ workers: 2, timeLimitMs: 1_500 });
    await host.deploy('burn', burn);
    const spinning = host.call('/f/burn/spin');
    for (let count = 0; count < 20; count++) expect((await host.call('/f/burn/fib/5')).text).toBe('5\n');
    expect((await spinning).status).toBe(504);
    const after = await Promise.all(Array.from({ length: 20 }, () => host.call('/f/burn/fib/5')));
    expect(after.every(({ status }) => status === 200)).toBe(true);
  });

  test('on every worker lets the others wait, and they are served when threads have been replaced', async () => {
    const host = await TestHost.start({ workers: 2, timeLimitMs: 1_200 });
    await host.deploy('burn', burn);
    const spinning = Promise.all(Array.from({ length: 4 }, () => host.call('/f/burn/spin')));
    const others = await Promise.all(Array.from({ length: 8 }, () => host.call('/f/burn/fib/5')));
    expect(others.every(({ status }) => status === 200)).toBe(true);
    expect((await spinning).map(({ status }) => status)).toEqual([504, 504, 504, 504]);
  });
});

describe('a queue', () => {
  test('that is full refuses at once, and a client that leaves it gives its place up', async () => {
    const host = await TestHost.start({ workers: 1, queueLimit: 2, drainTimeoutMs: 1 });
    // Without it one thread more would take the second of them, since the first run of all may have been a short one.
    await host.deploy('burn', burn, { concurrency: 1 });
    // While the thread has that to do, all of them would wait, and none would run.
    expect(await host.running.rehearsed).toBe(true);
    await host.call('/f/burn/fib/1');
    const leaving = new AbortController();
    const { signal } = leaving;
    const refusals: Answer[] = [];
    const refused = signalled();
    for (let count = 0; count < 5; count++) {
      host.call('/f/burn/spin', { signal }).then(
        (answer) => {
          refusals.push(answer);
          if (refusals.length === 2) refused.happens();
        },
        () => undefined,
      );
    }
    await refused.happened;
    for (const answer of refusals) {
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(errorOf(answer)).toMatchObject({ code: 'queue-full', fault: 'system' });
    }
    leaving.abort();
    const records = await ledgerOf(
      host,
      (all) => all.filter(({ outcome }) => outcome === 'rejected').length === 4,
    );
    expect(records.map(({ httpStatus }) => httpStatus).sort()).toEqual([200, 499, 499, 503, 503]);
    await host.stop();
    const again = await TestHost.start({ dataDir: host.dataDir });
    expect((await again.executions())[0]).toMatchObject({ outcome: 'interrupted', functionName: 'burn' });
  });

  test('of one function never runs what its client has left, and goes on with the next', async () => {
    const asked = signalled();
    const answered = signalled();
    const slow = await upstream(async (_request, response) => {
      asked.happens();
      await answered.happened;
      response.end('late');
    });
    const host = await TestHost.start({ allowOutbound: ['127.0.0.1'] });
    await host.deploy('corners', corners, { concurrency: 1, queueLimit: 1 });
    const path = `/f/corners/fetch?url=${encodeURIComponent(slow)}`;
    const first = host.call(path);
    await asked.happened;
    const leaving = new AbortController();
    // One of them waits in the queue, and so the other one is refused.
    const two = [1, 2].map(() => host.call(path, { signal: leaving.signal }));
    expect((await Promise.race(two)).status).toBe(503);
    leaving.abort();
    const records = await ledgerOf(host, (all) => all.length === 2);
    const left = { outcome: 'rejected', httpStatus: 499, startupUs: 0, runUs: 0, cpuUs: 0 };
    expect(records[0]).toMatchObject({ ...left, log: expect.stringMatching(/before the function started/) });
    const next = host.call('/f/corners/count');
    answered.happens();
    expect((await first).text).toMatch(/late/);
    expect((await next).text).toBe('1');
    expect((await Promise.allSettled(two)).map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'rejected',
    ]);
    expect(host.internalErrors).toEqual([]);
  });

  test('that is too slow refuses after its time', async () => {
    const reached = signalled();
    const never = await upstream(() => reached.happens());
    const host = await TestHost.start({ allowOutbound: ['127.0.0.1'], drainTimeoutMs: 1 });
    await host.deploy('corners', corners, { concurrency: 1 });
    host.call(`/f/corners/fetch?url=${encodeURIComponent(never)}`).catch(() => undefined);
    await reached.happened;
    // Not before the first one runs: it would wait no longer than this for a thread either.
    await host.deploy('corners', corners, { concurrency: 1, queueTimeoutMs: 20 });
    const answer = await host.call('/f/corners/count');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(errorOf(answer)).toMatchObject({ code: 'queue-timeout', fault: 'system' });
    expect((await host.executions())[0]).toMatchObject({ outcome: 'rejected', httpStatus: 503 });
  });

  test('of no places still serves as many at once as there are workers', async () => {
    const host = await TestHost.start({ workers: 2, queueLimit: 0 });
    await host.deploy('burn', burn);
    for (let count = 0; count < 10; count++) expect((await host.call('/f/burn/fib/5')).status).toBe(200);
  });
});

test('a client that leaves while its function runs is noticed: the run ends, and its record says so', async () => {
  const reached = signalled();
  const answered = signalled();
  const slow = await upstream(async (_request, response) => {
    reached.happens();
    await answered.happened;
    response.end('late');
  });
  const host = await TestHost.start({ allowOutbound: ['127.0.0.1'], workers: 1 });
  await host.deploy('corners', corners);
  const { hostname, port } = new URL(host.publicUrl);
  const client = connect(Number(port), hostname).resume();
  client.write(`GET /f/corners/fetch?url=${encodeURIComponent(slow)} HTTP/1.1\r\nhost: h\r\n\r\n`);
  await reached.happened;
  // The host ends its side when it has noticed; only then may the guest get what it waits for.
  client.end();
  await once(client, 'close');
  answered.happens();
  const [record] = await ledgerOf(host, (all) => all.length > 0);
  expect(record).toMatchObject({ outcome: 'client-closed', httpStatus: 499, bytesOut: 0 });
  expect((await host.call('/f/corners/count')).text).toBe('1');
  expect(host.internalErrors).toEqual([]);
});
