/** Traces that come piece by piece, samples that are not kept, and replays that are stopped. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeSample } from '../simulator/kernel/quantiles.ts';
import { RandomStream } from '../simulator/kernel/random.ts';
import { Sample } from '../simulator/kernel/sample.ts';
import { planned } from '../simulator/plan.ts';
import { functionsPlatform } from '../simulator/platforms/functions.ts';
import type { Pick } from '../simulator/platforms/idle-pools.ts';
import { drive, replay, STEP } from '../simulator/replay.ts';
import { simulate } from '../simulator/run.ts';
import { checkScenario, type ScenarioInput } from '../simulator/scenario.ts';
import { openWorkload } from '../simulator/traces/load.ts';
import { parseServiceTime } from '../simulator/traces/service-time.ts';
import { isStream, type Trace } from '../simulator/traces/trace.ts';
import { atOnce } from '../simulator/traces/turns.ts';
import { parseWorkload } from '../simulator/traces/workload.ts';
import { inMemory, workloadStream } from '../simulator/traces/workload-stream.ts';
import { batchMeans } from './queue-kit.ts';
import { syntheticTrace } from './synthetic-load.ts';

const SERVICE = parseServiceTime('exponential:120ms');
const streamOf = (text: string, memoryMb: number | null = null) =>
  workloadStream(parseWorkload(text), { seed: 7, serviceTime: SERVICE, memoryMb });

const POISSON = 'poisson:rate=200/s,duration=200s,functions=7,skew=1';
const STORM = 'retry-storm:rate=100/s,duration=300s,at=100s,for=60s,retries=5,functions=3';

describe('a stream', () => {
  it.each([
    POISSON,
    'mmpp:rate=20/s,burst=400/s,on=10s,off=40s,duration=300s',
    'diurnal:rate=1/s,duration=1d',
    'spike:rate=20/s,peak=900/s,at=50s,for=20s,duration=200s',
    'ramp:from=10/s,to=200/s,duration=200s,functions=api:7+batch:3',
    'attack:rate=50/s,attack=400/s,at=30s,for=60s,duration=200s,functions=4',
    STORM,
  ])('comes in order of time, the same each time: %s', (text) => {
    const stream = streamOf(text);
    const [one, other] = [atOnce(inMemory(stream)), atOnce(inMemory(stream))];
    expect(one.count).toBeGreaterThan(2 * STEP);
    expect(one).toEqual(other);
    for (let at = 1; at < one.count; at++) {
      if ((one.arrivedAtUs[at - 1] as number) > (one.arrivedAtUs[at] as number)) throw new Error(`at ${at}`);
    }
  });

  const scenarios: readonly ScenarioInput[] = [
    { platforms: ['functions'] },
    { platforms: ['functions'], keepAlive: 'aws-2025', maxInstances: 20, attempts: 4, seriesS: 10 },
    { platforms: ['functions'], provisioned: '0:2,60:5', startRamp: 3, attempts: 3 },
    { platforms: ['functions'], keepAlive: 'greedy-dual', memoryCapMb: 8_192 },
    { platforms: ['vm'], instances: 3, cores: 4, queueLimit: 50 },
    { platforms: ['vm'], instances: 3, cores: 4, sharing: 'ps' },
    // Overloaded: thousands at once.
    { platforms: ['vm'], instances: 1, cores: 8, sharing: 'ps' },
    { platforms: ['paas'], maxInstances: 20, routing: 'random' },
    { platforms: ['vm-group'], maxInstances: 20, cores: 2, concurrency: 4 },
    {
      platforms: ['vm'],
      instances: 6,
      cores: 8,
      spotRate: 60,
      spotNoticeS: 0,
      attempts: 3,
      bootS: 5,
      queueLimit: 40,
    },
    {
      platforms: ['vm'],
      instances: 6,
      cores: 4,
      sharing: 'ps',
      spotLivesS: '30,90',
      spotNoticeS: 5,
      bootS: 2,
    },
    { platforms: ['containers'], concurrency: 10 },
    { platforms: ['ebb'], instances: 2, cores: 8 },
  ];
  it.each(scenarios)('gives the bytes of the same trace in memory: %j', (scenario) => {
    for (const stream of [streamOf(POISSON), streamOf(STORM, 1_024)]) {
      expect(JSON.stringify(simulate(stream, scenario))).toBe(
        JSON.stringify(simulate(atOnce(inMemory(stream)), scenario)),
      );
    }
  });

  it('is what a long made-up workload stays, unless it is transformed', async () => {
    const options = { synthetic: 'poisson:rate=1000/s,duration=100s', serviceTime: 'exponential:50ms' };
    expect(isStream(await openWorkload(null, options))).toBe(false);
    expect(isStream(await openWorkload(null, options, {}, 99_000))).toBe(true);
    expect(isStream(await openWorkload(null, { ...options, transform: 'scale=0.5' }, {}, 99_000))).toBe(
      false,
    );
    const long = { ...options, synthetic: 'poisson:rate=1000/s,duration=100000s' };
    expect(await openWorkload(null, long)).toMatchObject({ expected: 1e8, columns: {} });
    await expect(openWorkload(null, { ...long, transform: 'scale=0.5' })).rejects.toMatchObject({
      code: 'trace-too-large',
    });
    const endless = { ...options, synthetic: 'poisson:rate=1000/s,duration=1000w' };
    await expect(openWorkload(null, endless)).rejects.toMatchObject({ code: 'trace-too-large' });
  });

  it('of nothing is refused as an empty trace', () => {
    const nothing = streamOf('poisson:rate=1/d,duration=1us');
    expect(() => simulate(nothing)).toThrow(expect.objectContaining({ code: 'trace-empty' }));
  });
});

describe('a sample', () => {
  const value = fc.oneof(fc.constant(0), fc.nat(300_000), fc.nat({ max: 2 ** 30 }), fc.nat({ max: 2 ** 40 }));
  const values = fc.array(value, { minLength: 30, maxLength: 400 });
  const sampleOf = (list: readonly number[], exactMax: number): Sample => {
    const sample = new Sample(10, exactMax);
    for (const value of list) sample.add(value);
    return sample;
  };

  it('is exact as long as it is kept, however it grew', () => {
    fc.assert(
      fc.property(values, (list) => {
        const sample = sampleOf(list, 400);
        expect(sample.batchMeans(5)).toEqual(batchMeans(list, 5));
        expect(sample.describe()).toEqual(describeSample(Float64Array.from(list)));
        expect(sample.count).toBe(list.length);
      }),
    );
  });

  it('beyond that has exact means and maxima, and percentiles that are never below and hardly above', () => {
    fc.assert(
      fc.property(values, (list) => {
        const exact = describeSample(Float64Array.from(list));
        const counted = sampleOf(list, 20).describe();
        expect([counted.mean, counted.max]).toEqual([exact.mean, exact.max]);
        for (const key of ['p50', 'p90', 'p95', 'p99', 'p999'] as const) {
          expect(counted[key]).toBeGreaterThanOrEqual(exact[key]);
          expect(counted[key]).toBeLessThanOrEqual(exact[key] * (1 + 2 ** -16));
          if (exact[key] < 2 ** 17) expect(counted[key]).toBe(exact[key]);
        }
      }),
    );
  });

  it('beyond that has batch means of whole groups', () => {
    const random = new RandomStream(1, 'test');
    const list = Array.from({ length: 40 * 1_024 + 5 }, () => Math.floor(random.uniform() * 1e6));
    const sample = sampleOf(list, 2_000);
    expect(sample.batchMeans(20)).toEqual(batchMeans(list.slice(0, 40 * 1_024), 20));
  });
});

describe('a replay that is stopped', () => {
  const trace = atOnce(inMemory(streamOf(POISSON)));
  const first = (count: number): Trace => ({
    ...trace,
    count,
    arrivedAtUs: trace.arrivedAtUs.slice(0, count),
    runUs: trace.runUs.slice(0, count),
    functionIndex: trace.functionIndex.slice(0, count),
  });

  it.each(['functions', 'vm', 'paas', 'vm-group', 'containers', 'ebb'] as const)(
    'has the figures of the requests until then, and says so (%s)',
    (name) => {
      const [entry] = planned(checkScenario({ platforms: [name], instances: undefined }));
      if (entry === undefined) throw new Error('nothing is planned');
      const { result, seen } = replay(entry, trace, 1, (arrivals) => arrivals < 2 * STEP);
      expect(seen).toMatchObject({ arrivals: 2 * STEP, complete: false });
      expect(result.complete).toBe(false);
      const whole = replay(entry, first(2 * STEP), 1, () => true).result;
      expect(whole.complete).toBe(true);
      expect({ ...result, complete: true }).toEqual(whole);
    },
  );
});

/** The rules of functions said as plainly as can be, over a list of all instances. */
function plainReplay(trace: Trace, keepAliveUs: number, pick: Pick, maxInstances: number): number[] {
  interface Plain {
    readonly number: number;
    freeAtUs: number;
  }
  let alive: Plain[] = [];
  let created = 0;
  const instanceOf: number[] = [];
  for (let at = 0; at < trace.count; at++) {
    const nowUs = trace.arrivedAtUs[at] as number;
    const endUs = nowUs + (trace.runUs[at] as number);
    alive = alive.filter(({ freeAtUs }) => freeAtUs > nowUs || freeAtUs + keepAliveUs >= nowUs);
    const idle = alive.filter(({ freeAtUs }) => freeAtUs <= nowUs);
    const sign = pick === 'newest' ? -1 : 1;
    const key = (one: Plain): number => (pick === 'lru' ? one.freeAtUs : sign * one.number);
    const [chosen] = idle.sort((a, b) => key(a) - key(b));
    if (chosen !== undefined) chosen.freeAtUs = endUs;
    else if (alive.length < maxInstances) alive.push({ number: created++, freeAtUs: endUs });
    instanceOf.push(chosen === undefined && alive.at(-1)?.freeAtUs !== endUs ? -1 : created);
  }
  return instanceOf;
}

describe('ids of instances that are used again', () => {
  it.each(['newest', 'oldest', 'lru'] as const)('change nothing about who starts when (%s)', (pick) => {
    // Short keep-alives beside long runs: instances end all the time, and queues fill with stale entries.
    const trace = syntheticTrace({
      seed: 3,
      requests: 20_000,
      meanGapUs: 900,
      meanRunUs: 9_000,
      run: 'exponential',
    });
    const keepAliveUs = 4_000;
    let created = 0;
    const instanceOf: number[] = [];
    const sink = {
      execution: ({ warmth }: { readonly warmth: string }) => {
        if (warmth === 'cold') created++;
        instanceOf.push(created);
      },
      instance: () => {},
    };
    const settings = { coldStartUs: 0, keepAliveUs, pick, maxInstances: 1_000, memoryBytes: null };
    const { totals } = drive(functionsPlatform(settings), trace, () => sink);
    expect(created).toBeGreaterThan(2_000);
    expect(instanceOf).toEqual(plainReplay(trace, keepAliveUs, pick, 1_000));
    expect(totals.instancesPeak).toBeLessThan(50);
  });
});
