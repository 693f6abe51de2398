/** Autoscalers, step by step: decisions worked by hand, then what fleets do with them. */
import { describe, expect, it } from 'vitest';
import type { FleetPeriod, FleetState } from '../simulator/platforms/autoscaler.ts';
import { GroupScaling, type GroupScalingSettings, parseSteps } from '../simulator/platforms/group-scaling.ts';
import { Kpa, KpaDecision } from '../simulator/platforms/kpa.ts';
import { paasAutoscaler } from '../simulator/platforms/paas-scaling.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import { syntheticTrace } from './synthetic-load.ts';

const S = 1_000_000;
const traceOf = (...rows: readonly string[]) =>
  readTraceText(['t,d', ...rows].join('\n'), 'rows.csv', { csvTime: 't', csvDuration: 'd' });
const resultOf = (trace: ReturnType<typeof traceOf>, scenario: ScenarioInput): PlatformResult =>
  simulate(trace, scenario).platforms[0] as PlatformResult;

describe("Knative's autoscaler", () => {
  it('decides as worked by hand, target 10', () => {
    const kpa = new KpaDecision(10);
    const steps: readonly [nowS: number, stable: number, panic: number, ready: number, wanted: number][] = [
      [0, 5, 5, 1, 1],
      // ceil(25 / 10) / 1 is 3, at least 2: panic, and the larger of both windows.
      [2, 12, 25, 1, 3],
      // Less is wanted, but nothing goes in panic.
      [4, 15, 15, 3, 3],
      [62, 15, 1, 3, 3],
      // More than 60 s after it was last over: panic is left.
      [64, 15, 1, 3, 2],
      // Never fewer than half of what is ready: floor(2 / 2), then floor(1 / 2).
      [66, 0, 0, 2, 1],
      [68, 0, 0, 1, 0],
      [70, 3, 30, 0, 3],
    ];
    for (const [nowS, stable, panic, ready, wanted] of steps) {
      expect([nowS, kpa.decide(nowS * S, { stable, panic }, ready)]).toEqual([nowS, wanted]);
    }
  });

  it('stays in panic for 60 s after the last time over, and keeps the most it wanted', () => {
    const kpa = new KpaDecision(1);
    expect(kpa.decide(0, { stable: 1, panic: 4 }, 1)).toBe(4);
    expect(kpa.decide(2 * S, { stable: 1, panic: 9 }, 4)).toBe(9);
    expect(kpa.decide(60 * S, { stable: 1, panic: 1 }, 9)).toBe(9);
    expect(kpa.isPanicking).toBe(true);
    expect(kpa.decide(63 * S, { stable: 1, panic: 1 }, 9)).toBe(4);
    expect(kpa.isPanicking).toBe(false);
  });

  it('grows a thousandfold at most', () => {
    expect(new KpaDecision(1).decide(0, { stable: 5_000, panic: 5_000 }, 1)).toBe(1_000);
    expect(new KpaDecision(1).decide(0, { stable: 5_000, panic: 5_000 }, 3)).toBe(3_000);
  });

  it('forgets after a window of 60 s and keeps the last instance for 30 s more', () => {
    const kpa = new Kpa(10);
    const wanted = Array.from({ length: 50 }, (_, tick) => {
      const period = { inFlightUs: tick === 0 ? 10 * S : 0 } as FleetPeriod;
      return kpa.decide(period, { nowUs: (tick + 1) * 2 * S, ready: 1 } as FleetState);
    });
    // The burst leaves the window at tick 31, 62 s; 30 s later is tick 46.
    expect(wanted.indexOf(0)).toBe(45);
    expect(kpa.isAtRest()).toBe(true);
  });
});

