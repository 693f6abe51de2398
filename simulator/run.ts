/**
 * One simulation: a trace replayed on each platform of a scenario, once or several times. The same trace, scenario and
 * seed give the same result to the byte; there is no clock and no randomness but what is passed in.
 */
import { CodedError } from '../metering/errors.ts';
import { US_PER_S } from '../metering/units.ts';
import { planExtras } from './extras.ts';
import { replicationSeed } from './kernel/random.ts';
import type { PlatformName } from './platforms/platform.ts';
import { prepare } from './prepare.ts';
import { type Pricing, planPricing } from './pricing.ts';
import { compareReplications } from './replications.ts';
import { type PlatformResult, platformResult, type SimulationResult } from './result.ts';
import { checkScenario, type Scenario, type ScenarioInput } from './scenario.ts';
import { SeriesMeter } from './series.ts';
import { Tally } from './tally.ts';
import type { Trace } from './traces/trace.ts';

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
  readonly redraw?: ((seed: number) => Trace) | undefined;
}

type Plan = readonly { readonly platform: PlatformName; readonly pricing: Pricing }[];

/** One replication: all platforms on the same trace and seed. */
function replayAll(
  trace: Trace,
  scenario: Scenario,
  plan: Plan,
  seed: number,
  progress: (fraction: number) => void,
): PlatformResult[] {
  const { freeTier, seriesUs } = scenario;
  const extras = planExtras(scenario, trace);
  const prepared = plan.map(({ platform: name, pricing }) => ({
    name,
    pricing,
    ...prepare(name, pricing, scenario, trace, seed),
  }));
  return prepared.map(({ name, pricing, platform, ...rest }, index) => {
    const series = seriesUs === null ? null : new SeriesMeter(trace.arrivedAtUs[0] as number, seriesUs);
    const tally = new Tally(trace.count, trace.functionNames.length, pricing, extras, series);
    const totals = platform.run(trace, tally, (arrivals) =>
      progress((index + arrivals / trace.count) / prepared.length),
    );
    return platformResult({ name, trace, pricing, freeTier, tally, totals, series, ...rest });
  });
}

/**
 * Replays a trace. It works without pause until it is done; a caller that must stay awake runs it in a worker.
 * @throws CodedError `config-invalid`, `prices-unknown` or `prices-unfit` before anything is simulated;
 * `interrupted` when the signal is aborted.
 */
export function simulate(
  trace: Trace,
  input: ScenarioInput = {},
  options: SimulateOptions = {},
): SimulationResult {
  const { onProgress, signal, redraw, version = 'unknown' } = options;
  const scenario = checkScenario(input);
  const { seed, replications } = scenario;
  const plan = planPricing(scenario);
  const runs: PlatformResult[][] = [];
  for (let replication = 0; replication < replications; replication++) {
    const ownSeed = replicationSeed(seed, replication);
    const ownTrace = replication === 0 || redraw === undefined ? trace : redraw(ownSeed);
    const run = replayAll(ownTrace, scenario, plan, ownSeed, (fraction) => {
      if (signal?.aborted) throw new CodedError('interrupted', 'the simulation was interrupted');
      onProgress?.((replication + fraction) / replications);
    });
    runs.push(run);
  }
  onProgress?.(1);
  return {
    version,
    seed,
    trace: describeTrace(trace),
    platforms: runs[0] ?? [],
    replications: replications === 1 ? null : compareReplications(runs),
  };
}

function describeTrace(trace: Trace): SimulationResult['trace'] {
  const { arrivedAtUs, count } = trace;
  const startUs = arrivedAtUs[0] as number;
  return {
    file: trace.name,
    format: trace.format,
    arrivals: count,
    functions: trace.functionNames.length,
    startUs,
    spanS: ((arrivedAtUs[count - 1] as number) - startUs) / US_PER_S,
    skippedRejected: trace.skippedRejected,
    skippedBad: trace.skippedBad,
    badRows: trace.badRows,
    filled: trace.filled,
    transformed: trace.transformed,
  };
}
