/** The command line: one program, its commands, and how errors become messages and exit codes. */
import { Command, CommanderError } from 'commander';
import { asCodedError, EXIT_CODES } from '../metering/errors.ts';
import { addBuild } from './commands/build.ts';
import { addDemo } from './commands/demo.ts';
import { addFunctions } from './commands/functions.ts';
import { addLedger } from './commands/ledger.ts';
import { addPrices } from './commands/prices.ts';
import { addServe } from './commands/serve.ts';
import { addSettings } from './commands/settings.ts';
import { addSimulate } from './commands/simulate.ts';
import { Output, type Streams } from './output.ts';
import { EBB_VERSION } from './version.ts';

const AFTER_HELP = `
Exit codes: 0 success, ${EXIT_CODES.user} a mistake in the call or its input, ${EXIT_CODES.guest} a failing guest, ${EXIT_CODES.system} a failing host or machine, 130 interrupted.
`;

function makeProgram(output: Output, streams: Streams): Command {
  const program = new Command('ebb')
    .description('A WebAssembly function host that scales to zero, and a simulator of what traffic costs.')
    .version(EBB_VERSION)
    .configureHelp({ helpWidth: 110, sortOptions: false })
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    })
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for what is expected)')
    .addHelpText('after', AFTER_HELP)
    .exitOverride();
  addServe(program, output);
  addBuild(program, output);
  addFunctions(program, output);
  addSettings(program, output);
  addLedger(program, output);
  addPrices(program, output);
  addSimulate(program, output);
  addDemo(program, output);
  return program;
}

/**
 * Runs one command line.
 * @param argv as `process.argv`: the first two entries are passed over.
 * @returns the exit code; never throws.
 */
export async function runCommandLine(
  argv: readonly string[],
  streams: Streams = { stdout: process.stdout, stderr: process.stderr },
): Promise<number> {
  const output = new Output(streams);
  try {
    await makeProgram(output, streams).parseAsync(argv);
    return output.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXIT_CODES.user;
    const error = asCodedError(thrown);
    if (argv.includes('--json')) streams.stderr.write(`${JSON.stringify(error.toBody())}\n`);
    else output.say(`ebb: ${error.message} (${error.code})`);
    if (error.code === 'internal' && thrown instanceof Error) output.say(thrown.stack ?? '');
    return output.exitCode === 0 ? error.exitCode : output.exitCode;
  }
}
