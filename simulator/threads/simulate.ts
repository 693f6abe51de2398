/** The same simulation as `run.ts`, its replays on worker threads, and able to stop in between with what is done. */
import { CodedError } from '../../metering/errors.ts';
import { checkFits, planned, tasksOf } from '../plan.ts';
import type { ReplayOutcome } from '../replay.ts';
import { compareReplications } from '../replications.ts';
import type { SimulationResult } from '../result.ts';
import { checkScenario, type ScenarioInput } from '../scenario.ts';
import { TRAFFIC_AS_GIVEN } from '../traces/traffic.ts';
import { ParallelRun, type Traces } from './parallel-run.ts';

export interface ThreadOptions {
  /** Of Ebb, for the result. */
  readonly version: string;
  /** How many threads replay at most, 1 or more. */
  readonly threads: number;
  /** Is given the run when it begins: to ask for its progress, or to stop it. */
  readonly onRun?: ((run: ParallelRun) => void) | undefined;
}

export const interrupted = (): CodedError =>
  new CodedError('interrupted', 'the simulation was interrupted before there was a result');

const isComplete = (outcome: ReplayOutcome | null): outcome is ReplayOutcome =>
  outcome?.result.complete === true;

/**
 * The bytes of the result do not depend on the number of threads.
 * @throws CodedError as `simulate`; `interrupted` when it was stopped before anything was replayed; `internal` when a
 * thread is lost.
 */
export async function simulateOnThreads(
  traces: Traces,
  input: ScenarioInput,
  { version, threads, onRun }: ThreadOptions,
): Promise<SimulationResult> {
  const scenario = checkScenario(input);
  const { seed, replications } = scenario;
  const plan = planned(scenario);
  checkFits(plan, await traces.of(0, TRAFFIC_AS_GIVEN));
  const tasks = plan.map((entry) => ({ planned: entry, traffic: TRAFFIC_AS_GIVEN }));
  const run = new ParallelRun(tasksOf(tasks, seed, replications), traces, threads);
  onRun?.(run);
  const outcomes = await run.outcomes;
  const first = outcomes.slice(0, plan.length).filter((outcome) => outcome !== null);
  const [one] = first;
  if (one === undefined) throw interrupted();
  const runs = Array.from({ length: replications }, (_, replication) =>
    outcomes.slice(replication * plan.length, (replication + 1) * plan.length),
  );
  const whole = runs.filter((outcomesOf) => outcomesOf.every(isComplete)) as ReplayOutcome[][];
  const results = whole.map((outcomesOf) => outcomesOf.map(({ result }) => result));
  return {
    version,
    complete: outcomes.every(isComplete),
    seed,
    trace: (first.find(isComplete) ?? one).trace,
    platforms: first.map(({ result }) => result),
    replications: results.length < 2 ? null : compareReplications(results),
  };
}
