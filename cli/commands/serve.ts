/** `ebb serve`: runs a host until it is told to stop. */
import type { Command } from 'commander';
import { type HostConfig, hostConfig, NUMBER_SETTINGS, type NumberSetting } from '../../host/config.ts';
import { startHost } from '../../host/server.ts';
import { CodedError } from '../../metering/errors.ts';
import { flagOf, list, wholeNumber } from '../option-values.ts';
import type { Output } from '../output.ts';

const DESCRIPTIONS: Readonly<Record<keyof typeof NUMBER_SETTINGS, string>> = {
  port: 'public listener; 0 takes a free port',
  adminPort: 'admin listener; 0 takes a free port',
  workers: 'worker threads that run functions side by side',
  timeLimitMs: 'longest that one execution may take',
  cpuLimitMs: 'most processor time that one execution may use; without it, as much as it may take',
  memoryMb: 'largest linear memory of an instance',
  requestMb: 'largest request body',
  responseMb: 'largest response body',
  componentMb: 'largest component that can be deployed',
  queueLimit: 'requests that may wait for a worker; more are answered with 503',
  queueTimeoutMs: 'longest that a request may wait for a worker',
  cacheMb: 'compiled components kept in memory, by the size of their code',
  drainTimeoutMs: 'how long running requests may go on after SIGTERM',
};

export function addServe(program: Command, output: Output): void {
  const command = program
    .command('serve')
    .description('run a host: a public listener for functions, an admin listener for deploying and billing')
    .option('--bind <address>', 'address of both listeners', '127.0.0.1')
    .option('--data-dir <folder>', 'folder of the database, the components and the cache', '.ebb')
    .option(
      '--allow-outbound <patterns>',
      'where functions may send requests: host, host:port, *.domain or *',
      list,
    )
    .option('--json', 'print the addresses as JSON');
  for (const [name, setting] of Object.entries<NumberSetting>(NUMBER_SETTINGS)) {
    const { min, max, unit } = setting;
    const description = `${DESCRIPTIONS[name as keyof typeof NUMBER_SETTINGS]} (${unit}, ${min} to ${max})`;
    command.option(`--${flagOf(name)} <n>`, description, wholeNumber(min, max), defaultOf(setting));
  }
  command.action(async ({ json, ...settings }: HostConfig & { readonly json?: boolean }) => {
    await serve(hostConfig(settings), output, json === true);
  });
}

/** None in commander's sense for a setting that takes another one's value: that is only known once all are read. */
const defaultOf = ({ sameAs, default: value }: NumberSetting): number | undefined =>
  sameAs === undefined ? value : undefined;

async function serve(config: HostConfig, output: Output, json: boolean): Promise<void> {
  // Asked for before the host opens, so that a signal in between is not lost.
  const stopSignal = nextStopSignal();
  const running = await startHost(config, {
    nowMs: Date.now,
    onInternal: (error) =>
      output.say(`ebb: internal error: ${error instanceof Error ? error.stack : String(error)}`),
  });
  const { publicUrl, adminUrl } = running;
  if (json) output.print(JSON.stringify({ publicUrl, adminUrl }));
  else output.print(`ebb is ready: functions at ${publicUrl}/f/{name}/, admin at ${adminUrl}`);
  const signal = await stopSignal;
  output.say(`ebb: ${signal}, stopping; running requests may end within ${config.drainTimeoutMs} ms`);
  const impatient = nextStopSignal().then(() => {
    throw new CodedError('interrupted', 'stopped at once by a second signal; running requests were cut off');
  });
  const clean = await Promise.race([running.stop(), impatient]);
  output.say(clean ? 'ebb: stopped' : 'ebb: stopped; some requests had to be cut off');
}

function nextStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT'] as const;
    const onSignal = (signal: NodeJS.Signals) => {
      for (const name of signals) process.off(name, onSignal);
      resolve(signal);
    };
    for (const name of signals) process.on(name, onSignal);
  });
}
