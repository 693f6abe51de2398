/** `ebb settings`: shows what holds for a function, and changes it. */
import type { Command } from 'commander';
import type { FunctionSettings, OwnSettings } from '../../host/function-settings.ts';
import { CodedError } from '../../metering/errors.ts';
import { AdminClient } from '../admin-client.ts';
import { type Output, textTable } from '../output.ts';
import { addFunctionSettings, givenSettings } from '../setting-options.ts';
import { hostOptions } from './functions.ts';

interface Options {
  readonly host: string;
  readonly json?: boolean;
  readonly reset?: boolean;
  readonly [setting: string]: unknown;
}

/** As the host answers. */
interface Shown {
  readonly name: string;
  readonly settings: FunctionSettings;
  readonly own: OwnSettings;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** Asks, changes, or goes back to the defaults, as the options say. */
async function changed(name: string, options: Options): Promise<Shown> {
  const client = new AdminClient(options.host);
  const path = `/v1/functions/${encodeURIComponent(name)}/settings`;
  const given = givenSettings(options);
  const isChange = Object.keys(given).length > 0;
  if (options.reset && isChange) {
    throw new CodedError('usage', `expected --reset or settings, got both: ${Object.keys(given).join(', ')}`);
  }
  if (options.reset) return client.json<Shown>(path, {}, { method: 'DELETE' });
  const before = await client.json<Shown>(path);
  if (!isChange) return before;
  const body = JSON.stringify({ ...before.own, ...given });
  return client.json<Shown>(path, {}, { method: 'PUT', body, headers: JSON_TYPE });
}

/** What a list says that has nothing in it. */
const EMPTY: Readonly<Record<string, string>> = { allowOutbound: 'nowhere', preopens: 'none' };

const cell = (name: string, value: number | readonly string[]): string | number =>
  typeof value === 'number' ? value : value.join(', ') || (EMPTY[name] as string);

async function settings(name: string, options: Options, output: Output): Promise<void> {
  const shown = await changed(name, options);
  if (options.json) return output.json(shown);
  const rows = Object.entries(shown.settings).map(([key, value]) => {
    return [key, cell(key, value), key in shown.own ? 'its own' : 'the host’s'];
  });
  output.print(textTable(['setting', shown.name, 'from'], rows));
}

export function addSettings(program: Command, output: Output): void {
  const command = hostOptions(program.command('settings'))
    .description('show what a function may use, or change it within what its host allows')
    .argument('<name>', 'function name')
    .option('--reset', 'go back to the host’s own settings');
  addFunctionSettings(command).action((name: string, options: Options) => settings(name, options, output));
}
