/**
 * Whole distributions that theory knows exactly, at several points each: of waits, of what an arrival finds, of times on
 * shared processors, of the lives of kept instances. Intervals are batch means of one long run; seeds are fixed.
 */
import { describe, expect, it } from 'vitest';
import { functionsPlatform } from '../simulator/platforms/functions.ts';
import type { Platform } from '../simulator/platforms/platform.ts';
import { singleVmPlatform, vmPlatform } from '../simulator/platforms/vm.ts';
import { drive } from '../simulator/replay.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { batchMeans, type Law, poisson, S } from './queue-kit.ts';

const REQUESTS = 200_000;
const BATCHES = 20;

interface Seen {
  /** Of requests that were taken, in the order in which they were told of; seconds. */
  readonly waitS: number[];
  readonly runS: number[];
  readonly arrivedS: number[];
  readonly endedS: number[];
  readonly rejected: number;
  readonly lives: (readonly [fromS: number, toS: number])[];
}

function seen(platform: Platform, trace: Trace): Seen {
  const seen = { waitS: [], runS: [], arrivedS: [], endedS: [], rejected: 0, lives: [] } as {
    -readonly [Key in keyof Seen]: Seen[Key];
  };
  drive(platform, trace, () => ({
    execution: ({ outcome, arrivedAtUs, queueUs, startupUs, runUs }) => {
      if (outcome === 'rejected') {
        seen.rejected++;
        return;
      }
      seen.waitS.push(queueUs / S);
      seen.runS.push(runUs / S);
      seen.arrivedS.push(arrivedAtUs / S);
      seen.endedS.push((arrivedAtUs + queueUs + startupUs + runUs) / S);
    },
    instance: (startedAtUs, endedAtUs) => void seen.lives.push([startedAtUs / S, endedAtUs / S]),
  }));
  return seen;
}

/** The mean is within twice its 95 % interval of the exact value, and the interval is narrow enough to say so. */
function expectMean(values: readonly number[], exact: number, narrow = 0.25): void {
  const { mean, halfWidth } = batchMeans(values, BATCHES);
  expect(halfWidth ?? 0).toBeLessThan(narrow * exact);
  expect([mean, Math.abs(mean - exact) <= 2 * (halfWidth ?? 0)]).toEqual([mean, true]);
}

/** The share of values above each point is the tail there. */
function expectTail(values: readonly number[], points: readonly number[], tail: (t: number) => number): void {
  for (const point of points)
    expectMean(
      values.map((value) => (value > point ? 1 : 0)),
      tail(point),
    );
}

