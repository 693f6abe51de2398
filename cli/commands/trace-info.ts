/** `ebb trace info`: says what a trace is like before anything is simulated. */
import type { Command } from 'commander';
import { traceInfoText } from '../../simulator/report/trace-info.ts';
import { describeTrace } from '../../simulator/traces/describe.ts';
import { loadWorkload } from '../../simulator/traces/load.ts';
import { wholeNumber } from '../option-values.ts';
import type { Output } from '../output.ts';
import { inFlags, splitTraceOptions, traceOptions } from '../trace-options.ts';

const COLUMNS_MAX = 100;

interface InfoOptions {
  readonly json?: boolean;
  readonly columns: number;
}

async function info(file: string | undefined, options: InfoOptions, output: Output): Promise<void> {
  const { json, columns, ...given } = options;
  output.progress(`reading ${file ?? 'the workload'}`);
  const trace = await loadWorkload(file ?? null, splitTraceOptions(given).trace).catch((thrown: unknown) => {
    throw inFlags(thrown);
  });
  const described = describeTrace(trace, columns);
  if (json) output.json(described);
  else output.print(traceInfoText(described));
}

export function addTraceInfo(traceCommand: Command, output: Output): void {
  const command = traceCommand
    .command('info')
    .description(
      'say what a trace is like: rate, burstiness, concurrency, durations, and its shape over time',
    )
    .argument('[trace]', 'trace file, of any format that `ebb simulate` takes; none with --synthetic');
  traceOptions(command)
    .option('--columns <n>', 'width of the drawing (1 to 100)', wholeNumber(1, COLUMNS_MAX), 80)
    .option('--seed <n>', 'seed of all random draws', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--json', 'print the description as JSON')
    .action((file: string | undefined, options: InfoOptions) => info(file, options, output));
}
