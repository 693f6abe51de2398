/** `ebb deploy`, `ebb list` and `ebb remove`: the functions of a running host. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { CodedError } from '../../metering/errors.ts';
import { AdminClient, DEFAULT_HOST } from '../admin-client.ts';
import { type Output, textTable } from '../output.ts';
import { addFunctionSettings, givenSettings } from '../setting-options.ts';

interface HostOptions {
  readonly host: string;
  readonly json?: boolean;
}

interface Deployed {
  readonly name: string;
  readonly version: string;
  readonly size: number;
  readonly deployedAtMs: number;
}

const shortVersion = (version: string): string => version.slice(0, 12);

async function readComponent(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (thrown) {
    throw new CodedError(
      'file-unreadable',
      `expected a component to read, got ${file}: ${(thrown as Error).message}`,
    );
  }
}

async function deploy(
  file: string,
  options: HostOptions & { readonly name: string; readonly [setting: string]: unknown },
  output: Output,
): Promise<void> {
  const client = new AdminClient(options.host);
  const body = await readComponent(file);
  const init = { method: 'PUT', body, headers: { 'content-type': 'application/wasm' } };
  const given = givenSettings(options);
  const query = Object.keys(given).length > 0 ? { settings: JSON.stringify(given) } : {};
  const response = await client.response(`/v1/functions/${encodeURIComponent(options.name)}`, query, init);
  const deployed = (await response.json()) as Deployed;
  if (options.json) output.json(deployed);
  else {
    const what = response.status === 201 ? 'deployed' : 'unchanged';
    output.print(
      `${what} ${deployed.name}: version ${shortVersion(deployed.version)}, ${deployed.size} bytes`,
    );
  }
}

async function listFunctions(options: HostOptions, output: Output): Promise<void> {
  const { functions } = await new AdminClient(options.host).json<{ functions: Deployed[] }>('/v1/functions');
  if (options.json) return output.json({ functions });
  if (functions.length === 0) return output.say('no functions are deployed');
  const rows = functions.map(({ name, version, size, deployedAtMs }) => {
    return [name, shortVersion(version), size, new Date(deployedAtMs).toISOString()];
  });
  output.print(textTable(['name', 'version', 'bytes', 'deployed'], rows));
}

async function removeFunction(name: string, options: HostOptions, output: Output): Promise<void> {
  const path = `/v1/functions/${encodeURIComponent(name)}`;
  const removed = await new AdminClient(options.host).json<Deployed>(path, {}, { method: 'DELETE' });
  if (options.json) output.json(removed);
  else output.print(`removed ${removed.name}; its executions stay in the ledger`);
}

export function hostOptions(command: Command): Command {
  return command
    .option('--host <url>', 'admin address of the host', DEFAULT_HOST)
    .option('--json', 'print JSON');
}

export function addFunctions(program: Command, output: Output): void {
  const deploying = hostOptions(program.command('deploy'))
    .description('deploy a component under a name, or replace what the name runs; settings stay unless given')
    .argument('<file>', 'a wasi:http component (.wasm)')
    .requiredOption('--name <name>', 'function name: 1 to 63 lower-case letters, digits and inner hyphens');
  addFunctionSettings(deploying).action((file: string, options) => deploy(file, options, output));
  hostOptions(program.command('list'))
    .description('list the deployed functions')
    .action((options) => listFunctions(options, output));
  hostOptions(program.command('remove'))
    .description('remove a function; its executions stay in the ledger')
    .argument('<name>', 'function name')
    .action((name: string, options) => removeFunction(name, options, output));
}
