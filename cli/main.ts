/** The command line: one program, its commands, and how errors become messages and exit codes. */
import { Command, CommanderError } from 'commander';
import { asCodedError, EXIT_CODES } from '../metering/errors.ts';
import { Output, type Streams } from './output.ts';
import { EBB_VERSION } from './version.ts';

const AFTER_HELP = `
Exit codes: 0 success, ${EXIT_CODES.user} a mistake in the call or its input, ${EXIT_CODES.guest} a failing guest, ${EXIT_CODES.system} a failing host or machine, 130 interrupted.
`;

type AddCommands = (program: Command, output: Output) => void;

/** In the order of the help, where each module's commands are made. */
const MODULES = {
  serve: async () => (await import('./commands/serve.ts')).addServe,
  build: async () => (await import('./commands/build.ts')).addBuild,
  functions: async () => (await import('./commands/functions.ts')).addFunctions,
  settings: async () => (await import('./commands/settings.ts')).addSettings,
  ledger: async () => (await import('./commands/ledger.ts')).addLedger,
  prices: async () => (await import('./commands/prices.ts')).addPrices,
  simulate: async () => (await import('./commands/simulate.ts')).addSimulate,
  demo: async () => (await import('./commands/demo.ts')).addDemo,
} satisfies Readonly<Record<string, () => Promise<AddCommands>>>;

/** Commands that need no more than their own module: loading all of them takes longer than starting a host. */
const ALONE: ReadonlySet<string> = new Set(['serve', 'build', 'settings', 'prices', 'simulate', 'demo']);

/** Those that the program is to know: all of them where it may have to name them. */
function addersFor([, , first = '']: readonly string[]): Promise<readonly AddCommands[]> {
  const loads = ALONE.has(first) ? [MODULES[first as keyof typeof MODULES]] : Object.values(MODULES);
  return Promise.all(loads.map((load) => load()));
}

function makeProgram(adders: readonly AddCommands[], output: Output, streams: Streams): Command {
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
  for (const add of adders) add(program, output);
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
    await makeProgram(await addersFor(argv), output, streams).parseAsync(argv);
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
