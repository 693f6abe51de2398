/** Guests that pass a limit through a whole host: they end, and their threads live on. */
import { afterEach, describe, expect, it } from 'vitest';
import { guardModule } from '../host/component/guard-module.ts';
import { limitMemory } from '../host/component/limit-memory.ts';
import { example as guest } from './host-guests.ts';
import { closeAll, errorOf, signalled, TestHost, upstream } from './host-kit.ts';
import { fromText, type GuestExports } from './instrument-kit.ts';
import { toComponent } from './linking-harness.ts';
import { guestText } from './linking-wat.ts';
import { MEMORY_BYTES, MEMORY_MB, openPool, orderOf, withoutChecks } from './pool-kit.ts';

afterEach(closeAll);

describe('a guest that does not return', () => {
  it('ends with its time limit in a thread that lives on, and its record tells what it used', async () => {
    const host = await TestHost.start({ workers: 1, timeLimitMs: 500, memoryMb: MEMORY_MB });
    await host.deploy('burn', await guest('burn'));
    const answer = await host.call('/f/burn/spin');
    expect(answer.status).toBe(504);
    expect(errorOf(answer)).toMatchObject({
      code: 'guest-time-limit',
      message: 'the guest ran longer than its time limit of 500 ms',
    });
    const [record] = await host.executions();
    expect(record).toMatchObject({ outcome: 'time-limit', httpStatus: 504 });
    expect(record?.runUs).toBeGreaterThan(300_000);
    expect(record?.cpuUs).toBeGreaterThan(0);
    // A thread that is ended takes its guest's memory along, and then the limit is what is told.
    expect(record?.memoryBytesPeak).toBeLessThan(MEMORY_BYTES);
    expect((await host.call('/f/burn/fib/10')).text).toBe('55\n');
    expect((await host.call('/f/burn/spin')).status).toBe(504);
  });

  it('ends with its limit of processor time long before its time limit', async () => {
    const host = await TestHost.start({ workers: 1, cpuLimitMs: 200, timeLimitMs: 600_000 });
    await host.deploy('burn', await guest('burn'));
    const answer = await host.call('/f/burn/spin');
    expect(answer.status).toBe(504);
    expect(errorOf(answer)).toMatchObject({
      code: 'guest-time-limit',
      message: 'the guest used more processor time than its limit of 200 ms',
    });
    const [record] = await host.executions();
    expect(record?.cpuUs).toBeGreaterThanOrEqual(200_000);
  });

  it('does so too where the engine cannot ask it, in a row of long instructions', async () => {
    const host = await TestHost.start({ workers: 1, cpuLimitMs: 200, timeLimitMs: 600_000 });
    const act = `(drop (memory.grow (i32.const 1600)))
      (loop $again (memory.fill (i32.const 65536) (i32.const 1) (i32.const 104857600)) (br $again))`;
    await host.deploy('fill', await toComponent(guestText({ act })));
    const answer = await host.call('/f/fill');
    expect(errorOf(answer).message).toBe('the guest used more processor time than its limit of 200 ms');
    // Its memory is told, so its thread lives on.
    expect((await host.executions())[0]?.memoryBytesPeak).toBe(1_601 * 65_536);
  });

  it('ends in its thread too while it waits for others', async () => {
    const asked = signalled();
    const origin = await upstream(() => asked.happens());
    const host = await TestHost.start({
      workers: 1,
      timeLimitMs: 500,
      memoryMb: MEMORY_MB,
      allowOutbound: ['127.0.0.1'],
    });
    await host.deploy('proxy', await guest('proxy'));
    const answer = await host.call(`/f/proxy/?url=${origin}/`);
    await asked.happened;
    expect(errorOf(answer).code).toBe('guest-time-limit');
    const [record] = await host.executions();
    expect(record).toMatchObject({ outcome: 'time-limit' });
    expect(record?.memoryBytesPeak).toBeLessThan(MEMORY_BYTES);
  });
});

describe('processor time', () => {
  it('does not pass while a guest waits for others', async () => {
    const origin = await upstream((_request, response) => setTimeout(() => response.end('late'), 1_000));
    const host = await TestHost.start({ workers: 1, cpuLimitMs: 400, allowOutbound: ['127.0.0.1'] });
    await host.deploy('proxy', await guest('proxy'));
    const answer = await host.call(`/f/proxy/?url=${origin}/`);
    expect([answer.status, answer.text]).toEqual([200, 'late']);
  });
});

describe('the details of a function', () => {
  it('say how it is stopped', async () => {
    const host = await TestHost.start();
    const deployed = await host.put('burn', await guest('burn'));
    expect(JSON.parse(deployed.text)).toMatchObject({ deadlines: 'checks' });
    expect(await host.get('/v1/functions')).toMatchObject({ functions: [{ deadlines: 'checks' }] });
  });
});

describe('a guest without checks', () => {
  it('is not what a module becomes by importing names of the host: it is refused', async () => {
    const module = await fromText('(module (import "ebb" "limits" (memory 1)) (func (loop (br 0))))');
    expect(() => guardModule(module, { canPool: true, countsFuel: false })).toThrow(
      expect.objectContaining({
        code: 'component-invalid',
        message: expect.stringContaining('expected no import of ebb limits, which is a name of the host'),
      }),
    );
  });

  it('has a bounded memory all the same', async () => {
    const module = await fromText(
      '(module (memory (export "m") 1) (func (export "grow") (result i32) (memory.grow (i32.const 2))))',
    );
    const limited = new WebAssembly.Module(limitMemory(module, 2 * 65_536));
    const { grow } = new WebAssembly.Instance(limited).exports as GuestExports;
    expect(grow?.()).toBe(-1);
  });

  it('is stopped with its thread', async () => {
    const pool = openPool(1);
    const burn = await withoutChecks('burn');
    const spinning = pool.run(burn, orderOf('burn', '/spin', 300));
    const result = await spinning;
    expect(result).toMatchObject({ outcome: 'time-limit', memoryBytesPeak: MEMORY_BYTES });
    // On the thread that has taken the place of the one that went.
    expect(await pool.run(burn, orderOf('burn', '/fib/10'))).toMatchObject({ outcome: 'ok' });
  });
});
