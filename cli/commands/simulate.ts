/** `ebb simulate`: replays a trace on platforms and says what each costs and how slow it gets. */
import type { Command } from 'commander';
import type { CodedError } from '../../metering/errors.ts';
import type { PlatformName } from '../../simulator/platforms/platform.ts';
import { sweepTable } from '../../simulator/report/sweep-table.ts';
import { comparisonTable } from '../../simulator/report/table.ts';
import { SCENARIO_KEYS, type ScenarioInput } from '../../simulator/scenario.ts';
import type { SweepInput } from '../../simulator/sweep/axes.ts';
import { sweep } from '../../simulator/sweep/sweep.ts';
import type { ParallelRun } from '../../simulator/threads/parallel-run.ts';
import { simulateOnThreads } from '../../simulator/threads/simulate.ts';
import { WorkloadTraces } from '../../simulator/threads/workload-traces.ts';
import type { WorkloadOptions } from '../../simulator/traces/load.ts';
import { compileForReplays } from '../engine-flags.ts';
import { INTERRUPTED_EXIT_CODE, Interrupt } from '../interrupt.ts';
import type { Output } from '../output.ts';
import { loadPriceBook } from '../price-books.ts';
import { readScenarioFile, type ScenarioFile } from '../scenario-file.ts';
import { inFlags, splitTraceOptions, WORKLOAD_KEYS } from '../trace-options.ts';
import { EBB_VERSION } from '../version.ts';
import { RunProgress } from './run-progress.ts';
import { addSimulateOptions } from './simulate-options.ts';
import { addSweepOptions, type SweepTexts, threadsDefault } from './sweep-options.ts';

interface RunOptions {
  readonly json?: boolean;
  readonly scenario?: string;
  readonly sweep?: SweepTexts;
  readonly require?: readonly string[];
  readonly threads?: number;
  readonly progress?: boolean;
}

interface CommandOptions
  extends Omit<ScenarioInput, 'platforms' | 'prices' | 'extras'>,
    WorkloadOptions,
    RunOptions {
  readonly prices?: readonly string[];
  readonly extra?: readonly string[];
  readonly platform?: readonly PlatformName[];
}

/** All that is to be done, from flags and file. */
interface Job {
  readonly file: string | null;
  readonly trace: WorkloadOptions;
  readonly scenario: ScenarioInput;
  readonly sweep: SweepInput;
  readonly require: readonly string[];
  readonly threads: number;
}

const NO_FILE: ScenarioFile = { scenario: {}, sweep: {}, require: [] };

const loaded = <T>(books: readonly T[]): Promise<(T | Awaited<ReturnType<typeof loadPriceBook>>)[]> =>
  Promise.all(books.map((book) => (typeof book === 'string' ? loadPriceBook(book) : book)));

/** Price books may be files. */
async function withBooks(input: SweepInput): Promise<SweepInput> {
  const { prices } = input;
  if (prices === undefined) return input;
  const names = typeof prices === 'string' ? prices.split(',').map((name) => name.trim()) : prices;
  return { ...input, prices: await loaded(names) };
}

/** Flags come before the file. */
async function jobOf(file: string | undefined, options: CommandOptions, isSeedGiven: boolean): Promise<Job> {
  const {
    json: _,
    platform,
    prices,
    extra,
    scenario: path,
    sweep: texts,
    require,
    threads,
    progress,
    ...given
  } = options;
  const known = path === undefined ? NO_FILE : await readScenarioFile(path);
  const { trace, others } = splitTraceOptions(given);
  // One seed for all: what the trace draws and what the platforms draw are streams of their own.
  const seed = isSeedGiven ? trace.seed : (known.scenario.seed ?? trace.seed);
  const scenario: Record<string, unknown> = { ...known.scenario, seed };
  for (const [key, value] of Object.entries(others)) if (value !== undefined) scenario[key] = value;
  if (platform !== undefined) scenario.platforms = platform;
  const books = prices ?? scenario.prices;
  if (Array.isArray(books)) scenario.prices = await loaded(books);
  const extras = extra ?? scenario.extras;
  if (Array.isArray(extras)) scenario.extras = await loaded(extras);
  return {
    file: file ?? null,
    trace: { ...trace, seed },
    scenario: scenario as ScenarioInput,
    sweep: await withBooks({ ...known.sweep, ...texts }),
    require: require ?? known.require,
    threads: threads ?? threadsDefault(),
  };
}

const withText = <T>(result: T, tableOf: (result: T) => string): [T, () => string] => [
  result,
  () => tableOf(result),
];

async function run(job: Job, options: RunOptions, output: Output, interrupt: Interrupt): Promise<void> {
  compileForReplays();
  const progress = new RunProgress(output, output.isTerminal || options.progress === true);
  const onProgress = (doing: string, share: number): void => progress.prepare(doing, share);
  const traces = new WorkloadTraces(job.file, job.trace, { signal: interrupt.signal, onProgress });
  const onRun = (begun: ParallelRun): void => {
    progress.begin(begun);
    if (interrupt.signal.aborted) begun.stop();
    interrupt.signal.addEventListener('abort', () => begun.stop());
  };
  const how = { version: EBB_VERSION, threads: job.threads, onRun };
  try {
    const isSweep = Object.keys(job.sweep).length > 0 || job.require.length > 0;
    const [result, table] = isSweep
      ? withText(await sweep(traces, job.scenario, job, how), sweepTable)
      : withText(await simulateOnThreads(traces, job.scenario, how), comparisonTable);
    if (options.json) output.json(result);
    else output.print(table());
    if (!result.complete) output.exitCode = INTERRUPTED_EXIT_CODE;
  } finally {
    traces.end();
    progress.end();
  }
  output.say(progress.summary);
}

async function command(
  file: string | undefined,
  options: CommandOptions,
  output: Output,
  isSeedGiven: boolean,
): Promise<void> {
  const interrupt = new Interrupt();
  try {
    await run(await jobOf(file, options, isSeedGiven), options, output, interrupt);
  } catch (thrown) {
    if ((thrown as Partial<CodedError>).code === 'interrupted') output.exitCode = INTERRUPTED_EXIT_CODE;
    throw inFlags(thrown, [...WORKLOAD_KEYS, ...SCENARIO_KEYS]);
  } finally {
    interrupt.end();
  }
}

export function addSimulate(program: Command, output: Output): void {
  const simulate = program
    .command('simulate')
    .description(
      'replay a trace on virtual machines, a PaaS, functions, containers and Ebb itself: what it costs, how slow it gets, what is wasted',
    )
    .argument(
      '[trace]',
      'trace file: an export of `ebb trace export`, a public trace, a log, or any CSV; none with --synthetic',
    );
  addSweepOptions(addSimulateOptions(simulate))
    .option('--json', 'print the result as JSON')
    .action((file: string | undefined, options: CommandOptions) =>
      command(file, options, output, simulate.getOptionValueSource('seed') !== 'default'),
    );
}
