/** A pool of threads without a host around it: what becomes of executions when threads end, and when the pool does. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CompiledComponent } from '../host/component/module-cache.ts';
import type { WorkerPool } from '../host/threads/pool.ts';
import type { RunControl } from '../host/threads/run-events.ts';
import { closeAll, signalled } from './host-kit.ts';
import { checked, openPool, orderOf, withoutChecks } from './pool-kit.ts';
import { runEvents } from './run-kit.ts';

let burn: CompiledComponent;
let echo: CompiledComponent;
/** Spins without ever coming to a check. */
let unchecked: CompiledComponent;

beforeAll(async () => {
  [burn, echo, unchecked] = await Promise.all([checked('burn'), checked('echo'), withoutChecks('burn')]);
}, 60_000);

afterEach(closeAll);

/** An execution that has echoed one piece and waits for the next. */
async function waitingEcho(pool: WorkerPool) {
  const echoed = signalled();
  let control: RunControl | undefined;
  const run = pool.run(echo, {
    ...orderOf('echo', '/'),
    events: {
      ...runEvents(),
      onStart: (given) => {
        control = given;
        given.sendBody(Buffer.from('one'));
      },
      onBody: () => echoed.happens(),
    },
  });
  await echoed.happened;
  return { run, end: () => control?.endBody([]), cancel: () => control?.cancel() };
}

describe('a thread whose guest cannot be stopped', () => {
  test('ends with it, while those that wait on other threads go on', async () => {
    const pool = openPool(2);
    const waiting = await Promise.all(Array.from({ length: 8 }, () => waitingEcho(pool)));
    for (let count = 0; count < 3; count++) {
      expect(await pool.run(unchecked, orderOf('unchecked', '/spin', 200))).toMatchObject({
        outcome: 'time-limit',
      });
    }
    for (const { end } of waiting) end();
    for (const { run } of waiting) expect(await run).toMatchObject({ outcome: 'ok' });
  }, 30_000);
});

describe('a caller that goes', () => {
  test('before a thread has begun with its run takes it back, and its turn goes to the next', async () => {
    const pool = openPool(1);
    // Short runs, so that one may wait behind another in the thread.
    for (const name of ['spin', 'short'])
      for (let count = 0; count < 30; count++) await pool.run(burn, orderOf(name, '/fib/1'));
    const spinning = pool.run(burn, orderOf('spin', '/spin', 400));
    const leaving = new AbortController();
    const given = signalled();
    const order = orderOf('short', '/spin');
    const left = pool.run(burn, {
      ...order,
      limits: { ...order.limits, concurrency: 1 },
      signal: leaving.signal,
      events: { ...runEvents(), onStart: () => given.happens() },
    });
    await given.happened;
    const next = orderOf('short', '/fib/1');
    const behind = pool.run(burn, { ...next, limits: { ...next.limits, concurrency: 1 } });
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'client-closed' });
    expect(await spinning).toMatchObject({ outcome: 'time-limit' });
    expect(await behind).toMatchObject({ outcome: 'ok' });
  }, 30_000);

  test('thousands of times behind a run that goes on leaves room for those that stay', async () => {
    const pool = openPool(1);
    for (const name of ['spin', 'short'])
      for (let count = 0; count < 30; count++) await pool.run(burn, orderOf(name, '/fib/1'));
    const spinning = pool.run(burn, orderOf('spin', '/spin', 400));
    const staying = pool.run(burn, orderOf('short', '/fib/1'));
    for (let count = 0; count < 6_000; count++) {
      const leaving = new AbortController();
      const left = pool.run(burn, { ...orderOf('short', '/spin'), signal: leaving.signal });
      leaving.abort();
      await expect(left).rejects.toMatchObject({ code: 'client-closed' });
    }
    expect(await spinning).toMatchObject({ outcome: 'time-limit' });
    expect(await staying).toMatchObject({ outcome: 'ok' });
  }, 30_000);
});

describe('a pool that is closed', () => {
  test('refuses what a thread was given and had not begun, and interrupts what it had', async () => {
    const pool = openPool(1);
    // Short runs, so that others may wait behind them in the thread.
    for (let count = 0; count < 30; count++) await pool.run(burn, orderOf('burn', '/fib/1'));
    const runs = ['/spin', '/fib/1', '/fib/1', '/fib/1'].map((path) => pool.run(burn, orderOf('burn', path)));
    const settled = Promise.allSettled(runs);
    await pool.close();
    const [first, ...behind] = await settled;
    // Whether the thread had begun with the first one by then, nobody can say.
    if (first?.status === 'fulfilled') expect(first.value.outcome).toBe('interrupted');
    for (const one of behind) {
      expect(one.status).toBe('rejected');
      expect((one as PromiseRejectedResult).reason).toMatchObject({ code: 'host-draining' });
    }
    await expect(pool.run(burn, orderOf('burn', '/fib/1'))).rejects.toMatchObject({ code: 'host-draining' });
  }, 30_000);

  test('interrupts what waits', async () => {
    const pool = openPool(1);
    const waiting = await waitingEcho(pool);
    await pool.close();
    expect(await waiting.run).toMatchObject({ outcome: 'interrupted' });
    // Nothing of it has any effect any more.
    waiting.end();
    waiting.cancel();
  });
});
