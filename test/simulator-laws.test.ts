/** Queueing theory's exact values, conservation and monotonicity, for traces that nobody has picked. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExecutionRecord } from '../metering/execution.ts';
import { EventQueue } from '../simulator/kernel/event-queue.ts';
import { Fifo } from '../simulator/kernel/fifo.ts';
import { describeSample } from '../simulator/kernel/quantiles.ts';
import { RandomStream } from '../simulator/kernel/random.ts';
import { PICKS, type Pick } from '../simulator/platforms/idle-pools.ts';
import { PLATFORM_NAMES } from '../simulator/platforms/platform.ts';
import { vmPlatform } from '../simulator/platforms/vm.ts';
import { drive } from '../simulator/replay.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { syntheticTrace } from './synthetic-load.ts';

const S = 1_000_000;

function vmWaits(load: { rate: number; servers: number; run: 'exponential' | 'constant' }): PlatformResult {
  const { rate, servers, run } = load;
  const trace = syntheticTrace({ seed: 7, requests: 1_000_000, meanGapUs: S / rate, meanRunUs: S, run });
  const [vm] = simulate(trace, { platforms: ['vm'], instances: servers }).platforms;
  return vm as PlatformResult;
}

const inSeconds = (ms: number) => ms / 1000;
const near = (got: number, exact: number) => Math.abs(got / exact - 1);

/** Erlang C by Erlang B's recursion: the share of requests that wait. */
function erlangC(load: number, servers: number): number {
  let b = 1;
  for (let k = 1; k <= servers; k++) b = (load * b) / (k + load * b);
  return b / (1 - (load / servers) * (1 - b));
}

// Tolerances are about four standard errors of a million correlated waits, seen over other seeds.
describe('a queue', () => {
  it('M/M/1 waits as theory says', () => {
    const vm = vmWaits({ rate: 0.8, servers: 1, run: 'exponential' });
    expect(near(inSeconds(vm.waitMs.mean), 4)).toBeLessThan(0.05);
    expect(near(inSeconds(vm.latencyMs.p50), 3.465735903)).toBeLessThan(0.05);
    expect(near(inSeconds(vm.latencyMs.p95), 14.978661368)).toBeLessThan(0.05);
    expect(near(inSeconds(vm.latencyMs.p99), 23.02585093)).toBeLessThan(0.06);
    expect(near(vm.utilisation, 0.8)).toBeLessThan(0.01);
  });

  it.each([
    [2, 3, 0.444444444444],
    [9, 10, 0.668731524108],
  ])('M/M/c with load %d on %d waits as theory says', (rate, servers, probability) => {
    expect(erlangC(rate, servers)).toBeCloseTo(probability, 10);
    const vm = vmWaits({ rate, servers, run: 'exponential' });
    const wait = erlangC(rate, servers) / (servers - rate);
    expect(near(inSeconds(vm.waitMs.mean), wait)).toBeLessThan(0.08);
    expect(near(vm.waited / vm.requests, probability)).toBeLessThan(0.03);
  });

  it('M/D/1 waits half as long as M/M/1', () => {
    const vm = vmWaits({ rate: 0.8, servers: 1, run: 'constant' });
    expect(near(inSeconds(vm.waitMs.mean), 2)).toBeLessThan(0.05);
  });

  it('that keeps instances for the mean gap starts e^-1 of its requests cold', () => {
    const load = { seed: 3, requests: 100_000, meanGapUs: 600 * S, meanRunUs: 0, run: 'constant' } as const;
    const scenario = { platforms: ['functions'], keepAliveS: 600, coldStartMs: 0 } as const;
    const [functions] = simulate(syntheticTrace(load), scenario).platforms as [PlatformResult];
    expect(near(functions.coldStarts / functions.requests, 0.367879441171)).toBeLessThan(0.02);
    // An expired instance idled for the whole keep-alive, others until the next request: 1 − e^-1 of the gap.
    expect(near(functions.idleSeconds / functions.requests, 379.272335297)).toBeLessThan(0.01);
  });
});

