/** `ebb simulate`: replays a trace on platforms and says what each costs and how slow it gets. */
import { type Command, Option } from 'commander';
import { PRICE_BOOK_IDS } from '../../metering/prices/catalogue.ts';
import { PICKS } from '../../simulator/platforms/instances.ts';
import { PLATFORM_NAMES, type PlatformName } from '../../simulator/platforms/platform.ts';
import { comparisonTable } from '../../simulator/report/table.ts';
import { simulate } from '../../simulator/run.ts';
import { SCENARIO_KEYS, type ScenarioInput } from '../../simulator/scenario.ts';
import { loadWorkload, type WorkloadOptions } from '../../simulator/traces/load.ts';
import { decimalNumber, list, wholeNumber } from '../option-values.ts';
import type { Output } from '../output.ts';
import { inFlags, splitTraceOptions, traceOptions, WORKLOAD_KEYS } from '../trace-options.ts';
import { EBB_VERSION } from '../version.ts';

function coldStart(text: string): number | 'trace' {
  return text === 'trace' ? 'trace' : decimalNumber(3_600_000)(text);
}

function scenarioOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--platform <name>', 'platform to simulate (default: all three)').choices([
        ...PLATFORM_NAMES,
      ]),
    )
    .option(
      '--keep-alive-s <s>',
      'functions: how long an idle instance lives (s, 0: a fresh one for each request)',
      decimalNumber(1e9),
      600,
    )
    .option(
      '--cold-start-ms <ms>',
      "functions: start-up of an instance (ms), or `trace` for the trace's own (default: the trace's own if it has them, else 250)",
      coldStart,
    )
    .addOption(
      new Option('--pick <rule>', 'functions: which idle instance takes a request')
        .choices([...PICKS])
        .default('newest'),
    )
    .option(
      '--instances <n>',
      'vm: machines (default: 1); paas: a fixed number of dynos (default: autoscaled)',
      wholeNumber(1, 100_000),
    )
    .option(
      '--cores <n>',
      'requests that a machine or dyno serves at once (default: vm 1, paas the vCPUs of its size)',
      wholeNumber(1, 10_000),
    )
    .option(
      '--max-instances <n>',
      'functions: most instances at once (default: 1000); paas: most dynos (default: 10)',
      wholeNumber(1, 2 ** 31 - 1),
    )
    .option(
      '--queue-limit <n>',
      'vm, paas: most requests that wait; more are rejected (default: no limit)',
      wholeNumber(0, 2 ** 31 - 1),
    )
    .option(
      '--memory-mb <mb>',
      "configured memory of a function (MB; default: the trace's, else 512)",
      wholeNumber(1, 2 ** 24),
    )
    .option(
      '--prices <ids>',
      `price books, one for each kind of platform: ${PRICE_BOOK_IDS.join(', ')}`,
      list,
    )
    .option('--instance-type <name>', 'vm, paas: size of an instance, by its name in the price book')
    .option('--free-tier', 'subtract what the provider gives for free each month')
    .option('--seed <n>', 'seed of all random draws', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1);
}

interface CommandOptions extends Omit<ScenarioInput, 'platforms'>, WorkloadOptions {
  readonly platform?: PlatformName;
  readonly json?: boolean;
}

async function run(file: string | undefined, options: CommandOptions, output: Output): Promise<void> {
  const { json, platform, ...given } = options;
  const { trace, others } = splitTraceOptions(given);
  // One seed for all: what the trace draws and what the platforms draw are streams of their own.
  const scenario: ScenarioInput = {
    ...others,
    seed: trace.seed,
    ...(platform ? { platforms: [platform] } : {}),
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
) {
  output.progress(`reading ${file ?? 'the workload'}`);
  const trace = await loadWorkload(file ?? null, options);
  return simulate(trace, scenario, {
    version: EBB_VERSION,
    onProgress: (fraction) =>
      output.progress(`simulating ${trace.count} requests: ${Math.floor(fraction * 100)} %`),
  });
}

export function addSimulate(program: Command, output: Output): void {
  const command = program
    .command('simulate')
    .description(
      'replay a trace on virtual machines, a PaaS and functions: what it costs, how slow it gets, what is wasted',
    )
    .argument(
      '[trace]',
      'trace file: an export of `ebb trace export`, a public trace, a log, or any CSV; none with --synthetic',
    );
  scenarioOptions(traceOptions(command))
    .option('--json', 'print the result as JSON')
    .action((file: string | undefined, options: CommandOptions) => run(file, options, output));
}
