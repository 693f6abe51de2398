/** Queueing theory's exact values on every platform that it describes, as means of independent replications. */
import { describe, expect, it } from 'vitest';
import { meanInterval } from '../simulator/kernel/interval.ts';
import { RandomStream, replicationSeed } from '../simulator/kernel/random.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { TraceBuilder } from '../simulator/traces/builder.ts';
import { whole } from '../simulator/traces/stored.ts';
import { atOnce } from '../simulator/traces/turns.ts';
import { LAWS, type Law, poisson, S } from './queue-kit.ts';

interface Run {
  readonly rate: number;
  readonly law?: Law;
  readonly scenario: ScenarioInput;
  readonly requests?: number;
  readonly replications?: number;
}

/** The mean of a figure over replications; `error` is how many half-widths of its interval it is off. */
function replicate(run: Run, figure: (platform: PlatformResult) => number) {
  const { rate, law = 'exponential', scenario, requests = 60_000, replications = 6 } = run;
  const values = Array.from({ length: replications }, (_, replication) => {
    const trace = poisson(replicationSeed(11, replication), rate, law, requests);
    return figure(simulate(trace, scenario).platforms[0] as PlatformResult);
  });
  return meanInterval(values);
}

/** Within twice the 95 % interval: 6 replications leave it by chance about once in 500 figures. */
function expectNear({ mean, halfWidth }: { mean: number; halfWidth: number | null }, exact: number): void {
  expect(Math.abs(mean - exact)).toBeLessThan(2 * (halfWidth ?? 0) + 1e-9);
  // An interval that is too wide would prove nothing.
  expect(halfWidth ?? 0).toBeLessThan(0.12 * exact);
}

function erlangB(load: number, servers: number): number {
  let b = 1;
  for (let k = 1; k <= servers; k++) b = (load * b) / (k + load * b);
  return b;
}

const waitS = ({ waitMs }: PlatformResult): number => waitMs.mean / 1_000;
const responseS = ({ latencyMs }: PlatformResult): number => latencyMs.mean / 1_000;
const rejectedShare = ({ rejected, requests }: PlatformResult): number => rejected / requests;

