/** What a pool of threads runs on the thread that asks, and that nobody can tell but by the time that it takes. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CompiledComponent } from '../host/component/module-cache.ts';
import type { WorkerPool } from '../host/threads/pool.ts';
import type { RunOrder } from '../host/threads/run-order.ts';
import { example } from './host-guests.ts';
import { closeAll, TestHost } from './host-kit.ts';
import { checked, openPool, orderOf } from './pool-kit.ts';
import { runEvents } from './run-kit.ts';

/** As long as this on average: every function that returns. */
const ALL_US = 1_000_000;
const QUEUE = 100;

let burn: CompiledComponent;

beforeAll(async () => {
  burn = await checked('burn');
}, 60_000);

afterEach(closeAll);

/** Whether it had ended when the call came back, which no thread can do. */
async function endsAtOnce(pool: WorkerPool, order: RunOrder): Promise<boolean> {
  let hasEnded = false;
  const run = pool.run(burn, order).then(() => {
    hasEnded = true;
  });
  await Promise.resolve();
  const endedAtOnce = hasEnded;
  await run;
  return endedAtOnce;
}

/** Asks until it runs here: the first runs do not count, since nothing is known of the function then. */
async function untilInline(pool: WorkerPool, order: RunOrder): Promise<void> {
  for (let round = 0; round < 1_000; round++) if (await endsAtOnce(pool, order)) return;
  throw new Error('it has never ended at once');
}

describe('a function whose runs are short', () => {
  test('runs where it is asked for, once that is known', async () => {
    const pool = openPool(1, QUEUE, ALL_US);
    expect(await endsAtOnce(pool, orderOf('short', '/fib/1'))).toBe(false);
    await untilInline(pool, orderOf('short', '/fib/1'));
  });

  test('never does on a host that does not want it', async () => {
    const pool = openPool(1);
    for (let round = 0; round < 50; round++)
      expect(await endsAtOnce(pool, orderOf('short', '/fib/1'))).toBe(false);
  });

  test('is answered while others hold every thread', async () => {
    const pool = openPool(1, QUEUE, ALL_US);
    await untilInline(pool, orderOf('short', '/fib/1'));
    const spinning = pool.run(burn, orderOf('spin', '/spin', 400));
    expect(await endsAtOnce(pool, orderOf('short', '/fib/1'))).toBe(true);
    expect(await spinning).toMatchObject({ outcome: 'time-limit' });
  });

  test('is cut off elsewhere, once, when it does not return', async () => {
    const pool = openPool(1, QUEUE, ALL_US);
    await untilInline(pool, orderOf('short', '/fib/1'));
    let starts = 0;
    const events = {
      ...runEvents(),
      onStart: () => {
        starts++;
      },
    };
    const result = await pool.run(burn, { ...orderOf('short', '/spin', 200), events });
    expect(result).toMatchObject({ outcome: 'time-limit', error: { code: 'guest-time-limit' } });
    expect(result.runUs + result.startupUs).toBeGreaterThanOrEqual(200_000);
    expect(starts).toBe(1);
  });

  test('waits its turn where no more of it may run at once', async () => {
    const pool = openPool(2, QUEUE, ALL_US);
    const alone = (path: string): RunOrder => {
      const order = orderOf('short', path, 300);
      return { ...order, limits: { ...order.limits, concurrency: 1 } };
    };
    await untilInline(pool, alone('/fib/1'));
    const spinning = pool.run(burn, alone('/spin'));
    const order: string[] = [];
    const both = [
      spinning.then(() => order.push('first')),
      pool.run(burn, alone('/fib/1')).then(() => order.push('second')),
    ];
    await Promise.all(both);
    expect(order).toEqual(['first', 'second']);
  });

  test('is refused like any other on a pool that was closed, and where its caller has gone', async () => {
    const pool = openPool(1, QUEUE, ALL_US);
    await untilInline(pool, orderOf('short', '/fib/1'));
    const gone = { ...orderOf('short', '/fib/1'), signal: AbortSignal.abort() };
    await expect(pool.run(burn, gone)).rejects.toMatchObject({ code: 'client-closed' });
    await pool.close();
    await expect(pool.run(burn, orderOf('short', '/fib/1'))).rejects.toMatchObject({ code: 'host-draining' });
  });
});

test('a host records what runs there as it records all else', async () => {
  const host = await TestHost.start({ inlineUs: 1_000 });
  await host.deploy('hello', await example('hello'));
  const answers = [];
  for (let round = 0; round < 60; round++) answers.push(await host.call('/f/hello/'));
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(new Set(answers.map(({ headers }) => headers['x-ebb-execution'])).size).toBe(60);
  const listed = await host.executions();
  expect(listed).toHaveLength(60);
  for (const one of listed) {
    expect(one).toMatchObject({ outcome: 'ok', httpStatus: 200, memoryBytesPeak: 65_536, bytesIn: 0 });
    expect(one.cpuUs).toBeLessThanOrEqual(one.startupUs + one.runUs);
  }
  expect(host.internalErrors).toEqual([]);
});
