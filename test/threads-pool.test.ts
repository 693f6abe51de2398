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