/** Small times, so that arrivals, ends and expiries often meet in the same microsecond. */
const anyTrace: fc.Arbitrary<Trace> = fc
  .array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 20 }), fc.constantFrom('a', 'b', 'c')), {
    minLength: 1,
    maxLength: 60,
  })
  .map((rows) => {
    const text = rows.map(([time, run, name]) => `${time},${run},${name}`).join('\n');
    return readTraceText(`t,d,f\n${text}`, 'any', { csvTime: 't', csvDuration: 'd', csvFunction: 'f' });
  });

const anyScenario: fc.Arbitrary<ScenarioInput> = fc.record({
  keepAliveS: fc.constantFrom(0, 1, 5, 1000),
  coldStartMs: fc.constantFrom(0, 1000, 2500),
  pick: fc.constantFrom(...PICKS),
  instances: fc.constantFrom(undefined, 1, 2, 5),
  cores: fc.constantFrom(undefined, 1, 2),
  maxInstances: fc.constantFrom(undefined, 1, 2, 3),
  queueLimit: fc.constantFrom(undefined, 0, 1, 4),
});

describe('any simulation', () => {
  it('loses no request and counts none twice', () => {
    fc.assert(
      fc.property(anyTrace, anyScenario, (trace, scenario) => {
        for (const platform of simulate(trace, scenario).platforms) {
          const { requests, served, rejected, failed, coldStarts, warmStarts } = platform;
          expect(requests).toBe(trace.count);
          expect(served + rejected + failed).toBe(requests);
          expect(coldStarts + warmStarts).toBe(served + failed);
          expect(platform.usage.executions).toBe(served + failed);
          expect(platform.idleSeconds).toBeGreaterThanOrEqual(0);
          expect(platform.idleSeconds).toBeLessThanOrEqual(platform.aliveSeconds);
          for (const key of ['requests', 'served', 'rejected', 'failed', 'coldStarts'] as const) {
            expect(platform.functions.reduce((sum, item) => sum + item[key], 0)).toBe(platform[key]);
          }
          if (platform.name === 'functions' && scenario.maxInstances !== undefined) {
            expect(platform.instancesPeak).toBeLessThanOrEqual(scenario.maxInstances);
          }
        }
      }),
    );
  });

  it('gives the same bytes twice', () => {
    fc.assert(
      fc.property(anyTrace, anyScenario, (trace, scenario) => {
        expect(JSON.stringify(simulate(trace, scenario))).toBe(JSON.stringify(simulate(trace, scenario)));
      }),
      { numRuns: 30 },
    );
  });

  it('never lets a request wait longer for more servers', () => {
    const waits = (trace: Trace, instances: number): number[] => {
      const list: number[] = [];
      const sink = {
        execution: (record: ExecutionRecord) => void list.push(record.queueUs),
        instance: () => {},
      };
      const settings = { cores: 1, queueLimit: Number.POSITIVE_INFINITY, memoryBytes: null };
      drive(vmPlatform({ instances, ...settings }), trace, () => sink);
      return list;
    };
    fc.assert(
      fc.property(
        anyTrace,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        (trace, few, more) => {
          const waitsOfMore = waits(trace, few + more);
          expect(waits(trace, few).every((wait, at) => (waitsOfMore[at] as number) <= wait)).toBe(true);
        },
      ),
    );
  });

  // With a start-up time it is no law: what a missing instance delays can leave more instances for later peaks.
  it('never starts more requests cold for a longer keep-alive, newest first, when starts take no time', () => {
    fc.assert(
      fc.property(anyTrace, fc.nat({ max: 30 }), fc.nat({ max: 30 }), (trace, keepAliveS, more) => {
        const one = { ...trace, functionNames: ['f'], functionIndex: trace.functionIndex.map(() => 0) };
        const cold = (keepAlive: number): number => {
          const scenario = { platforms: ['functions'], keepAliveS: keepAlive, coldStartMs: 0 } as const;
          return simulate(one, scenario).platforms[0]?.coldStarts ?? 0;
        };
        expect(cold(keepAliveS + more)).toBeLessThanOrEqual(cold(keepAliveS));
      }),
      { numRuns: 300 },
    );
  });
});

