/** `ebb serve`: runs a host until it is told to stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type HostConfig, hostConfig } from '../../host/config.ts';
import { RULE_FORMS } from '../../host/outbound-rules.ts';
import { CodedError } from '../../metering/errors.ts';
import { list } from '../option-values.ts';
import type { Output } from '../output.ts';
import { addHostNumbers, addHostPreopens } from '../setting-options.ts';

/** Longest that a host which takes requests is not called ready. */
const READY_PATIENCE_MS = 1_000;

type ServeOptions = Omit<HostConfig, 'preopens'> & {
  readonly json?: boolean;
  readonly preopen?: readonly string[];
};

export function addServe(program: Command, output: Output): void {
  const command = program
    .command('serve')
    .description('run a host: a public listener for functions, an admin listener for deploying and billing')
    .option('--bind <address>', 'address of both listeners', '127.0.0.1')
    .option('--data-dir <folder>', 'folder of the database, the components and the cache', '.ebb')
    .option('--allow-outbound <patterns>', `where functions may send requests: ${RULE_FORMS}`, list)
    .option('--json', 'print the addresses as JSON');
  addHostPreopens(command);
  addHostNumbers(command);
  command.action(async ({ json, preopen, ...settings }: ServeOptions) => {
    await serve(hostConfig({ ...settings, preopens: preopen }), output, json === true);
  });
}

async function serve(config: HostConfig, output: Output, json: boolean): Promise<void> {
  // Asked for before the host opens, so that a signal in between is not lost.
  const stopSignal = nextStopSignal();
  // Loaded here alone, so that commands without a host start at once.
  const { startHost } = await import('../../host/server.ts');
  const running = await startHost(config, {
    nowMs: Date.now,
    onInternal: (error) =>
      output.say(`ebb: internal error: ${error instanceof Error ? error.stack : String(error)}`),
  });
  // It takes requests already, but whoever waits for this line should find it as quick as it will be.
  await Promise.race([running.rehearsed, sleep(READY_PATIENCE_MS, undefined, { ref: false })]);
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
