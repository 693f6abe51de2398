/** Functions: keep-alive policies by worked vectors, limits, clients that try again, provisioned instances. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../simulator/kernel/random.ts';
import { GreedyDual } from '../simulator/platforms/keep-alive/greedy-dual.ts';
import { IdleForecast } from '../simulator/platforms/keep-alive/idle-forecast.ts';
import { IdleHistogram } from '../simulator/platforms/keep-alive/idle-histogram.ts';
import { idleUsAt } from '../simulator/platforms/keep-alive/survival.ts';
import { SURVIVAL_CURVES } from '../simulator/platforms/keep-alive/survival-curves.ts';
import { parseSchedule } from '../simulator/platforms/provisioned.ts';
import { Retries } from '../simulator/platforms/retries.ts';
import { StartRamp } from '../simulator/platforms/start-ramp.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';

const S = 1_000_000;
const MINUTE = 60 * S;
const MB = 1_048_576;

const traceOf = (...rows: readonly string[]) =>
  readTraceText(
    ['t,d,f,m', ...rows.map((row) => (row.split(',').length > 2 ? row : `${row},f,512`))].join('\n'),
    'rows',
    {
      ...{ csvTime: 't', csvDuration: 'd', csvFunction: 'f', csvMemory: 'm' },
    },
  );
const functionsOf = (trace: ReturnType<typeof traceOf>, scenario: ScenarioInput): PlatformResult =>
  simulate(trace, { platforms: ['functions'], coldStartMs: 0, ...scenario }).platforms[0] as PlatformResult;
const burst = (requests: number, runS: number) =>
  traceOf(...Array.from({ length: requests }, () => `0,${runS}`));

describe('a histogram of idle times', () => {
  const histogramOf = (
    ...idleMinutes: readonly (readonly [minutes: number, times: number])[]
  ): IdleHistogram => {
    const histogram = new IdleHistogram();
    for (const [minutes, times] of idleMinutes) {
      for (let time = 0; time < times; time++) histogram.add(minutes * MINUTE);
    }
    return histogram;
  };

  it('loads before the head and keeps until after the tail, each with 10 % margin', () => {
    // Bin 10 is minutes 10 to 11: 10 × 0.9 = 9 and 11 × 1.1 = 12.1.
    const regular = { prewarmUs: 9 * MINUTE, keepAliveUs: 186 * S };
    expect(histogramOf([10.5, 20]).advice()).toEqual(regular);
    // The fifth of a hundred is the head, the ninety-ninth the tail.
    const spread = histogramOf([2.5, 5], [10.5, 94], [200, 1]).advice();
    expect(spread).toEqual({ prewarmUs: 1.8 * MINUTE, keepAliveUs: 618 * S });
    expect(histogramOf([0.5, 20]).advice()).toEqual({ prewarmUs: 0, keepAliveUs: 66 * S });
  });

  it('advises nothing that it cannot know', () => {
    expect(histogramOf([10.5, 9]).advice()).toBeNull();
    const even = histogramOf(...Array.from({ length: 240 }, (_, minute) => [minute, 1] as const));
    expect([even.variation, even.advice()]).toEqual([0, null]);
    // One bin of 240 holds them all: the deviation is √239 means.
    expect(histogramOf([10.5, 20]).variation).toBeCloseTo(Math.sqrt(239), 9);
    expect(histogramOf([10.5, 10], [240, 11]).advice()).toBeNull();
    expect(histogramOf([10.5, 10], [240, 10]).advice()).not.toBeNull();
  });

  it('lets a regular function sleep and wakes it in time', () => {
    const every = traceOf(...Array.from({ length: 20 }, (_, at) => `${at * 630},0`));
    const hybrid = functionsOf(every, { keepAlive: 'hybrid', keepAliveS: 60 });
    // Ten idle times are known after the eleventh request. Then it is up from minute 9 to 10.5 nine times, and
    // after the last request until 12.1; before, ten times for the fixed minute.
    expect(hybrid).toMatchObject({ coldStarts: 11, warmStarts: 9, aliveSeconds: 600 + 9 * 90 + 186 });
    expect(functionsOf(every, { keepAliveS: 60 })).toMatchObject({ coldStarts: 20, aliveSeconds: 1_200 });
  });

  it('forecasts idle times that are too long for it, and wakes a function in time', () => {
    const rare = traceOf(...Array.from({ length: 20 }, (_, at) => `${at * 21_600},0`));
    const hybrid = functionsOf(rare, { keepAlive: 'hybrid', keepAliveS: 60 });
    // From the eleventh request on it is up from 85 % of six hours, 5.1 h, until the next, after the last until 115 %.
    expect(hybrid).toMatchObject({ coldStarts: 11, warmStarts: 9, aliveSeconds: 600 + 9 * 3_240 + 6_480 });
  });
});

describe('the forecast of an idle time', () => {
  const HOUR = 60 * MINUTE;
  function forecastOf(hours: readonly number[]): number {
    const forecast = new IdleForecast();
    for (const hour of hours) forecast.add(hour * HOUR);
    return forecast.nextUs() / HOUR;
  }

  it('is the same again, the mean, or what follows from the one before', () => {
    expect(forecastOf(Array(10).fill(6))).toBe(6);
    // Steps of one up: the last one is nearest.
    expect(forecastOf([5, 6, 7, 8, 9, 10, 11, 12])).toBeGreaterThan(11);
    // No pattern: the mean of all but the first, 5.5.
    expect(forecastOf([5, 5, 6, 6, 5, 5, 6, 6, 5])).toBeCloseTo(5.5, 9);
    // In turn: after 5 comes 9, after 9 comes 5, held to 0.99 of the way.
    const turns = [5, 9, 5, 9, 5, 9, 5, 9, 5, 9, 5];
    expect(forecastOf(turns)).toBeCloseTo(7 + 0.99 * 2, 9);
    expect(forecastOf(turns.slice(1))).toBeLessThan(9);
  });

  it('keeps an instance from 85 to 115 % of it, and forgets what is long ago', () => {
    const forecast = new IdleForecast();
    for (let at = 0; at < 200; at++) forecast.add((at < 136 ? 40 : 10) * HOUR);
    expect(forecast.advice()).toEqual({ prewarmUs: 8.5 * HOUR, keepAliveUs: 3 * HOUR });
  });

  it('is never below nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10 ** 12 }), { minLength: 6, maxLength: 80 }),
        (idleUs) => {
          const forecast = new IdleForecast();
          for (const us of idleUs) forecast.add(us);
          const { prewarmUs, keepAliveUs } = forecast.advice();
          expect(Number.isSafeInteger(forecast.nextUs()) && prewarmUs >= 0 && keepAliveUs >= 0).toBe(true);
        },
      ),
    );
  });
});

describe('greedy-dual', () => {
  it('gives way by clock + frequency × cost / size, as worked by hand', () => {
    const greedy = new GreedyDual(3);
    const idle = new Set([0, 1, 2]);
    const isIdle = (id: number) => idle.has(id);
    greedy.used(0, 0, 1_000, MB);
    greedy.used(1, 1, 1_000, 4 * MB);
    for (const id of [0, 1]) greedy.keepAliveUs(id);
    // 1000 / 1 and 1000 / 4: the large one goes, and the clock is 250.
    expect(greedy.next(isIdle)).toBe(1);
    idle.delete(1);
    greedy.used(2, 2, 1_000, 2 * MB);
    greedy.keepAliveUs(2);
    greedy.used(0, 0, 1_000, MB);
    greedy.keepAliveUs(0);
    // 250 + 500 against 250 + 2 × 1000; the entry of 0 at 1000 is stale.
    expect(greedy.next(isIdle)).toBe(2);
    idle.delete(2);
    expect(greedy.next(isIdle)).toBe(0);
    idle.delete(0);
    expect(greedy.next(isIdle)).toBe(-1);
  });

  it('keeps what is often used where the least recently used goes', () => {
    const trace = traceOf('0,1,a,512', '5,1,a,512', '10,1,b,512', '20,1,c,512', '30,1,a,512');
    const cold = (keepAlive: 'lru' | 'greedy-dual') =>
      functionsOf(trace, { keepAlive, memoryCapMb: 1_024, coldStartMs: 1_000 }).coldStarts;
    expect([cold('lru'), cold('greedy-dual')]).toEqual([4, 3]);
  });

  it('never holds more memory than there is, and refuses what does not fit', () => {
    for (const keepAlive of ['lru', 'greedy-dual'] as const) {
      const result = functionsOf(burst(5, 1), { keepAlive, memoryCapMb: 1_024 });
      expect(result).toMatchObject({ served: 2, rejected: 3, instancesPeak: 2 });
      const small = functionsOf(traceOf('0,1'), { keepAlive, memoryCapMb: 256 });
      expect(small).toMatchObject({ served: 0, rejected: 1, aliveSeconds: 0 });
    }
  });
});

describe('measured survival', () => {
  it('is interpolated between the probes', () => {
    const at = (share: number) => idleUsAt(SURVIVAL_CURVES['aws-2025'], share) / S;
    expect([at(0), at(0.08), at(0.43), at(0.94)]).toEqual([60, 300, 315, 345]);
    expect(at(0.5)).toBeCloseTo(315 + (15 * 7) / 25, 5);
    expect(at(0.999_999)).toBeLessThanOrEqual(360);
    for (const curve of Object.values(SURVIVAL_CURVES)) {
      const sorted = [...curve].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      expect(sorted.map(([, cold]) => cold)).toEqual(curve.map(([, cold]) => cold));
      expect(curve.at(-1)?.[1]).toBe(100);
    }
  });

  it.each([
    ['aws-2025', 330, 0.68],
    ['azure-2025', 240, 0.29],
    ['gcp-2025', 900, 0.07],
  ] as const)('of %s is what was measured: after %d s %d are cold', (keepAlive, gapS, share) => {
    const probes = traceOf(...Array.from({ length: 10_000 }, (_, at) => `${at * gapS},0`));
    const { coldStarts } = functionsOf(probes, { keepAlive });
    // Four standard errors of a share of ten thousand.
    expect(Math.abs(coldStarts / 10_000 - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / 10_000));
  });
});

describe('the keep-alive', () => {
  // Idle for 400 s: AWS has ended the instance, Cloud Run never has, and so says no fixed 600 s.
  const probes = traceOf('0,0', '400,0');

  it('is 600 s unless it is named, whatever the prices', () => {
    const cold = (scenario: ScenarioInput): number => functionsOf(probes, scenario).coldStarts;
    for (const prices of [['aws-lambda-x86'], ['azure-functions'], ['gcp-cloud-functions']]) {
      expect(functionsOf(probes, { prices })).toMatchObject({ coldStarts: 1, settings: { keepAliveS: 600 } });
    }
    expect([cold({ keepAlive: 'aws-2025' }), cold({ keepAlive: 'gcp-2025' })]).toEqual([2, 1]);
    expect(functionsOf(probes, { keepAlive: 'aws-2025' }).settings).toMatchObject({
      keepAlive: 'aws-2025',
      keepAliveS: null,
    });
    expect(() => cold({ keepAlive: 'aws-2025', keepAliveS: 600 })).toThrow(
      'keepAliveS: is for keepAlive fixed or hybrid alone, got 600 without',
    );
  });
});

describe('limits', () => {
  it('of one function leave room for others', () => {
    const trace = traceOf('0,1,a,128', '0,1,a,128', '0,1,a,128', '0,1,b,128');
    const result = functionsOf(trace, { maxPerFunction: 2 });
    expect(result.functions.map(({ served, rejected }) => [served, rejected])).toEqual([
      [2, 1],
      [1, 0],
    ]);
  });

  it('of growth are a bucket that fills again evenly', () => {
    const ramp = new StartRamp(1, 2);
    const start = (nowS: number): boolean => {
      const has = ramp.has(0, nowS * S);
      if (has) ramp.take(0);
      return has;
    };
    expect([0, 0, 0, 4.9, 5, 5, 100, 100, 100].map(start)).toEqual([
      ...[true, true, false, false, true, false],
      ...[true, true, false],
    ]);
    expect(functionsOf(burst(5, 1), { startRamp: 2 })).toMatchObject({
      served: 2,
      rejected: 3,
      throttled: 3,
    });
  });

  it('make clients try again, until they give up', () => {
    const gaveUp = functionsOf(burst(3, 1_000), { maxInstances: 1, attempts: 3 });
    expect(gaveUp).toMatchObject({ served: 1, rejected: 2, throttled: 6, retried: 4 });
    const patient = functionsOf(burst(20, 0.01), { maxInstances: 1, attempts: 50 });
    expect(patient).toMatchObject({ served: 20, rejected: 0, coldStarts: 1 });
    expect(patient.throttled).toBe(patient.retried);
    expect(patient.throttled).toBeGreaterThan(19);
    expect(patient.waitMs.max).toBeGreaterThan(190);
    const again = (seed: number) => functionsOf(burst(20, 0.01), { maxInstances: 1, attempts: 50, seed });
    expect(again(1)).toEqual(patient);
    expect(again(2).throttled).not.toBe(patient.throttled);
  });

  it('back off in ranges that double, up to 20 s', () => {
    const retries = new Retries({ attemptsMax: 20, backoffUs: 1_000 }, new RandomStream(1, 'retries'));
    for (let attempt = 1; attempt < 20; attempt++) {
      expect(retries.refused(0, 0)).toBe(true);
      expect(retries.nextUs).toBeLessThanOrEqual(Math.min(20 * S, 1_000 * 2 ** (attempt - 1)) + 1);
      retries.take();
    }
    expect(retries.refused(0, 0)).toBe(false);
  });
});

describe('provisioned instances', () => {
  it('take requests first, and are paid for by their own book', () => {
    const result = functionsOf(burst(3, 1), { provisioned: '2' });
    expect(result).toMatchObject({ served: 3, coldStarts: 1, warmStarts: 2, instancesPeak: 3 });
    const amounts = Object.fromEntries(result.invoice.map(({ meter, quantity }) => [meter, quantity]));
    // Two of 512 MB for five minutes at least: 300 GB-s.
    expect(amounts['provisioned concurrency']).toBe(300);
    expect(
      result.invoice.filter(({ meter }) => meter === 'requests').map(({ quantity }) => quantity),
    ).toEqual([0.000001, 0.000002]);
    expect(result.costUsd).toBeCloseTo(
      result.invoice.reduce((sum, { amountUsd }) => sum + amountUsd, 0),
      12,
    );
    // Busy for their whole life of one second.
    expect(result.idleCostUsd).toBe(0);
  });

  it('follow their schedule', () => {
    expect(parseSchedule('0:10,3600:2')).toEqual([
      { fromUs: 0, instances: 10 },
      { fromUs: 3_600 * S, instances: 2 },
    ]);
    expect(['', 'a', '1:', '5:1,5:2', '9:1,3:1', '-1'].map(parseSchedule)).toEqual([
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
    const trace = traceOf('0,1', '5,1', '15,1', '30,1');
    const result = functionsOf(trace, { provisioned: '0:1,10:0,20:2', keepAliveS: 1 });
    // One for ten seconds, none, two for the last eleven; on demand 15 to 16 and a second of keep-alive.
    expect(result).toMatchObject({
      coldStarts: 1,
      warmStarts: 3,
      aliveSeconds: 10 + 22 + 2,
      instancesPeak: 2,
    });
  });

  it('need a book that sells them', () => {
    const run = () => functionsOf(burst(1, 1), { provisioned: '1', prices: ['azure-functions'] });
    expect(run).toThrow(expect.objectContaining({ code: 'prices-unfit' }));
  });
});
