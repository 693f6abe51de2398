/** The options that say how a trace is read or made up, the same for every command that takes one. */
import { type Command, Option } from 'commander';
import { CodedError } from '../metering/errors.ts';
import { TRACE_FORMATS } from '../simulator/traces/format.ts';
import { FUNCTION_NAMINGS } from '../simulator/traces/function-name.ts';
import type { WorkloadOptions } from '../simulator/traces/load.ts';
import { TRACE_OPTION_KEYS } from '../simulator/traces/options.ts';
import { SERVICE_TIME_FORMS } from '../simulator/traces/service-time.ts';
import { SPREADS } from '../simulator/traces/spread.ts';
import { DURATION_UNITS, TIME_UNITS } from '../simulator/traces/time.ts';
import { ARRIVAL_KINDS } from '../simulator/traces/workload-arrivals.ts';
import { flagOf, wholeNumber } from './option-values.ts';

export const WORKLOAD_KEYS: readonly (keyof WorkloadOptions)[] = [...TRACE_OPTION_KEYS, 'synthetic'];

const gathered = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

function csvOptions(command: Command): Command {
  const units = (flag: string, text: string, allowed: readonly string[]): Option =>
    new Option(flag, text).choices([...allowed]);
  return command
    .option('--csv-time <column>', 'for any CSV: the column of arrival times')
    .option(
      '--csv-duration <column>',
      'for any CSV, and mooncake: the column of durations, or a linear expression in columns, such as 0.05+0.02*GeneratedTokens',
    )
    .addOption(
      units('--csv-time-unit <unit>', 'unit of the times (default: found from the first row)', TIME_UNITS),
    )
    .addOption(units('--csv-duration-unit <unit>', 'unit of the durations (default: s)', DURATION_UNITS))
    .option('--csv-function <column>', 'for any CSV: the column of function names')
    .option('--csv-memory <column>', 'for any CSV: the column of configured memory (MB)');
}

/** Adds all of them but `--seed`, whose other uses a command knows. */
export function traceOptions(command: Command): Command {
  command.addOption(
    new Option('--format <name>', 'format of the trace').choices(['auto', ...TRACE_FORMATS]).default('auto'),
  );
  return csvOptions(command)
    .option('--durations <file>', 'azure2019, huawei2023: the file of durations (default: beside the trace)')
    .option('--memory <file>', 'azure2019: the file of memory sizes (default: beside the trace)')
    .addOption(
      new Option(
        '--spread <rule>',
        'counts: where requests are in their interval (default: uniform)',
      ).choices([...SPREADS]),
    )
    .addOption(
      new Option('--function-by <rule>', 'logs with URLs: what makes a function (default: none)').choices([
        ...FUNCTION_NAMINGS,
      ]),
    )
    .option(
      '--service-time <rule>',
      `fills durations that the trace does not say: ${SERVICE_TIME_FORMS.join(', ')}`,
    )
    .option(
      '--trace-memory-mb <mb>',
      'fills configured memory that the trace does not say (MB)',
      wholeNumber(1, 2 ** 24),
    )
    .option(
      '--max-bad-rows <n>',
      'rows that may be passed over because they cannot be read (default: 0)',
      wholeNumber(0, 2 ** 31),
    )
    .option(
      '--synthetic <workload>',
      `a made-up workload instead of a file, such as poisson:rate=10/s,duration=1h (kinds: ${Object.keys(ARRIVAL_KINDS).join(', ')})`,
    )
    .option(
      '--transform <steps>',
      'scale=K, compress=K, repeat=N, slice=A..B, filter=function~PATTERN, mix=FILE, between commas, in order',
      gathered,
    );
}

/** The options of the trace among a command's, and all the others. */
export function splitTraceOptions(options: Readonly<Record<string, unknown>>): {
  readonly trace: WorkloadOptions;
  readonly others: Record<string, unknown>;
} {
  const trace: Record<string, unknown> = {};
  const others: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    ((WORKLOAD_KEYS as readonly string[]).includes(key) ? trace : others)[key] = value;
  }
  return { trace, others };
}

/** Lists whose flag names one of them. */
const PLURALS: Readonly<Record<string, string>> = { platforms: 'platform', extras: 'extra' };

/** The simulator names its options as in code; here they are flags. */
export function inFlags(thrown: unknown, keys: readonly string[] = WORKLOAD_KEYS): unknown {
  const codes = ['usage', 'config-invalid', 'prices-unfit', 'trace-invalid', 'trace-too-large'];
  if (!(thrown instanceof CodedError) || !codes.includes(thrown.code)) return thrown;
  const asFlag = (key: string): string => `--${PLURALS[key] ?? flagOf(key)}`;
  // Names that are words elsewhere are meant only where a sentence is about the option; no word has a capital inside.
  const inside = [...new Set([...keys, ...WORKLOAD_KEYS])].filter((key) => /[A-Z]/.test(key));
  const message = thrown.message
    .replace(new RegExp(`(?<=^|[:;,] )(?:${keys.join('|')})\\b(?=: | "| is for| fills)`, 'g'), asFlag)
    .replace(new RegExp(`(?<!["\\w.-])(?:${inside.join('|')})\\b(?!["\\w.])`, 'g'), asFlag);
  return new CodedError(thrown.code, message, thrown.details);
}
