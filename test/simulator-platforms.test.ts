/** What holds on every platform: conservation, time series, replications, options that somebody uses, and Ebb's host. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanInterval, studentT975 } from '../simulator/kernel/interval.ts';
import { RandomStream, replicationSeed } from '../simulator/kernel/random.ts';
import { Sample } from '../simulator/kernel/sample.ts';
import { selectRank } from '../simulator/kernel/select.ts';
import { SlotTree } from '../simulator/kernel/slot-tree.ts';
import { ROUTINGS } from '../simulator/platforms/fleet.ts';
import { KEEP_ALIVES } from '../simulator/platforms/keep-alive/policy.ts';
import { PAAS_SCALINGS } from '../simulator/platforms/paas-scaling.ts';
import { PLATFORM_NAMES, type PlatformName } from '../simulator/platforms/platform.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { syntheticTrace } from './synthetic-load.ts';

const S = 1_000_000;
const CSV = { csvTime: 't', csvDuration: 'd', csvFunction: 'f' } as const;
const traceOf = (rows: readonly string[]) => readTraceText(['t,d,f', ...rows].join('\n'), 'rows', CSV);
const resultOf = (trace: Trace, scenario: ScenarioInput): PlatformResult =>
  simulate(trace, scenario).platforms[0] as PlatformResult;

const anyTrace: fc.Arbitrary<Trace> = fc
  .array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 90 }), fc.constantFrom('a', 'b', 'c')), {
    minLength: 1,
    maxLength: 80,
  })
  .map((rows) => traceOf(rows.map(([time, run, name]) => `${time},${run},${name}`)));

const maybe = <T>(...values: readonly T[]) => fc.constantFrom(undefined, ...values);
const without = (given: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));

const anyFunctions = fc
  .record({
    keepAlive: fc.constantFrom(...KEEP_ALIVES),
    coldStartMs: maybe(0, 2_000),
    maxInstances: maybe(1, 3),
    maxPerFunction: maybe(1, 2),
    startRamp: maybe(1, 3),
    attempts: maybe(2, 4),
    provisioned: maybe('1', '0:2,50:0'),
  })
  .map((given) => {
    const isCapped = given.keepAlive === 'lru' || given.keepAlive === 'greedy-dual';
    return { ...given, memoryCapMb: isCapped ? 1_024 : undefined };
  });
const fleet = { cores: maybe(1, 2), queueLimit: maybe(0, 3), maxInstances: maybe(1, 4) };
const anyOptions: Readonly<Record<PlatformName, fc.Arbitrary<object>>> = {
  functions: anyFunctions,
  vm: fc.record({
    instances: maybe(1, 3),
    cores: maybe(1, 2),
    queueLimit: maybe(0, 3),
    sharing: maybe('ps'),
  }),
  paas: fc.record({
    ...fleet,
    paasScaling: maybe(...PAAS_SCALINGS),
    routing: maybe(...ROUTINGS),
    bootS: maybe(0, 5),
  }),
  'vm-group': fc.record({
    ...{
      ...fleet,
      concurrency: maybe(1, 5),
      bootS: maybe(0, 20),
      warmUpS: maybe(0),
      cooldownS: maybe(0, 60),
    },
    ...{ metricPeriodS: maybe(5), metricDelayS: maybe(7), scaleSteps: maybe('50:+2,20:-1') },
    scaleInProtection: maybe(true),
  }),
  containers: fc.record({
    ...fleet,
    concurrency: maybe(1, 3),
    coldStartMs: maybe(0, 3_000),
    minInstances: maybe(0, 1),
  }),
  ebb: fc.record({
    instances: maybe(1, 3),
    cores: maybe(1, 2),
    queueLimit: maybe(0, 3),
    queueTimeoutMs: maybe(0, 20_000),
  }),
};

describe.each(PLATFORM_NAMES)('%s', (name) => {
  it('loses no request, counts none twice, and is never busier than it lives', () => {
    fc.assert(
      fc.property(anyTrace, anyOptions[name], (trace, options) => {
        const scenario = { ...without({ ...options }), platforms: [name], seriesS: 7 } as ScenarioInput;
        const platform = resultOf(trace, scenario);
        const { requests, served, rejected, failed, coldStarts, warmStarts, series } = platform;
        expect(requests).toBe(trace.count);
        expect(served + rejected + failed).toBe(requests);
        expect(coldStarts + warmStarts).toBe(served + failed);
        expect(platform.usage.executions).toBe(served + failed);
        expect(platform.throttled).toBe(platform.retried + rejected);
        expect(platform.idleSeconds).toBeGreaterThanOrEqual(0);
        expect(platform.idleSeconds).toBeLessThanOrEqual(platform.aliveSeconds);
        expect(platform.idleCostUsd).toBeLessThanOrEqual(platform.costUsd);
        const sum = (values: readonly number[] = []) => values.reduce((total, value) => total + value, 0);
        expect(sum(series?.arrivals)).toBe(requests);
        expect(sum(series?.rejected)).toBe(rejected);
        expect(sum(series?.coldStarts)).toBe(coldStarts);
        expect(7 * sum(series?.instances)).toBeCloseTo(platform.aliveSeconds, 2);
        expect(7 * sum(series?.concurrency)).toBeCloseTo(platform.busySeconds, 2);
        expect(resultOf(trace, scenario)).toEqual(platform);
        if (rejected + failed > 0) return;
        // Little's law without averages: whoever is in flight is in flight for the time of somebody's latency.
        const inFlightS = 7 * (sum(series?.concurrency) + sum(series?.queue));
        expect(inFlightS).toBeCloseTo((platform.latencyMs.mean * requests) / 1_000, 2);
        // Work that comes in goes out: shared processors stretch runs, and add nothing to the work.
        const workMs = sum([...trace.runUs]) / 1_000;
        expect(platform.usage.cpuMs).toBeCloseTo(workMs, 6);
        expect(platform.usage.runMs).toBeGreaterThanOrEqual(workMs - 1e-6);
        if (name === 'functions' || name === 'ebb') expect(platform.usage.runMs).toBeCloseTo(workMs, 6);
      }),
      { numRuns: 150 },
    );
  });
});

describe('more servers', () => {
  it.each([
    ['vm', (more: number) => ({ instances: 1 + more })],
    ['paas', (more: number) => ({ instances: 2, cores: 1 + more })],
    ['vm-group', (more: number) => ({ minInstances: 1 + more, maxInstances: 1 + more, cores: 1 })],
    [
      'ebb',
      (more: number) => ({
        instances: 2,
        cores: 1 + more,
        queueLimit: 1e6,
        queueTimeoutMs: 3.6e6,
        timeLimitMs: 3.6e6,
      }),
    ],
  ] as const)('never make the waits before them longer: %s', (name, shape) => {
    fc.assert(
      fc.property(anyTrace, fc.integer({ min: 0, max: 4 }), (trace, few) => {
        const waits = (more: number) =>
          resultOf(trace, { platforms: [name], ...shape(more) } as ScenarioInput).waitMs;
        const [fewer, greater] = [waits(few), waits(few + 1)];
        // No request waits longer, so no rank of them does.
        for (const rank of ['mean', 'p50', 'p90', 'p99', 'max'] as const) {
          expect(greater[rank]).toBeLessThanOrEqual(fewer[rank]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('never make a request on shared processors take longer', () => {
    fc.assert(
      fc.property(anyTrace, fc.integer({ min: 1, max: 4 }), (trace, cores) => {
        const latency = (own: number) =>
          resultOf(trace, { platforms: ['vm'], sharing: 'ps', cores: own }).latencyMs.mean;
        expect(latency(cores + 1)).toBeLessThanOrEqual(latency(cores) + 0.01);
      }),
      { numRuns: 60 },
    );
  });
});

describe('Ebb', () => {
  const burst = (runS: number) => traceOf(Array.from({ length: 5 }, () => `0,${runS},f`));
  const host = { platforms: ['ebb'], cores: 1, coldStartMs: 0 } as const;

  it('refuses as its host does: a full queue at once, a long wait at its timeout', () => {
    expect(resultOf(burst(1), { ...host, queueLimit: 1 })).toMatchObject({
      served: 2,
      rejected: 3,
      waited: 1,
    });
    // The second waits 1 s; the third would wait 2 s and gives up after 1.5 s.
    expect(resultOf(burst(1), { ...host, queueTimeoutMs: 1_500 })).toMatchObject({ served: 2, rejected: 3 });
    expect(resultOf(burst(1), { ...host, queueTimeoutMs: 2_000 })).toMatchObject({ served: 3, rejected: 2 });
    expect(resultOf(burst(1), host).settings).toMatchObject({ queueLimit: 1_000, queueTimeoutMs: 10_000 });
  });

  it('gives a place in the queue back when a wait times out', () => {
    const rows = ['0,10,f', '0,1,f', '1,1,f', '3,1,f'];
    const result = resultOf(traceOf(rows), { ...host, queueLimit: 1, queueTimeoutMs: 2_000 });
    // At 1 s the place is taken, at 3 s it is free again; nobody waits until 10 s.
    expect(result).toMatchObject({ served: 1, rejected: 3, usage: { byOutcome: { ok: 1, rejected: 3 } } });
  });

  it('cuts runs off at the time limit, start-up included', () => {
    const result = resultOf(traceOf(['0,20,f']), { ...host, coldStartMs: 1_000, timeLimitMs: 5_000 });
    expect(result).toMatchObject({ failed: 1, busySeconds: 5, usage: { startupMs: 1_000, runMs: 4_000 } });
    expect(result.usage.byOutcome).toEqual({ 'time-limit': 1 });
  });

  it('spreads requests over its machines in turn', () => {
    expect(resultOf(burst(1), { ...host, instances: 5 })).toMatchObject({ waited: 0, instancesPeak: 5 });
    expect(resultOf(burst(1), { ...host, instances: 2 }).latencyMs.max).toBe(3_000);
  });
});

describe('options', () => {
  const refusal = (scenario: ScenarioInput): unknown => {
    try {
      return simulate(traceOf(['0,1,f']), scenario);
    } catch (thrown) {
      return thrown;
    }
  };

  it.each([
    [{ platforms: ['vm'], keepAliveS: 5 }, /keepAliveS: is for functions, but simulated is vm/],
    [
      { platforms: ['functions'], queueLimit: 5 },
      /queueLimit: is for vm, paas, vm-group, containers, ebb, but/,
    ],
    [{ scaleTarget: 5 }, /scaleTarget: is for vm-group, but simulated is functions, vm, paas/],
    [{ keepAlive: 'lru' }, /memoryCapMb: expected the memory for keepAlive lru/],
    [{ memoryCapMb: 5 }, /memoryCapMb: is for keepAlive lru or greedy-dual alone/],
    [{ backoffMs: 5 }, /backoffMs: is for attempts of 2 or more alone/],
    [{ platforms: ['vm'], concurrency: 5 }, /concurrency: is for sharing ps alone/],
    [{ platforms: ['vm-group'], scaleTarget: 5, scaleSteps: '5:+1' }, /scaleTarget: is for target tracking/],
    [{ platforms: ['vm-group'], scaleSteps: 'often' }, /scaleSteps: expected steps such as .*, got "often"/],
    [
      { platforms: ['paas'], minInstances: 5, maxInstances: 4 },
      /minInstances: expected at most maxInstances, 4/,
    ],
    [
      { platforms: ['paas'], paasScaling: 'load', p95TargetMs: 5 },
      /p95TargetMs: is for paasScaling latency or queue-time alone, got 5 without/,
    ],
    [{ platforms: ['paas'], requestsTarget: 5 }, /requestsTarget: is for paasScaling requests alone/],
    [{ platforms: ['paas'], instances: 2, paasScaling: 'latency' }, /paasScaling: is for paas that scales/],
    [
      { platforms: ['paas', 'vm'], instances: 2, maxInstances: 3 },
      /maxInstances: is for paas that scales, got it beside instances/,
    ],
    [
      { platforms: ['functions'], cpuTarget: 60 },
      /cpuTarget: is for containers, but simulated is functions$/,
    ],
    [{ platforms: ['paas'], minInstances: 0 }, /minInstances: expected at least 1 for paas and vm-group/],
    [{ platforms: ['containers'], coldStartMs: 'trace' }, /coldStartMs: expected a number .* containers/],
  ] as const)('that nobody can use are refused: %j', (scenario, message) => {
    expect(refusal(scenario)).toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message),
    });
  });

  it('choose books that fit: what each instance did must be known', () => {
    const scenario = { platforms: ['vm'], prices: ['gcp-cloud-run-concurrent'] } as const;
    expect(refusal(scenario)).toMatchObject({ code: 'prices-unfit' });
    expect(refusal({ ...scenario, sharing: 'ps' })).toMatchObject({ platforms: [{ name: 'vm' }] });
    const reserved = { prices: ['aws-ec2-reserved'], instanceType: 't3.medium-standard-1y' } as const;
    const month = resultOf(traceOf(['0,1,f']), { platforms: ['vm'], ...reserved });
    expect(month.invoice[0]?.quantity).toBe(730);
  });

  it('refuse a series that nobody could read', () => {
    const far = traceOf(['0,1,f', '10000000,1,f']);
    expect(() => simulate(far, { seriesS: 1 })).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});

describe('replications', () => {
  const rush = (seed: number) =>
    syntheticTrace({ seed, requests: 3_000, meanGapUs: S / 1.6, meanRunUs: S, run: 'exponential' });
  const scenario = { platforms: ['vm', 'paas'], instances: 2, cores: 1, replications: 8 } as const;

  it('have seeds of their own, the first the scenario’s', () => {
    const seeds = Array.from({ length: 50 }, (_, replication) => replicationSeed(7, replication));
    expect(new Set(seeds).size).toBe(50);
    expect([seeds[0], seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)]).toEqual([7, true]);
  });

  it('give intervals for what draws, and none for what does not', () => {
    const drawn = simulate(rush(1), {
      platforms: ['functions'],
      keepAlive: 'aws-2025',
      replications: 5,
      startRamp: 1,
      attempts: 9,
    });
    expect(drawn.replications).toMatchObject({ count: 5, confidence: 0.95 });
    expect(drawn.replications?.platforms[0]?.latencyMeanMs.halfWidth).toBeGreaterThan(0);
    const fixed = simulate(rush(1), { ...scenario, replications: 3 });
    expect(fixed.replications?.platforms[0]?.latencyMeanMs.halfWidth).toBeCloseTo(0, 6);
    expect(fixed.platforms).toEqual(simulate(rush(1), { ...scenario, replications: 1 }).platforms);
    expect(simulate(rush(1)).replications).toBeNull();
  });

  it('of the same arrivals tell platforms apart more finely than each alone', () => {
    const random = { ...scenario, routing: 'random' } as const;
    const result = simulate(rush(1), random, { redraw: rush }).replications;
    const [vm, paas] = result?.platforms ?? [];
    const difference = result?.differences[0];
    expect(difference).toMatchObject({ first: 'vm, aws-ec2', second: 'paas, heroku' });
    const apart = Math.hypot(vm?.waitMeanMs.halfWidth ?? 0, paas?.waitMeanMs.halfWidth ?? 0);
    expect(difference?.waitMeanMs.halfWidth ?? 1e9).toBeLessThan(apart);
    expect((difference?.waitMeanMs.mean ?? 0) - (difference?.waitMeanMs.halfWidth ?? 0)).toBeGreaterThan(0);
    expect(simulate(rush(1), random, { redraw: rush }).replications).toEqual(result);
  });
});

describe('intervals', () => {
  it('are Student’s', () => {
    expect([studentT975(1), studentT975(9), studentT975(30)]).toEqual([12.7062, 2.2622, 2.0423]);
    expect(studentT975(40)).toBeCloseTo(2.0211, 4);
    expect(studentT975(120)).toBeCloseTo(1.9799, 4);
    // 1, 2, 3: t(2) · 1 / √3.
    expect(meanInterval([1, 2, 3])).toEqual({ mean: 2, halfWidth: expect.closeTo(4.3027 / Math.sqrt(3), 9) });
    expect([meanInterval([]), meanInterval([5])]).toEqual([
      { mean: 0, halfWidth: null },
      { mean: 5, halfWidth: null },
    ]);
  });

  it('by batch means cover a correlated run’s mean', () => {
    const result = resultOf(
      syntheticTrace({ seed: 3, requests: 200_000, meanGapUs: 2 * S, meanRunUs: S, run: 'exponential' }),
      {
        platforms: ['vm'],
      },
    );
    const { waitMs } = result.batchMeans ?? { waitMs: { mean: 0, halfWidth: 0 } };
    expect(waitMs.mean).toBeCloseTo(result.waitMs.mean, 3);
    expect(Math.abs(waitMs.mean - 1_000)).toBeLessThan(2 * (waitMs.halfWidth ?? 0));
    expect(waitMs.halfWidth ?? 1e9).toBeLessThan(60);
    expect(new Sample(3).batchMeans(20)).toEqual({ mean: 0, halfWidth: null });
  });
});

describe('the kernel', () => {
  it('selects ranks as sorting does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 300 }),
        fc.nat(),
        (values, drawn) => {
          const sample = Float64Array.from(values);
          const rank = drawn % sample.length;
          selectRank(sample, rank, 0, sample.length - 1);
          expect(sample[rank]).toBe(Float64Array.from(values).sort()[rank]);
          expect([...sample].sort((a, b) => a - b)).toEqual([...values].sort((a, b) => a - b));
          const [before, after] = [sample.subarray(0, rank), sample.subarray(rank)];
          expect(Math.max(...before, 0)).toBeLessThanOrEqual(Math.min(...after));
        },
      ),
    );
  });

  it('finds the slot with the smallest key', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 70 }), fc.option(fc.nat(), { nil: null })), { maxLength: 200 }),
        (steps) => {
          const tree = new SlotTree();
          const model = new Map<number, number>();
          for (const [at, [slot, drawn]] of steps.entries()) {
            // Keys that differ, as the tree wants them.
            const key = drawn === null ? Number.POSITIVE_INFINITY : drawn * 1_000 + at;
            tree.set(slot, key);
            model.set(slot, key);
            const best = [...model]
              .filter(([, value]) => Number.isFinite(value))
              .sort((a, b) => a[1] - b[1])[0];
            expect(tree.first).toBe(best?.[0] ?? -1);
          }
        },
      ),
    );
  });

  it('draws replications apart', () => {
    const draw = (replication: number) => new RandomStream(replicationSeed(1, replication), 'x').nextUint32();
    expect(new Set([draw(0), draw(1), draw(2)]).size).toBe(3);
  });
});