describe('containers', () => {
  const one = { platforms: ['containers'], coldStartMs: 1_000 } as const;

  it('start from none, and go 92 s after their last request', () => {
    const containers = resultOf(traceOf('0,1'), one);
    expect(containers).toMatchObject({ coldStarts: 1, instancesPeak: 1, aliveSeconds: 92, idleSeconds: 90 });
    expect(containers.waitMs.max).toBe(1_000);
    // Two busy seconds of 1 vCPU and half a GiB, boot included: 48 + 2.5 + 0.4 microdollars.
    expect(containers.costUsd).toBe(0.0000509);
    expect(containers.idleCostUsd).toBe(0);
    const whole = resultOf(traceOf('0,1'), { ...one, prices: ['gcp-cloud-run-instances'] });
    expect(whole.idleCostUsd / whole.costUsd).toBeCloseTo(90 / 92, 6);
  });

  it('share their vCPUs, and are billed once for requests that overlap', () => {
    const fixed = { ...one, minInstances: 1, maxInstances: 1, concurrency: 2, cores: 1 } as const;
    const containers = resultOf(traceOf('0,0.25', '0,0.25', '0.6,0.01', '9,0.01'), fixed);
    // Both finish after half a second, the third starts when they have gone.
    expect(containers.latencyMs).toMatchObject({ max: 500, p50: 10 });
    expect(containers).toMatchObject({ coldStarts: 0, aliveSeconds: 9.01, idleSeconds: 9.01 - 0.52 });
    // Spans of 0.5, 0.01 and 0.01 s are 0.5 + 0.1 + 0.1 vCPU-s; the kept idle time has its own line.
    const cpu = containers.invoice.find(({ meter }) => meter === 'cpu');
    const idle = containers.invoice.find(({ meter }) => meter === 'idle cpu');
    expect([cpu?.quantity, idle?.quantity]).toEqual([0.7, 8.5]);
    expect(containers.idleCostUsd).toBeCloseTo(8.5 * 0.0000025 + 8.5 * 0.5 * 0.0000025, 9);
  });

  it('are more under load, and fewer after it', () => {
    const rush = syntheticTrace({
      seed: 1,
      requests: 60_000,
      meanGapUs: 5_000,
      meanRunUs: 40_000,
      run: 'exponential',
    });
    const scenario = { platforms: ['containers'], concurrency: 4, cores: 4, seriesS: 10 } as const;
    const containers = resultOf(rush, scenario);
    // Eight in flight at 2.8 on each.
    const middle = containers.series?.instances.slice(10, 25) ?? [];
    expect(Math.min(...middle)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...middle)).toBeLessThan(8);
    expect(containers.served).toBe(60_000);
    expect(containers.series?.instances.at(-1)).toBeLessThan(2);
  });
});

const period = (fields: Partial<FleetPeriod>): FleetPeriod => ({
  ...{ endUs: 0, lengthUs: S, inFlightUs: 0, busyProcessorsUs: 0, processorsUs: 0, arrivals: 0 },
  ...{ latencyUsP95: 0, waitUsP95: 0, ...fields },
});
const state = (nowS: number, staying: number, warmedUp = staying): FleetState => ({
  ...{ nowUs: nowS * S, ready: warmedUp, warmedUp, staying, min: 1, max: 10 },
});
const utilised = (percent: number) => period({ busyProcessorsUs: percent, processorsUs: 100 });