interface ModelInstance {
  readonly id: number;
  readonly pool: number;
  readonly startedUs: number;
  freeUs: number;
  /** Which request it took last: of equals in time, the one that began earlier is the one idle longer. */
  turn: number;
}

/** Functions as a list of all instances that is searched for every request: slow and plain. */
function modelOfFunctions(trace: Trace, keepAliveUs: number, coldUs: number, pick: Pick, max: number) {
  let alive: ModelInstance[] = [];
  const count = { created: 0, rejected: 0, peak: 0, aliveUs: 0 };
  const endWhere = (
    isOver: (instance: ModelInstance) => boolean,
    endOf: (instance: ModelInstance) => number,
  ) => {
    for (const one of alive.filter(isOver)) count.aliveUs += endOf(one) - one.startedUs;
    alive = alive.filter((one) => !isOver(one));
  };
  const isGone = (nowUs: number) => (one: ModelInstance) =>
    one.freeUs + keepAliveUs < nowUs || (keepAliveUs === 0 && one.freeUs <= nowUs);
  const orders = {
    newest: (one: ModelInstance) => -one.id,
    oldest: (one: ModelInstance) => one.id,
    lru: () => 0,
  };
  for (const [at, nowUs] of trace.arrivedAtUs.entries()) {
    const pool = trace.functionIndex[at] as number;
    const runUs = trace.runUs[at] as number;
    endWhere(isGone(nowUs), (one) => one.freeUs + keepAliveUs);
    const idle = alive
      .filter((one) => one.freeUs <= nowUs)
      .sort((a, b) => a.freeUs - b.freeUs || a.turn - b.turn);
    const mine = idle.filter((one) => one.pool === pool).sort((a, b) => orders[pick](a) - orders[pick](b));
    const chosen = mine[0];
    if (chosen !== undefined) {
      chosen.freeUs = nowUs + runUs;
      chosen.turn = at;
      continue;
    }
    if (alive.length >= max) {
      const given = idle[0];
      if (given === undefined) {
        count.rejected++;
        continue;
      }
      endWhere(
        (one) => one === given,
        () => nowUs,
      );
    }
    alive.push({ id: count.created++, pool, startedUs: nowUs, freeUs: nowUs + coldUs + runUs, turn: at });
    count.peak = Math.max(count.peak, alive.length);
  }
  endWhere(
    () => true,
    (one) => one.freeUs + keepAliveUs,
  );
  return count;
}

