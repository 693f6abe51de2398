/** `ebb simulate`: replays a trace on platforms and says what each costs and how slow it gets. */
import type { Command } from 'commander';
import { replicationSeed } from '../../simulator/kernel/random.ts';
import type { PlatformName } from '../../simulator/platforms/platform.ts';
import { comparisonTable } from '../../simulator/report/table.ts';
import type { SimulationResult } from '../../simulator/result.ts';
import { simulate } from '../../simulator/run.ts';
import { SCENARIO_KEYS, type ScenarioInput } from '../../simulator/scenario.ts';
import { loadWorkload, type WorkloadOptions } from '../../simulator/traces/load.ts';
import { SEED_DEFAULT } from '../../simulator/traces/read.ts';
import type { Trace } from '../../simulator/traces/trace.ts';
import type { Output } from '../output.ts';
import { loadPriceBook } from '../price-books.ts';
import { inFlags, splitTraceOptions, WORKLOAD_KEYS } from '../trace-options.ts';
import { EBB_VERSION } from '../version.ts';
import { addSimulateOptions } from './simulate-options.ts';

interface CommandOptions extends Omit<ScenarioInput, 'platforms' | 'prices' | 'extras'>, WorkloadOptions {
  readonly prices?: readonly string[];
  readonly extra?: readonly string[];
  readonly platform?: readonly PlatformName[];
  readonly json?: boolean;
}

async function run(file: string | undefined, options: CommandOptions, output: Output): Promise<void> {
  const { json, platform, prices, extra, ...given } = options;
  const { trace, others } = splitTraceOptions(given);
  // One seed for all: what the trace draws and what the platforms draw are streams of their own.
  const scenario: ScenarioInput = {
    ...others,
    seed: trace.seed,
    platforms: platform,
    prices: prices && (await Promise.all(prices.map(loadPriceBook))),
    extras: extra && (await Promise.all(extra.map(loadPriceBook))),
  };
  const result = await replay(file, trace, scenario, output).catch((thrown: unknown) => {
    throw inFlags(thrown, [...WORKLOAD_KEYS, ...SCENARIO_KEYS]);
  });
  if (json) output.json(result);
  else output.print(comparisonTable(result));
}

async function replay(
  file: string | undefined,
  options: WorkloadOptions,
  scenario: ScenarioInput,
  output: Output,
): Promise<SimulationResult> {
  output.progress(`reading ${file ?? 'the workload'}`);
  const trace = await loadWorkload(file ?? null, options);
  const redraw = await redrawn(file, options, trace, scenario.replications ?? 1);
  const startedMs = performance.now();
  const result = simulate(trace, scenario, {
    version: EBB_VERSION,
    redraw,
    onProgress: (fraction) =>
      output.progress(`simulating ${trace.count} requests: ${Math.floor(fraction * 100)} %`),
  });
  output.say(speedOf(result, (performance.now() - startedMs) / 1_000));
  return result;
}

/** What a trace draws is drawn anew for each replication: made-up arrivals, filled times, transformations. */
async function redrawn(
  file: string | undefined,
  options: WorkloadOptions,
  trace: Trace,
  replications: number,
): Promise<((seed: number) => Trace) | undefined> {
  const draws = options.synthetic !== undefined || trace.filled.length > 0 || trace.transformed.length > 0;
  if (!draws || replications === 1) return undefined;
  const traces = new Map<number, Trace>();
  for (let replication = 1; replication < replications; replication++) {
    const seed = replicationSeed(options.seed ?? SEED_DEFAULT, replication);
    traces.set(seed, await loadWorkload(file ?? null, { ...options, seed }));
  }
  return (seed) => traces.get(seed) ?? trace;
}

/** The result is free of clocks; how quickly it came is for the person who waited. */
function speedOf({ trace, platforms, replications }: SimulationResult, tookS: number): string {
  const replayed = trace.arrivals * platforms.length * (replications?.count ?? 1);
  const perSecond = Math.round(replayed / Math.max(tookS, 1e-6)).toLocaleString('en-US');
  return `replayed ${replayed.toLocaleString('en-US')} requests in ${tookS.toFixed(2)} s: ${perSecond} a second`;
}

export function addSimulate(program: Command, output: Output): void {
  const command = program
    .command('simulate')
    .description(
      'replay a trace on virtual machines, a PaaS, functions, containers and Ebb itself: what it costs, how slow it gets, what is wasted',
    )
    .argument(
      '[trace]',
      'trace file: an export of `ebb trace export`, a public trace, a log, or any CSV; none with --synthetic',
    );
  addSimulateOptions(command)
    .option('--json', 'print the result as JSON')
    .action((file: string | undefined, options: CommandOptions) => run(file, options, output));
}
