/** Poisson arrivals with service laws of which queueing theory knows the mean square. */
import { type Interval, meanInterval } from '../simulator/kernel/interval.ts';
import { RandomStream } from '../simulator/kernel/random.ts';
import { TraceBuilder } from '../simulator/traces/builder.ts';
import { whole } from '../simulator/traces/stored.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { atOnce } from '../simulator/traces/turns.ts';

export const S = 1_000_000;

/** Service times with a mean of one second, and the mean of their squares. */
export const LAWS = {
  constant: { draw: () => 1, square: 1 },
  exponential: { draw: (random: RandomStream) => random.exponential(1), square: 2 },
  uniform: { draw: (random: RandomStream) => 2 * random.uniform(), square: 4 / 3 },
  erlang2: { draw: (random: RandomStream) => random.exponential(0.5) + random.exponential(0.5), square: 1.5 },
  // Nine in ten of 1/2 s, one in ten of 11/2 s: the mean is one second, and the square varies more than exponential.
  twoPoint: { draw: (random: RandomStream) => (random.uniform() < 0.9 ? 0.5 : 5.5), square: 3.25 },
} as const;
export type Law = keyof typeof LAWS;

/** Poisson arrivals at a rate per second. */
export function poisson(seed: number, rate: number, law: Law, requests: number): Trace {
  const gaps = new RandomStream(seed, 'arrivals');
  const runs = new RandomStream(seed, 'service times');
  const builder = new TraceBuilder('poisson', 'synthetic', []);
  const { row } = builder;
  row.functionIndex = builder.functionIndex('f');
  let nowS = 0;
  for (let request = 0; request < requests; request++) {
    nowS += gaps.exponential(1 / rate);
    row.arrivedAtUs = Math.round(nowS * S);
    row.runUs = Math.round(LAWS[law].draw(runs) * S);
    builder.add();
  }
  return whole(atOnce(builder.finish()));
}

/** The mean of equal batches of a run in its order; what does not fill the last one is left out. */
export function batchMeans(run: readonly number[], batches: number): Interval {
  const size = Math.floor(run.length / batches);
  const batchOf = (batch: number): readonly number[] => run.slice(batch * size, (batch + 1) * size);
  return meanInterval(Array.from({ length: batches }, (_, batch) => meanInterval(batchOf(batch)).mean));
}
