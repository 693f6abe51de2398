/** How functions share threads and queues: in turn, whoever floods; within limits of their own; and never for ever. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Waiting, WaitingRequests } from '../host/threads/waiting-requests.ts';
import { type AdmissionState, admitShared, mayDisplace, takesTurns } from '../metering/policy.ts';
import { CORNERS, example, guestOf } from './host-guests.ts';
import { type Answer, closeAll, errorOf, signalled, TestHost, upstream } from './host-kit.ts';

let hello: Uint8Array;
let burn: Uint8Array;
let corners: Uint8Array;

beforeAll(async () => {
  [hello, burn, corners] = [await example('hello'), await example('burn'), await guestOf(CORNERS)];
});

afterEach(closeAll);

async function have(host: TestHost, name: string, settings: unknown): Promise<void> {
  const body = JSON.stringify(settings);
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const answer = await host.admin(`/v1/functions/${name}/settings`, { method: 'PUT', headers, body });
  expect(answer.status).toBe(200);
}

describe('the policy of sharing', () => {
  const state = (running: number, concurrencyLimit: number, queued: number, queueLimit: number) =>
    ({ running, concurrencyLimit, queued, queueLimit }) satisfies AdmissionState;

  test.each([
    ['both have room', state(0, 1, 0, 0), state(0, 2, 0, 0), 'start'],
    ['the function is at its limit', state(1, 1, 0, 1), state(1, 2, 0, 1), 'queue'],
    ['the function is at its limit and may not wait', state(1, 1, 0, 0), state(1, 2, 0, 1), 'reject'],
    ['the host is busy', state(0, 1, 0, 1), state(2, 2, 0, 1), 'queue'],
    ['the host is busy and the function may not wait', state(0, 1, 0, 0), state(2, 2, 0, 9), 'reject'],
    ['others wait at limits of their own', state(0, 1, 0, 1), state(1, 2, 9, 9), 'start'],
    ['its own wait before it', state(0, 9, 1, 2), state(1, 2, 0, 9), 'queue'],
    ['its own queue is full', state(1, 1, 2, 2), state(1, 2, 2, 9), 'reject'],
    ['the queue of all is full', state(0, 1, 0, 9), state(2, 2, 9, 9), 'reject'],
  ])('where %s', (_what, own, all, expected) => {
    expect(admitShared(own, all)).toBe(expected);
  });

  test('lets a short queue displace from a long one only, and a turn be taken only by those who can start', () => {
    expect([mayDisplace(0, 2), mayDisplace(0, 1), mayDisplace(0, 0), mayDisplace(4, 5)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const turn = (queued: number, running: number) => takesTurns({ queued, running, concurrencyLimit: 2 });
    expect([turn(1, 0), turn(1, 1), turn(1, 2), turn(0, 0)]).toEqual([true, true, false, false]);
  });
});

describe('the queue', () => {
  let refused: string[] = [];
  const waiting = (functionName: string, more: Partial<Waiting<null>> = {}): Waiting<null> => ({
    functionName,
    lease: 0,
    level: 0,
    concurrency: 320,
    isExclusive: false,
    queueTimeoutMs: 1_000,
    enqueuedMs: 0,
    start: () => undefined,
    refuse: () => void refused.push(functionName),
    ...more,
  });

  /** Whom the queue serves when threads take one after the other, each ending before the next begins. */
  function served(queue: WaitingRequests<null>, atMost = Number.POSITIVE_INFINITY): string[] {
    const names: string[] = [];
    while (names.length < atMost) {
      const next = queue.first(() => true);
      if (!next) break;
      queue.begin(next);
      queue.end(next);
      names.push(next.functionName);
    }
    return names;
  }

  test('serves a function in turn although thousands of another wait', () => {
    const queue = new WaitingRequests<null>(1);
    for (let count = 0; count < 5_000; count++) queue.add(waiting('burner'));
    expect(served(queue, 2)).toEqual(['burner', 'burner']);
    for (let count = 0; count < 3; count++) queue.add(waiting('hello'));
    queue.add(waiting('third'));
    const order = ['burner', 'hello', 'third', 'burner', 'hello', 'burner', 'hello', 'burner', 'burner'];
    expect(served(queue, order.length)).toEqual(order);
    expect(queue.countFrom(0)).toBe(5_000 - 2 - 5);
  });

  test('gives nobody two turns in a row for leaving and coming back', () => {
    const queue = new WaitingRequests<null>(1);
    for (let count = 0; count < 10; count++) queue.add(waiting('burner'));
    const order: string[] = [];
    for (let count = 0; count < 6; count++) {
      if (queue.stateOf(0, 'hello').queued === 0) queue.add(waiting('hello'));
      order.push(...served(queue, 1));
    }
    expect(order).toEqual(['burner', 'hello', 'burner', 'hello', 'burner', 'hello']);
  });

  test('serves deeper levels first, and passes over functions at their limit', () => {
    const queue = new WaitingRequests<null>(2);
    const [outer, inner] = [waiting('f', { concurrency: 1 }), waiting('f', { concurrency: 1, level: 1 })];
    for (const one of [outer, waiting('f', { concurrency: 1 }), inner, waiting('g')]) queue.add(one);
    queue.begin(outer);
    expect(queue.first(() => true)).toBe(inner);
    expect(queue.startableFrom(0, 9)).toBe(2);
    queue.begin(inner);
    expect(queue.first(() => true)?.functionName).toBe('g');
    expect(queue.first((level) => level > 0)).toBeUndefined();
    queue.end(outer);
    expect(served(queue)).toEqual(['g', 'f']);
  });

  test('refuses each once, wherever it stands, and forgets who is gone', () => {
    refused = [];
    const queue = new WaitingRequests<null>(1);
    const [a, b] = [waiting('a'), waiting('b')];
    for (const one of [a, waiting('a'), b]) queue.add(one);
    const full = { code: 'queue-full' } as never;
    queue.refuse(a, full);
    queue.refuse(a, full);
    expect([refused, queue.countFrom(0), queue.stateOf(0, 'a').queued]).toEqual([['a'], 2, 1]);
    queue.refuseWhere(({ functionName }) => (functionName === 'b' ? full : undefined));
    expect(served(queue)).toEqual(['a']);
    expect(refused).toEqual(['a', 'b']);
  });
});