describe('loss', () => {
  it.each([
    [5, 5, 0.284867821330902],
    [10, 15, 0.036496945472371],
    [80, 100, 0.003992028604553],
  ])('of M/M/c/c is Erlang B: load %d on %d', (load, servers, exact) => {
    expect(erlangB(load, servers)).toBeCloseTo(exact, 12);
    const scenario = { platforms: ['functions'], maxInstances: servers, coldStartMs: 0 } as const;
    expectNear(replicate({ rate: load, scenario, requests: 120_000 }, rejectedShare), exact);
  });

  it('is the same for other service times of the same mean', () => {
    const scenario = { platforms: ['vm'], instances: 5, queueLimit: 0 } as const;
    expectNear(replicate({ rate: 5, law: 'twoPoint', scenario }, rejectedShare), erlangB(5, 5));
  });

  it('of M/M/c/K is that of its birth-death chain', () => {
    const [rate, servers, places] = [3, 2, 6];
    // p(n) = p(n − 1) · λ / min(n, c)
    const weights = [1];
    for (let n = 1; n <= places; n++)
      weights.push((weights[n - 1] as number) * (rate / Math.min(n, servers)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const scenario = { platforms: ['vm'], instances: servers, queueLimit: places - servers } as const;
    expectNear(replicate({ rate, scenario }, rejectedShare), (weights[places] as number) / total);
  });
});

describe('waiting', () => {
  it.each(['constant', 'exponential', 'uniform', 'erlang2', 'twoPoint'] as const)(
    "in M/G/1 is Pollaczek and Khinchine's: %s",
    (law) => {
      const exact = (0.7 * LAWS[law].square) / (2 * (1 - 0.7));
      expectNear(replicate({ rate: 0.7, law, scenario: { platforms: ['vm'] } }, waitS), exact);
    },
  );

  it('in M/M/10 has the distribution C · e^−(cμ − λ)t', () => {
    const scenario = { platforms: ['vm'], instances: 10 } as const;
    const run = { rate: 8, scenario } as const;
    const b = erlangB(8, 10);
    const probability = b / (1 - 0.8 * (1 - b));
    const quantile = (share: number): number => Math.log(probability / (1 - share)) / (10 - 8);
    expectNear(
      replicate(run, ({ waited, requests }) => waited / requests),
      probability,
    );
    expectNear(
      replicate(run, ({ waitMs }) => waitMs.p90 / 1_000),
      quantile(0.9),
    );
    expectNear(
      replicate(run, ({ waitMs }) => waitMs.p99 / 1_000),
      quantile(0.99),
    );
  });

  it('is the same in a fixed PaaS, in a fixed group and on Ebb with instances at no cost', () => {
    const shapes: readonly ScenarioInput[] = [
      { platforms: ['paas'], instances: 1, cores: 3 },
      { platforms: ['vm-group'], minInstances: 3, maxInstances: 3, cores: 1 },
      {
        platforms: ['ebb'],
        cores: 3,
        coldStartMs: 0,
        queueLimit: 1e6,
        queueTimeoutMs: 3.6e6,
        timeLimitMs: 3.6e6,
      },
    ];
    for (const scenario of shapes) expectNear(replicate({ rate: 2, scenario }, waitS), 0.444444444444);
  });
});

describe('processor sharing', () => {
  it.each(['constant', 'exponential', 'twoPoint'] as const)(
    'answers in 1 / (μ − λ) on average, whatever the service law: %s',
    (law) => {
      const scenario = { platforms: ['vm'], sharing: 'ps' } as const;
      expectNear(replicate({ rate: 0.6, law, scenario }, responseS), 1 / (1 - 0.6));
    },
  );

  it('on one container is that of one processor', () => {
    const fixed = { minInstances: 1, maxInstances: 1, cores: 1, concurrency: 10_000 } as const;
    const scenario = { platforms: ['containers'], ...fixed } as const;
    expectNear(replicate({ rate: 0.6, law: 'erlang2', scenario }, responseS), 2.5);
    const busy = ({ utilisation }: PlatformResult): number => utilisation;
    expectNear(replicate({ rate: 0.6, scenario }, busy), 0.6);
  });

  it('with as many processors as requests slows nobody down: M/M/∞', () => {
    const scenario = { platforms: ['vm'], sharing: 'ps', cores: 8 } as const;
    const [vm] = simulate(poisson(1, 0.05, 'exponential', 1_000), scenario).platforms as [PlatformResult];
    expect(vm.latencyMs.mean).toBeCloseTo(vm.busySeconds, 6);
    // Poisson(λ · E[S]) busy instances: the mean of 4 is what functions keep busy.
    const load = replicate(
      { rate: 4, scenario: { platforms: ['functions'], keepAliveS: 0, coldStartMs: 0 } },
      ({ aliveSeconds, requests }) => (4 * aliveSeconds) / requests,
    );
    expectNear(load, 4);
  });
});

describe('keep-alive', () => {
  it('of 600 s under sparse arrivals is a renewal process', () => {
    const scenario = { platforms: ['functions'], keepAliveS: 600, coldStartMs: 0 } as const;
    const run = { rate: 1 / 600, law: 'constant', scenario } as const;
    // One second of service in 600: the idle gap is what is compared with the keep-alive.
    const cold = replicate(run, ({ coldStarts, requests }) => coldStarts / requests);
    expect(Math.abs(cold.mean - 0.367879441171)).toBeLessThan(2 * (cold.halfWidth ?? 0) + 0.001);
    const idle = replicate(run, ({ idleSeconds, requests }) => idleSeconds / requests);
    expect(Math.abs(idle.mean - 379.272335297)).toBeLessThan(2 * (idle.halfWidth ?? 0) + 1);
  });

  it('reproduces the example of SimFaaS within its interval', () => {
    // λ 0.9/s, warm 1.991 s, cold 2.244 s (both exponential), 600 s, newest idle first: 8 × 10^5 s here.
    const results = Array.from({ length: 8 }, (_, replication) =>
      simFaas(replicationSeed(5, replication), 1e5),
    );
    const near = (key: 'cold' | 'servers' | 'running' | 'idle', exact: number, tolerance: number) => {
      const { mean, halfWidth } = meanInterval(results.map((result) => result[key]));
      expect(Math.abs(mean - exact)).toBeLessThan(2 * (halfWidth ?? 0) + tolerance);
      expect(halfWidth ?? 0).toBeLessThan(0.12 * exact);
    };
    near('cold', 0.001338, 0.00001);
    near('servers', 7.695, 0.008);
    near('running', 1.7922, 0.0007);
    near('idle', 5.903, 0.008);
  });
});

/** The time averages of one run; the first tenth warms up. */
function simFaas(seed: number, seconds: number) {
  const gaps = new RandomStream(seed, 'arrivals');
  const runs = new RandomStream(seed, 'service times');
  const starts = new RandomStream(seed, 'cold starts');
  const builder = new TraceBuilder('simfaas', 'synthetic', ['startupUs']);
  const { row } = builder;
  row.functionIndex = builder.functionIndex('f');
  for (let nowS = gaps.exponential(1 / 0.9); nowS < seconds; nowS += gaps.exponential(1 / 0.9)) {
    const warmS = runs.exponential(1.991);
    row.arrivedAtUs = Math.round(nowS * S);
    row.runUs = Math.round(warmS * S);
    // Exponential of mean 1.991 and, in this share of cases, of mean 2.244 more: together exponential of mean 2.244.
    row.startupUs = starts.uniform() < 1 - 1.991 / 2.244 ? Math.round(starts.exponential(2.244) * S) : 0;
    builder.add();
  }
  const scenario = {
    platforms: ['functions'],
    keepAliveS: 600,
    maxInstances: 1000,
    seriesS: seconds / 100,
  } as const;
  const [{ series }] = simulate(whole(atOnce(builder.finish())), scenario).platforms as [PlatformResult];
  const sumOf = (values: readonly number[] = []): number =>
    values.slice(10, 100).reduce((sum, value) => sum + value, 0);
  const meanOf = (values: readonly number[] = []): number => sumOf(values) / 90;
  const servers = meanOf(series?.instances);
  const running = meanOf(series?.concurrency);
  const cold = sumOf(series?.coldStarts) / sumOf(series?.arrivals);
  return { cold, servers, running, idle: servers - running };
}
