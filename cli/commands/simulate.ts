/** `ebb simulate`: replays a trace on platforms and says what each costs and how slow it gets. */
import { type Command, Option } from 'commander';
import { CodedError } from '../../metering/errors.ts';
import { PRICE_BOOK_IDS } from '../../metering/prices/catalogue.ts';
import { PICKS } from '../../simulator/platforms/instances.ts';
import { PLATFORM_NAMES, type PlatformName } from '../../simulator/platforms/platform.ts';
import { comparisonTable } from '../../simulator/report/table.ts';
import { simulate } from '../../simulator/run.ts';
import { SCENARIO_KEYS, type ScenarioInput } from '../../simulator/scenario.ts';
import { readTraceFile } from '../../simulator/traces/file.ts';
import { TRACE_FORMATS, type TraceOptions } from '../../simulator/traces/format.ts';
import { DURATION_UNITS, TIME_UNITS } from '../../simulator/traces/time.ts';
import { decimalNumber, flagOf, list, wholeNumber } from '../option-values.ts';
import type { Output } from '../output.ts';
import { EBB_VERSION } from '../version.ts';

const TRACE_KEYS: readonly (keyof TraceOptions)[] = [
  'format',
  'csvTime',
  'csvDuration',
  'csvTimeUnit',
  'csvDurationUnit',
  'csvFunction',
  'csvMemory',
];

function coldStart(text: string): number | 'trace' {
  return text === 'trace' ? 'trace' : decimalNumber(3_600_000)(text);
}

function traceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <name>', 'format of the trace')
        .choices(['auto', ...TRACE_FORMATS])
        .default('auto'),
    )
    .option('--csv-time <column>', 'for any CSV: the column of arrival times')
    .option(
      '--csv-duration <column>',
      'for any CSV: the column of durations, or a linear expression in columns, such as 0.05+0.02*GeneratedTokens',
    )
    .addOption(
      new Option('--csv-time-unit <unit>', 'unit of the times (default: found from the first row)').choices([
        ...TIME_UNITS,
      ]),
    )
    .addOption(
      new Option('--csv-duration-unit <unit>', 'unit of the durations (default: s)').choices([
        ...DURATION_UNITS,
      ]),
    )
    .option('--csv-function <column>', 'for any CSV: the column of function names')
    .option('--csv-memory <column>', 'for any CSV: the column of configured memory (MB)');
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

interface CommandOptions extends Omit<ScenarioInput, 'platforms'>, TraceOptions {
  readonly platform?: PlatformName;
  readonly json?: boolean;
}

/** The simulator names its options as in code; here they are flags. */
function inFlags(thrown: unknown): unknown {
  if (!(thrown instanceof CodedError) || !['usage', 'config-invalid'].includes(thrown.code)) return thrown;
  const keys = [...TRACE_KEYS, ...SCENARIO_KEYS].join('|');
  const message = thrown.message.replace(
    new RegExp(`\\b(?:${keys})\\b(?=:| is for)`, 'g'),
    (key) => `--${flagOf(key)}`,
  );
  return new CodedError(thrown.code, message, thrown.details);
}

async function run(file: string, options: CommandOptions, output: Output): Promise<void> {
  const { json, platform, ...given } = options;
  const traceOptions: Record<string, unknown> = {};
  const scenario: Record<string, unknown> = platform ? { platforms: [platform] } : {};
  for (const [key, value] of Object.entries(given)) {
    ((TRACE_KEYS as readonly string[]).includes(key) ? traceOptions : scenario)[key] = value;
  }
  const result = await replay(file, traceOptions, scenario, output).catch((thrown: unknown) => {
    throw inFlags(thrown);
  });
  if (json) output.json(result);
  else output.print(comparisonTable(result));
}

async function replay(file: string, options: TraceOptions, scenario: ScenarioInput, output: Output) {
  output.progress(`reading ${file}`);
  const trace = await readTraceFile(file, options);
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
      '<trace>',
      'trace file: an export of `ebb trace export`, Azure Functions 2021 CSV, the AWS sweep CSV, or any CSV',
    );
  scenarioOptions(traceOptions(command))
    .option('--json', 'print the result as JSON')
    .action((file: string, options: CommandOptions) => run(file, options, output));
}
