/** Guests that pass a limit through a whole host: they end, and their threads live on. */
import { afterEach, describe, expect, it } from 'vitest';
import { planDirect } from '../host/component/direct-plan.ts';
import { guardModule } from '../host/component/guard-module.ts';
import { importMemory, type MemoryType } from '../host/component/import-memory.ts';
import { limitMemory } from '../host/component/limit-memory.ts';
import { makePlan } from '../host/component/plan.ts';
import { hostConfig } from '../host/config.ts';
import { effectiveSettings } from '../host/function-settings.ts';
import { NestedCalls } from '../host/nested-calls.ts';
import { OutboundAccess, systemResolver } from '../host/outbound-access.ts';
import { OutboundPolicy } from '../host/outbound-policy.ts';
import { runLimits } from '../host/run-limits.ts';
import { WorkerPool } from '../host/threads/pool.ts';
import { example as guest } from './host-guests.ts';
import { closeAll, closeLater, errorOf, signalled, TestHost, upstream } from './host-kit.ts';
import { fromText, type GuestExports } from './instrument-kit.ts';
import { runEvents } from './run-kit.ts';

afterEach(closeAll);

const MEMORY_MB = 64;
const MEMORY_BYTES = MEMORY_MB * 1_048_576;

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
  it('is what a module that imports names of the host is left as, its memory bounded all the same', async () => {
    const module = await fromText(
      '(module (import "ebb" "limits" (memory 1)) (memory (export "m") 1) (func (export "grow") (result i32) (memory.grow 1 (i32.const 2))))',
    );
    const { bytes, guard } = guardModule(module, true);
    expect(guard).toBeUndefined();
    const limited = new WebAssembly.Module(limitMemory(bytes, 2 * 65_536));
    const imports = { ebb: { limits: new WebAssembly.Memory({ initial: 1 }) } };
    const { grow } = new WebAssembly.Instance(limited, imports).exports as GuestExports;
    expect(grow?.()).toBe(-1);
  });

  it('is stopped with its thread', async () => {
    const burn = await guest('burn');
    const { plan } = await makePlan(burn, MEMORY_BYTES);
    const planned = planDirect(burn, plan.exports[0] as string);
    if ('unfit' in planned) throw new Error(planned.unfit);
    const modules: Record<string, WebAssembly.Module> = {};
    const memories: Record<string, MemoryType> = {};
    for (const [index, bytes] of planned.modules.entries()) {
      const name = plan.modules[index] as string;
      const imported = importMemory(bytes);
      if (imported) memories[name] = { ...imported.memory, pagesMax: MEMORY_BYTES / 65_536 };
      modules[name] = await WebAssembly.compile(imported?.bytes ?? new Uint8Array(bytes));
    }
    const pool = new WorkerPool({
      workers: 1,
      queueLimit: 1,
      nestedCalls: new NestedCalls(),
      isKept: () => true,
    });
    closeLater(() => pool.close());
    const unguarded = { ...plan, deadlines: 'thread' as const, guards: {} };
    const sizes = { memoryBytesMax: MEMORY_BYTES, codeBytes: 0 };
    const component = { plan: unguarded, modules, memories, key: 'burn', script: '', ...sizes };
    const request = {
      method: 'GET',
      scheme: 'http',
      authority: 'localhost',
      pathWithQuery: '/spin',
      headers: [],
    } as const;
    const settings = effectiveSettings({ timeLimitMs: 300, memoryMb: MEMORY_MB }, hostConfig({}));
    const limits = runLimits(settings, new OutboundAccess(new OutboundPolicy([]), systemResolver));
    const order = { functionName: 'burn', request, limits, level: 0, events: runEvents() };
    const spinning = pool.run(component, order);
    const result = await spinning;
    expect(result).toMatchObject({ outcome: 'time-limit', memoryBytesPeak: MEMORY_BYTES });
    // On the thread that has taken the place of the one that went.
    const fib = { ...order, request: { ...request, pathWithQuery: '/fib/10' } };
    expect(await pool.run(component, fib)).toMatchObject({ outcome: 'ok' });
  });
});
