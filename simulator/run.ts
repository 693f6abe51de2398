/**
 * One simulation: a trace replayed on each platform of a scenario, once or several times. The same trace, scenario and
 * seed give the same result to the byte; there is no clock and no randomness but what is passed in.
 */
import { CodedError } from '../metering/errors.ts';
import { replicationSeed } from './kernel/random.ts';
import { planned } from './plan.ts';
import { type ReplayOutcome, replay } from './replay.ts';
import { compareReplications } from './replications.ts';
import type { PlatformResult, SimulationResult } from './result.ts';
import { checkScenario, type ScenarioInput } from './scenario.ts';
import { isStream, type Replayable } from './traces/trace.ts';

export interface SimulateOptions {
  /** Ebb's version, for the result; default `unknown`. */
  readonly version?: string | undefined;
  /** Hears how much is done, 0 to 1, every some thousand arrivals. */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  /** Looked at as often as `onProgress` is called; an abort ends the simulation. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Draws the trace of another replication, where a trace is drawn at all; default: every replication has the same
   * arrivals and only what platforms draw differs.
   */
  readonly redraw?: ((seed: number) => Replayable) | undefined;
}

/**
 * Replays a trace. It works without pause until it is done; a caller that must stay awake runs it in a worker.
 * @throws CodedError `config-invalid`, `prices-unknown` or `prices-unfit` before anything is simulated;
 * `interrupted` when the signal is aborted.
 */
export function simulate(
  trace: Replayable,
  input: ScenarioInput = {},
  options: SimulateOptions = {},
): SimulationResult {
  const { onProgress, signal, redraw, version = 'unknown' } = options;
  const scenario = checkScenario(input);
  const { seed, replications } = scenario;
  const plan = planned(scenario);
  onProgress?.(0);
  const runs: PlatformResult[][] = [];
  let first: ReplayOutcome | undefined;
  for (let replication = 0; replication < replications; replication++) {
    const ownSeed = replicationSeed(seed, replication);
    const ownTrace = replication === 0 || redraw === undefined ? trace : redraw(ownSeed);
    const expected = isStream(ownTrace) ? ownTrace.expected : ownTrace.count;
    const run = plan.map((entry, index) => {
      const outcome = replay(entry, ownTrace, ownSeed, (arrivals) => {
        if (signal?.aborted) throw new CodedError('interrupted', 'the simulation was interrupted');
        const fraction = (index + Math.min(1, arrivals / expected)) / plan.length;
        onProgress?.((replication + fraction) / replications);
        return true;
      });
      first ??= outcome;
      return outcome.result;
    });
    runs.push(run);
  }
  onProgress?.(1);
  return {
    version,
    complete: true,
    seed,
    trace: (first as ReplayOutcome).trace,
    platforms: runs[0] ?? [],
    replications: replications === 1 ? null : compareReplications(runs),
  };
}