/** How many of these spans hold the moment of each arrival. Ends at that very moment do not. */
function found(atS: readonly number[], fromS: readonly number[], toS: readonly number[]): number[] {
  const [arrivals, starts, ends] = [atS, fromS, toS].map((times) => Float64Array.from(times).sort());
  let [started, ended] = [0, 0];
  return Array.from(arrivals as Float64Array, (nowS) => {
    while ((starts?.[started] ?? Number.POSITIVE_INFINITY) < nowS) started++;
    while ((ends?.[ended] ?? Number.POSITIVE_INFINITY) <= nowS) ended++;
    return started - ended;
  });
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
const fifo = (servers: number, queueLimit = Number.POSITIVE_INFINITY): Platform =>
  vmPlatform({ instances: servers, cores: 1, queueLimit, memoryBytes: null });
const waits = (rate: number, servers: number, law: Law): number[] =>
  seen(fifo(servers), poisson(21, rate, law, REQUESTS)).waitS;

describe('the wait', () => {
  it('in M/M/1 is longer than t with ρ · e^−(μ − λ)t', () => {
    expectTail(waits(0.7, 1, 'exponential'), [0, 1, 3, 6], (t) => 0.7 * Math.exp(-0.3 * t));
  });

  it("in M/M/3 is longer than t with Erlang C's probability · e^−(cμ − λ)t", () => {
    expectTail(waits(2, 3, 'exponential'), [0, 0.5, 1, 3], (t) => (4 / 9) * Math.exp(-t));
  });

  it("in M/D/1 has Erlang's distribution, between whole services too", () => {
    const rate = 0.6;
    const tail = (t: number): number => {
      let below = 0;
      for (let k = 0; k <= Math.floor(t); k++) {
        const past = rate * (k - t);
        below += (past ** k / factorial(k)) * Math.exp(-past);
      }
      return 1 - (1 - rate) * below;
    };
    expectTail(waits(rate, 1, 'constant'), [0, 0.5, 1, 1.7, 3], tail);
  });

  it('in M/E2/1 has the two exponentials of its transform', () => {
    const rate = 0.7;
    // W(s) = (1 − ρ)(s + 2)² / (s² + (4 − λ)s + 4(1 − λ)), in partial fractions.
    const root = Math.sqrt((4 - rate) ** 2 - 16 * (1 - rate));
    const [near, far] = [(-(4 - rate) + root) / 2, (-(4 - rate) - root) / 2];
    const part = (one: number, other: number, t: number): number =>
      ((rate * (one + 4)) / (one - other)) * (Math.exp(one * t) / -one);
    expect(part(near, far, 0) + part(far, near, 0)).toBeCloseTo(rate / (1 - rate), 10);
    expectTail(
      waits(rate, 1, 'erlang2'),
      [0, 1, 2, 5],
      (t) => (1 - rate) * (part(near, far, t) + part(far, near, t)),
    );
  });

  it('in M/M/2 with four places to wait is that of those who are taken', () => {
    const [rate, servers, places] = [2.4, 2, 6];
    const weights = [1];
    for (let n = 1; n <= places; n++)
      weights.push(((weights[n - 1] as number) * rate) / Math.min(n, servers));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const share = (n: number): number => (weights[n] as number) / total;
    const { waitS, rejected } = seen(
      fifo(servers, places - servers),
      poisson(22, rate, 'exponential', REQUESTS),
    );
    expect(Math.abs(rejected / REQUESTS - share(places))).toBeLessThan(0.01);
    // Who finds n waits for n − c + 1 ends, each after an exponential time of the rate cμ.
    const erlangTail = (ends: number, t: number): number => {
      let sum = 0;
      for (let k = 0; k < ends; k++) sum += ((servers * t) ** k / factorial(k)) * Math.exp(-servers * t);
      return sum;
    };
    const tail = (t: number): number => {
      let sum = 0;
      for (let n = servers; n < places; n++) sum += share(n) * erlangTail(n - servers + 1, t);
      return sum / (1 - share(places));
    };
    expectTail(waitS, [0, 0.5, 1, 2], tail);
  });
});

describe('an arrival finds', () => {
  const poissonShare = (mean: number, n: number): number => (mean ** n / factorial(n)) * Math.exp(-mean);

  it.each(['exponential', 'constant', 'twoPoint'] as const)(
    'a Poisson number of busy functions where none is kept or refused, whatever the service law: %s',
    (law) => {
      const settings = { coldStartUs: 0, keepAliveUs: 0, pick: 'newest', maxInstances: 1_000 } as const;
      const trace = poisson(23, 3, law, REQUESTS);
      const { lives } = seen(functionsPlatform({ ...settings, memoryBytes: null }), trace);
      const busy = found(
        Array.from(trace.arrivedAtUs, (us) => us / S),
        lives.map(([fromS]) => fromS),
        lives.map(([, toS]) => toS),
      );
      for (const n of [0, 1, 3, 6])
        expectMean(
          busy.map((one) => (one === n ? 1 : 0)),
          poissonShare(3, n),
        );
    },
  );

  it.each(['exponential', 'constant', 'twoPoint'] as const)(
    'a geometric number on a shared processor, and its time is in proportion to its work: %s',
    (law) => {
      const shared = singleVmPlatform({
        ...{ instances: 1, cores: 1, queueLimit: Number.POSITIVE_INFINITY, memoryBytes: null },
        ...{ requestsAtOnce: Number.POSITIVE_INFINITY, spot: null, bootUs: 0 },
      });
      const trace = poisson(24, 0.6, law, REQUESTS);
      const { arrivedS, endedS, runS } = seen(shared, trace);
      const inside = found(arrivedS, arrivedS, endedS);
      for (const n of [0, 1, 3, 6])
        expectMean(
          inside.map((one) => (one === n ? 1 : 0)),
          0.4 * 0.6 ** n,
        );
      expectMean(runS, 1 / 0.4);
      if (law !== 'twoPoint') return;
      // Work of ½ s takes 1¼ s on average, work of 5½ s takes 13¾ s: nobody is served at the cost of another.
      const workS = new Map(
        Array.from(trace.arrivedAtUs, (us, at) => [us / S, (trace.runUs[at] as number) / S]),
      );
      for (const size of [0.5, 5.5]) {
        expectMean(
          runS.filter((_, at) => workS.get(arrivedS[at] as number) === size),
          size / 0.4,
        );
      }
    },
  );
});

describe('a kept instance', () => {
  it('lives until the first gap that is longer than its keep-alive', () => {
    const [rate, keepS] = [1 / 60, 90];
    const settings = { coldStartUs: 0, keepAliveUs: keepS * S, pick: 'newest', maxInstances: 1_000 } as const;
    const trace = poisson(25, rate, 'constant', REQUESTS);
    const alone = { ...trace, runUs: trace.runUs.map(() => 0) };
    const { lives } = seen(functionsPlatform({ ...settings, memoryBytes: null }), alone);
    // The last life is cut off where the trace ends.
    const lifeS = lives.slice(0, -1).map(([fromS, toS]) => toS - fromS);
    expectMean(lifeS, (Math.exp(rate * keepS) - 1) / rate);
    // Each further request needs one more gap within the keep-alive, and gaps are independent.
    const arrivedS = Array.from(trace.arrivedAtUs, (us) => us / S);
    let next = 0;
    const requests = lifeS.map((life, at) => {
      const untilS = (lives[at] as readonly [number, number])[0] + life;
      const first = next;
      while ((arrivedS[next] as number) <= untilS) next++;
      return next - first;
    });
    for (const more of [1, 2, 5]) {
      expectMean(
        requests.map((count) => (count > more ? 1 : 0)),
        (1 - Math.exp(-rate * keepS)) ** more,
      );
    }
  });
});
