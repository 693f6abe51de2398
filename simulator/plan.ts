/** A scenario becomes replays: what is simulated, for each replication, checked before anything begins. */
import { planExtras } from './extras.ts';
import { replicationSeed } from './kernel/random.ts';
import type { PlatformName } from './platforms/platform.ts';
import { prepare } from './prepare.ts';
import { planPricing } from './pricing.ts';
import type { Planned } from './replay.ts';
import type { Scenario } from './scenario.ts';
import type { Task } from './threads/parallel-run.ts';
import type { Replayable } from './traces/trace.ts';
import type { Traffic } from './traces/traffic.ts';

/**
 * The replays of one replication: an entry for each platform and each price book that it takes.
 * @param only this platform, of all that the scenario names.
 * @throws CodedError `prices-unknown`, `prices-unfit` or `config-invalid`.
 */
export function planned(scenario: Scenario, only?: PlatformName): readonly Planned[] {
  const all = planPricing(scenario).map((entry) => ({ ...entry, scenario }));
  return only === undefined ? all : all.filter(({ platform }) => platform === only);
}

/** @throws CodedError `config-invalid` for settings that do not fit the trace. */
export function checkFits(plan: readonly Planned[], trace: Replayable): void {
  for (const { platform, pricing, scenario } of plan) {
    prepare(platform, pricing, scenario, trace, scenario.seed);
    planExtras(scenario, trace);
  }
}

/** What is replayed under which traffic. */
export interface PlannedTask {
  readonly planned: Planned;
  readonly traffic: Traffic;
}

/** All replays of a plan: replication after replication, so that each trace is needed once. */
export function tasksOf(plan: readonly PlannedTask[], seed: number, replications: number): Task[] {
  return Array.from({ length: replications }, (_, replication) => {
    const own = replicationSeed(seed, replication);
    return plan.map((entry) => ({ ...entry, replication, seed: own }));
  }).flat();
}
