/**
 * The same scenario several times with seeds of their own: means with confidence intervals, and the differences
 * between platforms, which saw the same arrivals and draws and so differ by less than chance alone would make them.
 */
import { type Interval, meanInterval } from './kernel/interval.ts';
import type { PlatformName } from './platforms/platform.ts';
import type { PlatformResult } from './result.ts';

/** What is compared; all other figures are of the first replication. */
export const MEASURES = {
  costUsd: (platform: PlatformResult) => platform.costUsd,
  idleCostUsd: (platform: PlatformResult) => platform.idleCostUsd,
  waitMeanMs: (platform: PlatformResult) => platform.waitMs.mean,
  waitP95Ms: (platform: PlatformResult) => platform.waitMs.p95,
  latencyMeanMs: (platform: PlatformResult) => platform.latencyMs.mean,
  latencyP50Ms: (platform: PlatformResult) => platform.latencyMs.p50,
  latencyP90Ms: (platform: PlatformResult) => platform.latencyMs.p90,
  latencyP95Ms: (platform: PlatformResult) => platform.latencyMs.p95,
  latencyP99Ms: (platform: PlatformResult) => platform.latencyMs.p99,
  latencyP999Ms: (platform: PlatformResult) => platform.latencyMs.p999,
  latencyMaxMs: (platform: PlatformResult) => platform.latencyMs.max,
  coldShare: (platform: PlatformResult) => platform.coldStarts / platform.requests,
  rejectedShare: (platform: PlatformResult) => platform.rejected / platform.requests,
  instancesPeak: (platform: PlatformResult) => platform.instancesPeak,
  utilisation: (platform: PlatformResult) => platform.utilisation,
  aliveSeconds: (platform: PlatformResult) => platform.aliveSeconds,
  idleSeconds: (platform: PlatformResult) => platform.idleSeconds,
} as const;
export type ReplicatedMeasure = keyof typeof MEASURES;

export type Intervals = Readonly<Record<ReplicatedMeasure, Interval>>;

export interface Replications {
  readonly count: number;
  /** Of all intervals: mean ± halfWidth. */
  readonly confidence: 0.95;
  /** In the order of the result's platforms. */
  readonly platforms: readonly ({ readonly name: PlatformName; readonly priceBook: string } & Intervals)[];
  /** The second minus the first, pair by pair. */
  readonly differences: readonly ({ readonly first: string; readonly second: string } & Intervals)[];
}

const DECIMALS = 12;
const rounded = (value: number): number => Number(value.toFixed(DECIMALS));

function intervals(
  valuesOf: (measure: (platform: PlatformResult) => number) => readonly number[],
): Intervals {
  const entries = Object.entries(MEASURES).map(([name, measure]) => {
    const { mean, halfWidth } = meanInterval(valuesOf(measure));
    return [name, { mean: rounded(mean), halfWidth: halfWidth === null ? null : rounded(halfWidth) }];
  });
  return Object.fromEntries(entries) as unknown as Intervals;
}

const titleOf = ({ name, priceBook }: PlatformResult): string => `${name}, ${priceBook}`;

/** One platform's figures over its replications, one or more. */
export function figuresOf(results: readonly PlatformResult[]): Intervals {
  return intervals((measure) => results.map(measure));
}

/** @param runs the platforms of each replication, always in the same order; two runs or more. */
export function compareReplications(runs: readonly (readonly PlatformResult[])[]): Replications {
  const first = runs[0] ?? [];
  const at = (run: readonly PlatformResult[], index: number): PlatformResult => run[index] as PlatformResult;
  const platforms = first.map(({ name, priceBook }, index) => ({
    name,
    priceBook,
    ...intervals((measure) => runs.map((run) => measure(at(run, index)))),
  }));
  const differences = first.flatMap((one, a) =>
    first.slice(a + 1).map((other, beyond) => ({
      first: titleOf(one),
      second: titleOf(other),
      ...intervals((measure) => runs.map((run) => measure(at(run, a + 1 + beyond)) - measure(at(run, a)))),
    })),
  );
  return { count: runs.length, confidence: 0.95, platforms, differences };
}