describe('beside a flooded function', () => {
  test('another is served in turn', async () => {
    const host = await TestHost.start({ workers: 1, queueLimit: 5_000, queueTimeoutMs: 600_000 });
    await host.deploy('burner', burn);
    await host.deploy('hello', hello);
    const flood = Array.from({ length: 1_500 }, () => host.call('/f/burner/fib/22'));
    await Promise.race(flood);
    // One after the other: each finds the flood before it.
    for (let count = 0; count < 10; count++) expect((await host.call('/f/hello')).status).toBe(200);
    const answeredWith = (answers: Answer[]) =>
      answers.map(({ headers }) => Number(headers['x-ebb-execution']));
    const burnerIds = answeredWith(await Promise.all(flood));
    const helloIds = (await host.executions('&function=hello')).map(({ id }) => id);
    const burnerAfter = burnerIds.filter((id) => id > Math.max(...helloIds)).length;
    expect(burnerAfter).toBeGreaterThan(500);
  });

  test('another displaces the newest of its requests when the queue is full', async () => {
    const host = await TestHost.start({ workers: 1, queueLimit: 4, timeLimitMs: 3_000, drainTimeoutMs: 1 });
    await host.deploy('burner', burn);
    await host.deploy('hello', hello);
    await host.call('/f/hello');
    const [once, twice, leaving] = [signalled(), signalled(), new AbortController()];
    let refusals = 0;
    for (let count = 0; count < 6; count++) {
      host.call('/f/burner/spin', { signal: leaving.signal }).then(
        (answer) => {
          expect(errorOf(answer).code).toBe('queue-full');
          if (++refusals === 1) once.happens();
          else twice.happens();
        },
        () => undefined,
      );
    }
    await once.happened;
    const answer = host.call('/f/hello');
    await twice.happened;
    leaving.abort();
    expect((await answer).text).toBe('Hello from Ebb\n');
  });
});