describe('a group of machines', () => {
  const settings: GroupScalingSettings = {
    metric: 'utilisation',
    target: 50,
    steps: [],
    cooldownUs: 300 * S,
    periodUs: 60 * S,
    delayUs: 0,
    alarmOut: { needed: 1, of: 1 },
    alarmIn: { needed: 1, of: 1 },
    lowShare: 1,
  };

  it('tracks its target: out at once, in after the cooldown', () => {
    const group = new GroupScaling(settings);
    expect(group.decide(utilised(80), state(60, 2))).toBe(4);
    // Two are warming up and already count as come.
    expect(group.decide(utilised(80), state(120, 4, 2))).toBe(4);
    expect(group.decide(utilised(100), state(180, 4, 3))).toBe(6);
    expect(group.decide(utilised(10), state(400, 6))).toBe(6);
    expect(group.decide(utilised(10), state(480, 6))).toBe(2);
    expect(group.decide(utilised(0), state(500, 2))).toBe(2);
    expect(group.decide(utilised(0), state(780, 2))).toBe(1);
    expect(group.decide(utilised(100), state(840, 9))).toBe(10);
  });

  it('counts requests a machine, when told', () => {
    const group = new GroupScaling({ ...settings, metric: 'requests', target: 100 });
    expect(group.decide(period({ arrivals: 450 }), state(60, 2))).toBe(5);
    expect(group.decide(period({ arrivals: 450 }), state(120, 5, 0))).toBe(5);
  });

  it('takes steps, and none twice while machines warm up', () => {
    expect(parseSteps('70:+1,90:+3,30:-1')).toHaveLength(3);
    expect([parseSteps('70'), parseSteps('70:1'), parseSteps('70:+0'), parseSteps('')]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    const group = new GroupScaling({
      ...settings,
      target: null,
      steps: parseSteps('70:+1,90:+3,30:-1') ?? [],
    });
    expect(group.decide(utilised(70), state(60, 2))).toBe(3);
    expect(group.decide(utilised(75), state(120, 3, 2))).toBe(3);
    // A bigger step adds only what the smaller one has not begun.
    expect(group.decide(utilised(95), state(180, 3, 2))).toBe(5);
    expect(group.decide(utilised(50), state(240, 5))).toBe(5);
    expect(group.decide(utilised(30), state(300, 5))).toBe(5);
    expect(group.decide(utilised(30), state(480, 5))).toBe(4);
  });

  it('waits for three periods to add and for fifteen low ones to take away, as AWS target tracking does', () => {
    const aws = {
      ...settings,
      alarmOut: { needed: 3, of: 3 },
      alarmIn: { needed: 15, of: 15 },
      lowShare: 0.7,
    };
    const group = new GroupScaling(aws);
    const minutes = (from: number, values: readonly number[], staying: number): number[] =>
      values.map((value, at) => group.decide(utilised(value), state((from + at) * 60, staying)));
    // A dip to the target itself begins the count anew.
    expect(minutes(1, [80, 80, 50, 80, 80, 80], 2)).toEqual([2, 2, 2, 2, 2, 4]);
    // 35 is 70 % of 50 and not below it; fourteen minutes below are not enough.
    expect(minutes(10, [35, ...Array(14).fill(20)], 4)).toEqual(Array(15).fill(4));
    expect(minutes(25, [20], 4)).toEqual([2]);
  });

  it('may act on two of three periods, by steps too', () => {
    const steps = parseSteps('70:+1,90:+3,30:-1') ?? [];
    const alarms = { alarmOut: { needed: 2, of: 3 }, alarmIn: { needed: 2, of: 2 } };
    const group = new GroupScaling({ ...settings, ...alarms, target: null, steps, cooldownUs: 0 });
    const decisions = [75, 50, 95, 95, 50, 20, 25].map((value, at) =>
      group.decide(utilised(value), state((at + 1) * 60, 5)),
    );
    // The size of the step is that of the newest period; 50 itself is no reason for one.
    expect(decisions).toEqual([5, 5, 8, 8, 5, 5, 4]);
  });

  it('acts at the end of the period that raises an alarm', () => {
    // Twenty requests of 100 s on one processor: it is busy from 0 s on.
    const queue = traceOf(...Array(20).fill('0,100'), '12000,1');
    const one = { platforms: ['vm-group'], cores: 1, maxInstances: 2, bootS: 60, warmUpS: 0 } as const;
    const secondStartS = (alarmOut: string): number => {
      const { waitMs, aliveSeconds } = resultOf(queue, {
        ...one,
        alarmOut,
        scaleTarget: 50,
        alarmIn: '200/200',
      });
      // Nothing is taken away: the first lives from 0 to 12001 s, the second from its start.
      expect(waitMs.max).toBeGreaterThan(0);
      return 12_001 - (aliveSeconds - 12_001);
    };
    expect([secondStartS('1/1'), secondStartS('3/3'), secondStartS('2/5')]).toEqual([60, 180, 120]);
    const lifeS = (alarmIn: string): number =>
      resultOf(queue, { ...one, scaleTarget: 50, alarmIn, cooldownS: 0 }).aliveSeconds - 12_001;
    // Twenty runs: eleven on the first until 1100 s, nine on the second from 120 s until 1020 s. The period that ends
    // at 1080 s is two thirds busy, the one at 1140 s a sixth, 16.7 %: the first below 50 %.
    expect([lifeS('1/1'), lifeS('2/2'), lifeS('15/15')]).toEqual([1_140 - 60, 1_200 - 60, 1_980 - 60]);
    expect(resultOf(queue, { ...one, alarmOut: '3/3', alarmLowShare: 70 }).settings).toMatchObject({
      alarmOut: '3/3',
      alarmLowShare: 70,
    });
  });

  it('refuses alarms that cannot be', () => {
    const misuse = (scenario: ScenarioInput) => () =>
      resultOf(traceOf('0,1'), { platforms: ['vm-group'], ...scenario });
    for (const alarmOut of ['', '3', '0/3', '4/3', '1/99999', 'x/y'])
      expect(misuse({ alarmOut })).toThrow(/alarmOut: expected M\/N with 1 <= M <= N/);
    expect(misuse({ scaleSteps: '70:+1', alarmLowShare: 70 })).toThrow(
      /alarmLowShare: is for target tracking/,
    );
    expect(misuse({ platforms: ['paas'], alarmIn: '3/3' })).toThrow(/alarmIn: is for vm-group/);
  });

  const rush = traceOf(...Array.from({ length: 6_000 }, (_, at) => `${at / 10},1`), '1600,1', '3000,1');
  const group = { platforms: ['vm-group'], cores: 1, maxInstances: 20, warmUpS: 0, cooldownS: 120 } as const;

  it('grows to what the load needs and shrinks after it', () => {
    const result = resultOf(rush, { ...group, scaleTarget: 60 });
    expect(result.served).toBe(6_002);
    expect(result.instancesPeak).toBeGreaterThan(10);
    expect(result.aliveSeconds).toBeLessThan(20 * 1_600);
    expect(result.waitMs.max).toBeGreaterThan(60_000);
  });

  it('boots before it serves, and is slower to help with metrics that come late', () => {
    const slow = resultOf(rush, { ...group, metricDelayS: 120, scaleTarget: 60 });
    expect(slow.waitMs.mean).toBeGreaterThan(resultOf(rush, { ...group, scaleTarget: 60 }).waitMs.mean);
    const booting = resultOf(rush, { ...group, bootS: 300, scaleTarget: 60 });
    expect(booting.waitMs.mean).toBeGreaterThan(
      resultOf(rush, { ...group, bootS: 0, scaleTarget: 60 }).waitMs.mean,
    );
  });

  it('spares machines that serve, when protected', () => {
    // Four long requests keep the four machines that came for them; one has nothing to do.
    const long = traceOf(
      ...Array.from({ length: 5 }, () => '0,4000'),
      ...Array.from({ length: 60 }, (_, at) => `${at * 60},1`),
    );
    const scenario = { ...group, scaleSteps: '80:+2,79:-1', maxInstances: 8, cooldownS: 0 } as const;
    const free = resultOf(long, scenario);
    const guarded = resultOf(long, { ...scenario, scaleInProtection: true });
    expect(free.served).toBe(guarded.served);
    expect(guarded.aliveSeconds).toBeGreaterThanOrEqual(free.aliveSeconds);
  });
});

describe('a PaaS', () => {
  it('by latency or queue time changes by one a minute', () => {
    const base = { thresholdUs: 500_000, targetRequests: 2, requestsAtOnce: 2, delayUs: 0 } as const;
    const scaling = paasAutoscaler({ ...base, scaling: 'latency' });
    const slow = period({ latencyUsP95: 600_000, inFlightUs: 3 * S });
    const calm = period({ latencyUsP95: 100_000 });
    expect(scaling.decide(slow, state(10, 1))).toBe(2);
    expect(scaling.decide(slow, state(20, 2))).toBe(2);
    expect(scaling.decide(slow, state(70, 2))).toBe(3);
    const decisions = Array.from({ length: 6 }, (_, at) => scaling.decide(calm, state(140 + at * 10, 3)));
    expect(decisions).toEqual([3, 3, 3, 3, 3, 2]);
    const byWait = paasAutoscaler({ ...base, scaling: 'queue-time' });
    expect(byWait.decide(slow, state(10, 1))).toBe(1);
    expect(byWait.decide(period({ waitUsP95: 500_001 }), state(20, 1))).toBe(2);
  });

  const rush = traceOf(...Array.from({ length: 6_000 }, (_, at) => `${at / 10},1`));

  it.each(['load', 'latency', 'queue-time', 'requests'] as const)('grows under load by %s', (paasScaling) => {
    const target = paasScaling === 'latency' ? { p95TargetMs: 2_000 } : {};
    const result = resultOf(rush, {
      platforms: ['paas'],
      cores: 1,
      maxInstances: 30,
      paasScaling,
      ...target,
    });
    expect(result.served).toBe(6_000);
    expect(result.instancesPeak).toBeGreaterThan(8);
    expect(result.settings).toMatchObject(paasScaling === 'load' ? {} : { paasScaling });
  });

  it('that routes at random is a queue for each dyno', () => {
    const trace = syntheticTrace({
      seed: 2,
      requests: 300_000,
      meanGapUs: S / 1.2,
      meanRunUs: S,
      run: 'exponential',
    });
    const scenario = { platforms: ['paas'], instances: 2, cores: 1 } as const;
    const random = resultOf(trace, { ...scenario, routing: 'random' });
    // Two M/M/1 at 0.6 wait 1.5 s; one M/M/2 waits 0.5625 s.
    expect(random.waitMs.mean / 1_500).toBeCloseTo(1, 1);
    expect(resultOf(trace, scenario).waitMs.mean / 562.5).toBeCloseTo(1, 1);
  });
});
