/** `ebb simulate`: replays a trace on platforms and says what each costs and how slow it gets. */
import type { Command } from 'commander';
import { CodedError } from '../../metering/errors.ts';
import type { PlatformName } from '../../simulator/platforms/platform.ts';
import { comparisonTable } from '../../simulator/report/table.ts';
import type { SimulationResult } from '../../simulator/result.ts';
import { simulate } from '../../simulator/run.ts';
import { SCENARIO_KEYS, type ScenarioInput } from '../../simulator/scenario.ts';
import { readTraceFile } from '../../simulator/traces/file.ts';
import type { TraceOptions } from '../../simulator/traces/format.ts';
import { flagOf } from '../option-values.ts';
import type { Output } from '../output.ts';
import { EBB_VERSION } from '../version.ts';
import { addSimulateOptions } from './simulate-options.ts';

const TRACE_KEYS: readonly (keyof TraceOptions)[] = [
  'format',
  'csvTime',
  'csvDuration',
  'csvTimeUnit',
  'csvDurationUnit',
  'csvFunction',
  'csvMemory',
];

interface CommandOptions extends Omit<ScenarioInput, 'platforms'>, TraceOptions {
  readonly platform?: readonly PlatformName[];
  readonly json?: boolean;
}

/** The simulator names its options as in code; here they are flags. */
function inFlags(thrown: unknown): unknown {
  if (!(thrown instanceof CodedError) || !['usage', 'config-invalid'].includes(thrown.code)) return thrown;
  const keys = [...TRACE_KEYS, ...SCENARIO_KEYS].join('|');
  const message = thrown.message.replace(
    new RegExp(`\\b(?:${keys})\\b(?=:| is for)`, 'g'),
    (key) => `--${key === 'platforms' ? 'platform' : flagOf(key)}`,
  );
  return new CodedError(thrown.code, message, thrown.details);
}

async function run(file: string, options: CommandOptions, output: Output): Promise<void> {
  const { json, platform, ...given } = options;
  const traceOptions: Record<string, unknown> = {};
  const scenario: Record<string, unknown> = platform ? { platforms: platform } : {};
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
  const startedMs = performance.now();
  const result = simulate(trace, scenario, {
    version: EBB_VERSION,
    onProgress: (fraction) =>
      output.progress(`simulating ${trace.count} requests: ${Math.floor(fraction * 100)} %`),
  });
  output.say(speedOf(result, (performance.now() - startedMs) / 1_000));
  return result;
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
      '<trace>',
      'trace file: an export of `ebb trace export`, Azure Functions 2021 CSV, the AWS sweep CSV, or any CSV',
    );
  addSimulateOptions(command)
    .option('--json', 'print the result as JSON')
    .action((file: string, options: CommandOptions) => run(file, options, output));
}