describe('a function of its own', () => {
  /** A guest that waits, and a word when as many requests as wanted are at the upstream. */
  async function gate(wanted: number) {
    const [full, opened] = [signalled(), signalled()];
    let [inside, insideMax] = [0, 0];
    const origin = await upstream(async (_request, response) => {
      insideMax = Math.max(insideMax, ++inside);
      if (inside === wanted) full.happens();
      await opened.happened;
      inside--;
      response.end('ok');
    });
    return { origin, full: full.happened, open: opened.happens, insideMax: () => insideMax };
  }
  const path = (name: string, origin: string) => `/f/${name}/fetch?url=${encodeURIComponent(origin)}`;

  test('concurrency has no more executions at once, and leaves others alone', async () => {
    const host = await TestHost.start({ workers: 1, allowOutbound: ['127.0.0.1'] });
    await host.deploy('corners', corners);
    await host.deploy('hello', hello);
    await have(host, 'corners', { concurrency: 2 });
    const { origin, full, open, insideMax } = await gate(2);
    const calls = Array.from({ length: 6 }, () => host.call(path('corners', origin)));
    await full;
    for (let count = 0; count < 10; count++) expect((await host.call('/f/hello')).status).toBe(200);
    open();
    expect((await Promise.all(calls)).map(({ text }) => text)).toEqual(Array(6).fill('200 ok'));
    expect(insideMax()).toBeLessThanOrEqual(2);
  });

  test('concurrency and queue limit refuses at once, with a time to come back', async () => {
    const host = await TestHost.start({ workers: 1, allowOutbound: ['127.0.0.1'] });
    await host.deploy('corners', corners);
    await host.deploy('hello', hello);
    await have(host, 'corners', { concurrency: 1, queueLimit: 0 });
    const { origin, full, open } = await gate(1);
    const first = host.call(path('corners', origin));
    await full;
    const second = await host.call(path('corners', origin));
    expect([second.status, second.headers['retry-after']]).toEqual([503, '1']);
    expect(errorOf(second)).toMatchObject({
      code: 'queue-full',
      message: 'expected fewer than 0 waiting requests of this function, got 0',
    });
    expect((await host.call('/f/hello')).status).toBe(200);
    open();
    expect((await first).text).toBe('200 ok');
    expect((await host.call('/f/corners/count')).text).toBe('1');
  });

  test('queue timeout refuses after it, on a host that would wait longer', async () => {
    const host = await TestHost.start({ workers: 1, allowOutbound: ['127.0.0.1'], queueTimeoutMs: 600_000 });
    await host.deploy('corners', corners);
    // While its thread starts, the first request would be refused for its time in the queue as well.
    expect((await host.call('/f/corners/count')).status).toBe(200);
    await have(host, 'corners', { concurrency: 1, queueTimeoutMs: 20 });
    const { origin, full, open } = await gate(1);
    const first = host.call(path('corners', origin));
    await full;
    const second = await host.call(path('corners', origin));
    expect([second.status, errorOf(second).code]).toEqual([503, 'queue-timeout']);
    open();
    expect((await first).text).toBe('200 ok');
  });

  test('concurrency may call itself without waiting for itself', async () => {
    const host = await TestHost.start({ workers: 1, allowOutbound: ['127.0.0.1'] });
    await host.deploy('corners', corners);
    await have(host, 'corners', { concurrency: 1 });
    const inner = `${host.publicUrl}/f/corners/count`;
    const outer = path('corners', `${host.publicUrl}${path('corners', inner)}`);
    const answers = await Promise.all(Array.from({ length: 5 }, () => host.call(outer)));
    expect(answers.map(({ text }) => text)).toEqual(Array(5).fill('200 200 1'));
  });
});
