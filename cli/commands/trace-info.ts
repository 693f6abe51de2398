/** `ebb trace info`: says what a trace is like before anything is simulated. */
import type { Command } from 'commander';
import type { CodedError } from '../../metering/errors.ts';
import { traceInfoText } from '../../simulator/report/trace-info.ts';
import { describing } from '../../simulator/traces/describe.ts';
import { openWorkload } from '../../simulator/traces/load.ts';
import { TempFiles } from '../../simulator/traces/temp-files.ts';
import { inTurns, type ReadControl } from '../../simulator/traces/turns.ts';
import { INTERRUPTED_EXIT_CODE, Interrupt } from '../interrupt.ts';
import { wholeNumber } from '../option-values.ts';
import type { Output } from '../output.ts';
import { inFlags, splitTraceOptions, traceOptions } from '../trace-options.ts';
import { RunProgress } from './run-progress.ts';

const COLUMNS_MAX = 100;

interface InfoOptions {
  readonly json?: boolean;
  readonly columns: number;
}

async function info(file: string | undefined, options: InfoOptions, output: Output): Promise<void> {
  const { json, columns, ...given } = options;
  const { trace } = splitTraceOptions(given);
  const progress = new RunProgress(output, output.isTerminal);
  const interrupt = new Interrupt();
  const files = new TempFiles();
  const { signal } = interrupt;
  const control: ReadControl = { signal, onProgress: (doing, share) => progress.prepare(doing, share) };
  try {
    const opened = await openWorkload(file ?? null, trace, control, undefined, files);
    const described = await inTurns(describing(opened, columns), control);
    if (json) output.json(described);
    else output.print(traceInfoText(described));
  } catch (thrown) {
    if ((thrown as Partial<CodedError>).code === 'interrupted') output.exitCode = INTERRUPTED_EXIT_CODE;
    throw inFlags(thrown);
  } finally {
    files.end();
    interrupt.end();
    progress.end();
  }
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