describe('functions', () => {
  it('do what a plain list of instances does', () => {
    const anyMax = fc.constantFrom(1, 2, 4, 1000);
    const anyKeepAlive = fc.constantFrom(0, 1, 3, 10, 1000);
    fc.assert(
      fc.property(
        anyTrace,
        anyKeepAlive,
        fc.nat({ max: 3 }),
        fc.constantFrom(...PICKS),
        anyMax,
        (trace, keepAliveS, coldS, pick, maxInstances) => {
          const scenario = {
            platforms: ['functions'],
            keepAliveS,
            coldStartMs: coldS * 1000,
            pick,
            maxInstances,
          } as const;
          const [functions] = simulate(trace, scenario).platforms as [PlatformResult];
          const model = modelOfFunctions(trace, keepAliveS * S, coldS * S, pick, maxInstances);
          expect(functions).toMatchObject({
            coldStarts: model.created,
            rejected: model.rejected,
            instancesPeak: model.peak,
            aliveSeconds: model.aliveUs / S,
          });
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a fixed number of dynos', () => {
  it('is a queue before machines of as many cores', () => {
    fc.assert(
      fc.property(
        anyTrace,
        fc.constantFrom(1, 2, 3),
        fc.constantFrom(1, 2),
        fc.constantFrom(undefined, 0, 2),
        (trace, instances, cores, queueLimit) => {
          const scenario = { platforms: ['vm', 'paas'], instances, cores, queueLimit } as const;
          const [vm, paas] = simulate(trace, scenario).platforms as [PlatformResult, PlatformResult];
          for (const key of [
            'served',
            'rejected',
            'waited',
            'busySeconds',
            'aliveSeconds',
            'waitMs',
            'latencyMs',
          ] as const) {
            expect(paas[key]).toEqual(vm[key]);
          }
        },
      ),
    );
  });
});

describe('one request', () => {
  it.each(PLATFORM_NAMES)('is enough, and may take no time (%s)', (name) => {
    const trace = readTraceText('t,d\n5,0', 'one', { csvTime: 't', csvDuration: 'd' });
    const [platform] = simulate(trace, {
      platforms: [name],
      ...(name === 'functions' ? { keepAliveS: 0 } : {}),
    }).platforms;
    expect(platform).toMatchObject({ requests: 1, served: 1, instancesPeak: 1 });
    // Functions and containers start for it, Ebb makes a fresh instance, all others are there.
    const startMs = { functions: 250, containers: 1_000, ebb: 0.05 } as Readonly<Record<string, number>>;
    expect(platform?.latencyMs.max).toBe(startMs[name] ?? 0);
  });
});

describe('the kernel', () => {
  it('gives events by key, and first in first out at equal keys', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat({ max: 9 }), { nil: null }), { maxLength: 100 }), (steps) => {
        const queue = new EventQueue();
        const model: { key: number; id: number }[] = [];
        for (const [id, key] of steps.entries()) {
          if (key !== null) {
            queue.push(key, id);
            model.push({ key, id });
            model.sort((a, b) => a.key - b.key || a.id - b.id);
          } else if (model.length > 0) {
            expect(queue.nextKey).toBe(model[0]?.key);
            expect(queue.pop()).toBe(model.shift()?.id);
          }
          expect(queue.length).toBe(model.length);
        }
        if (model.length === 0) expect(queue.nextKey).toBe(Number.POSITIVE_INFINITY);
      }),
    );
  });

  it('keeps a queue of numbers in order while it grows and wraps', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (steps) => {
        const fifo = new Fifo();
        const model: number[] = [];
        for (const [value, isPush] of steps.entries()) {
          if (isPush || model.length === 0) {
            fifo.push(value);
            model.push(value);
          } else {
            expect(fifo.first).toBe(model[0]);
            expect(fifo.shift()).toBe(model.shift());
          }
          expect(fifo.length).toBe(model.length);
        }
      }),
    );
  });

  it('draws the same numbers for the same seed and purpose, others otherwise', () => {
    const draws = (seed: number, purpose: string) => {
      const stream = new RandomStream(seed, purpose);
      return Array.from({ length: 4 }, () => stream.nextUint32());
    };
    expect(draws(1, 'a')).toEqual(draws(1, 'a'));
    const others = [draws(1, 'a'), draws(2, 'a'), draws(1, 'b'), draws(1 + 2 ** 32, 'a')];
    expect(new Set(others.map(String)).size).toBe(4);
  });

  it('draws uniformly and exponentially', () => {
    const stream = new RandomStream(5, 'test');
    const n = 200_000;
    let uniform = 0;
    let exponential = 0;
    for (let i = 0; i < n; i++) {
      const draw = stream.uniform();
      if (!(draw >= 0 && draw < 1)) throw new Error(`not in [0, 1): ${draw}`);
      uniform += draw;
      exponential += stream.exponential(3);
    }
    expect(uniform / n).toBeCloseTo(0.5, 2);
    expect(near(exponential / n, 3)).toBeLessThan(0.01);
  });

  it('takes percentiles by nearest rank', () => {
    const sample = Float64Array.from({ length: 20 }, (_, at) => 20 - at);
    expect(describeSample(sample)).toEqual({
      mean: 10.5,
      p50: 10,
      p90: 18,
      p95: 19,
      p99: 20,
      p999: 20,
      max: 20,
    });
    expect(describeSample(new Float64Array(0)).max).toBe(0);
    expect(describeSample(Float64Array.of(7))).toEqual({
      mean: 7,
      p50: 7,
      p90: 7,
      p95: 7,
      p99: 7,
      p999: 7,
      max: 7,
    });
  });
});
