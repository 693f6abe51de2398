/** Cloud Run's autoscaler: decisions worked by hand and laws, then what containers do with them at exact times. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetPeriod } from '../simulator/platforms/autoscaler.ts';
import { CloudRunScaling } from '../simulator/platforms/cloud-run-scaling.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';

const S = 1_000_000;
const traceOf = (...rows: readonly string[]) =>
  readTraceText(['t,d', ...rows].join('\n'), 'rows.csv', { csvTime: 't', csvDuration: 'd' });
const resultOf = (trace: ReturnType<typeof traceOf>, scenario: ScenarioInput): PlatformResult =>
  simulate(trace, scenario).platforms[0] as PlatformResult;
const period = (fields: Partial<FleetPeriod>): FleetPeriod => ({
  ...{ endUs: 0, lengthUs: 5 * S, inFlightUs: 0, busyProcessorsUs: 0, processorsUs: 0, arrivals: 0 },
  ...{ latencyUsP95: 0, waitUsP95: 0, ...fields },
});

describe("Cloud Run's autoscaler", () => {
  const targets = { vcpus: 2, cpuShare: 0.6, requests: 48 };
  /** What is wanted after periods of 5 s with so many processors at work and requests in flight on average. */
  const wanted = (...means: readonly (readonly [processors: number, inFlight: number])[]): number[] => {
    const scaling = new CloudRunScaling(targets);
    return means.map(([processors, inFlight]) =>
      scaling.decide(period({ busyProcessorsUs: processors * 5 * S, inFlightUs: inFlight * 5 * S })),
    );
  };

  it('wants 60 % of the processors at work, or 60 % of the concurrency taken, whichever needs more', () => {
    // 60 % of two are 1.2: exactly that is one instance, although 1.2 / 2 / 0.6 ends above 1 in binary.
    expect(wanted([1.2, 3])).toEqual([1]);
    expect(wanted([1.25, 3])).toEqual([2]);
    expect(wanted([0.1, 48])).toEqual([1]);
    expect(wanted([0.1, 49])).toEqual([2]);
    expect(wanted([6.1, 49])).toEqual([6]);
    expect(wanted([0, 0])).toEqual([0]);
  });

  it('looks at the mean of a minute', () => {
    // 12 periods: one of 14.4 among eleven of 1.2 is 2.3 processors on average, which are two instances.
    const quiet = Array.from({ length: 11 }, () => [1.2, 0] as const);
    expect(wanted(...quiet, [14.4, 0]).at(-1)).toBe(2);
    // Once the minute has passed, one is enough, but idle ones stay.
    expect(wanted([14.4, 0], ...quiet, [1.2, 0])).toEqual(
      [12, 7, 5, 4, 4, 3, 3, 3, 3, 3, 2, 2, 1].map(() => 12),
    );
  });

  it('lets an idle instance go 15 minutes after the period of its last work', () => {
    const scaling = new CloudRunScaling(targets);
    const ticks = Array.from({ length: 200 }, (_, tick) =>
      scaling.decide(
        period({ busyProcessorsUs: tick === 0 ? 5 * S : 0, inFlightUs: tick === 0 ? 5 * S : 0 }),
      ),
    );
    // The work was in the first period, which ended at 5 s; 905 s is the end of period 181.
    expect(ticks.lastIndexOf(1)).toBe(179);
    expect(ticks.slice(180).every((instances) => instances === 0)).toBe(true);
    expect(scaling.isAtRest()).toBe(true);
  });

  it('never wants fewer for more work, nor more than the largest period alone would need', () => {
    const means = fc.array(
      fc.tuple(fc.double({ min: 0, max: 50, noNaN: true }), fc.integer({ min: 0, max: 500 })),
      {
        minLength: 1,
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(means, fc.double({ min: 0, max: 9, noNaN: true }), (some, more) => {
        const fewer = wanted(...some);
        const greater = wanted(...some.map(([cpu, inFlight]) => [cpu + more, inFlight + more] as const));
        expect(fewer.every((instances, at) => instances <= (greater[at] as number))).toBe(true);
        const most = Math.max(...some.map(([cpu, inFlight]) => Math.max(cpu / 1.2, inFlight / 48)));
        expect(Math.max(...fewer)).toBeLessThanOrEqual(Math.ceil(most));
      }),
    );
  });
});

describe("containers by Cloud Run's autoscaler", () => {
  const cloudRun = { platforms: ['containers'], containerScaling: 'cloud-run', coldStartMs: 1_000 } as const;

  it('go 905 s after their only request came, and idle time is not billed', () => {
    const containers = resultOf(traceOf('0,1'), cloudRun);
    expect(containers).toMatchObject({
      coldStarts: 1,
      instancesPeak: 1,
      aliveSeconds: 905,
      idleSeconds: 903,
    });
    expect(containers.costUsd).toBe(0.0000509);
    expect(containers.settings).toMatchObject({
      containerScaling: 'cloud-run',
      cpuTarget: 60,
      concurrencyTarget: 60,
    });
  });

  it('become as many as keep their processors at 60 %, where concurrency alone would add none', () => {
    // Every 50 ms a request of 100 ms: two processors are at work. 2 / 3 is above 60 %, 2 / 4 is not.
    const rows = Array.from({ length: 2_000 }, (_, at) => `${at / 20},0.1`);
    const three = { ...cloudRun, minInstances: 3, cores: 1, coldStartMs: 0, seriesS: 1 } as const;
    const { series, instancesPeak } = resultOf(traceOf(...rows), three);
    expect(instancesPeak).toBe(4);
    expect(series?.instances.slice(3, 8)).toEqual([3, 3, 4, 4, 4]);
    const kpa = resultOf(traceOf(...rows), { ...three, containerScaling: 'kpa' });
    expect(kpa.instancesPeak).toBe(3);
    expect(resultOf(traceOf(...rows), { ...three, cpuTarget: 70 }).instancesPeak).toBe(3);
    // Instances of two processors are at work by half as much.
    expect(resultOf(traceOf(...rows), { ...three, cores: 2 }).instancesPeak).toBe(3);
  });

  it('refuse a target without it', () => {
    expect(() => resultOf(traceOf('0,1'), { platforms: ['containers'], cpuTarget: 60 })).toThrow(
      'cpuTarget: is for containerScaling cloud-run alone, got 60 without',
    );
    expect(() => resultOf(traceOf('0,1'), { ...cloudRun, cpuTarget: 0.6 })).toThrow(
      'cpuTarget: expected a number from 1 to 100, got 0.6',
    );
  });
});
