/** The settings of hosts and functions as options: their words, their ranges, and what was given. */
import { type Command, Option } from 'commander';
import { NUMBER_SETTINGS, type NumberSetting } from '../host/config.ts';
import { FUNCTION_NUMBERS, type OwnSettings } from '../host/function-settings.ts';
import { RULE_FORMS } from '../host/outbound-rules.ts';
import { PREOPEN_FORM } from '../host/preopens.ts';
import { each, flagOf, list, wholeNumber } from './option-values.ts';

type NumberName = keyof typeof NUMBER_SETTINGS;

const DESCRIPTIONS: Readonly<Record<NumberName, string>> = {
  port: 'public listener; 0 takes a free port',
  adminPort: 'admin listener; 0 takes a free port',
  workers: 'worker threads that run functions side by side',
  inlineUs:
    'functions whose runs take less on average run on the serving thread, which wakes no other; 0 keeps them off it',
  timeLimitMs: 'longest that one execution may take',
  cpuLimitMs: 'most processor time that one execution may use; without it, as much as it may take',
  fuelLimit: 'most fuel that one execution may use, the same count on every machine; 0 counts none',
  reuseRequests:
    'requests that one instance may serve, one after the other; functions that do not say get 1, a fresh instance for each',
  reuseIdleMs: 'how long an instance that may be used again waits for its next request',
  memoryMb: 'linear memories and tables of an instance, all together',
  requestMb: 'largest request body',
  responseMb: 'largest response body',
  componentMb: 'largest component that can be deployed',
  concurrency: 'executions of one function at once',
  queueLimit: 'requests that may wait for a worker; more are answered with 503',
  queueTimeoutMs: 'longest that a request may wait for a worker',
  cacheMb: 'compiled components kept in memory, by the size of their code',
  outboundRequests: 'outbound requests that one execution may send',
  logKb: 'what is kept of what one execution prints',
  retentionDays: 'how long executions stay in the ledger; 0 keeps them for ever',
  drainTimeoutMs: 'how long running requests may go on after SIGTERM',
};

function addNumber(command: Command, name: NumberName, withDefault: boolean): void {
  const { min, max, unit, default: value, sameAs }: NumberSetting = NUMBER_SETTINGS[name];
  const description = `${DESCRIPTIONS[name]} (${unit}, ${min} to ${max})`;
  command.option(
    `--${flagOf(name)} <n>`,
    description,
    wholeNumber(min, max),
    // What takes another setting's value is only known once all are read.
    withDefault && sameAs === undefined ? value : undefined,
  );
}

/** Every number of a host, with its default. */
export function addHostNumbers(command: Command): void {
  for (const name of Object.keys(NUMBER_SETTINGS)) addNumber(command, name as NumberName, true);
}

/** The folders that a host's guests may read. */
export function addHostPreopens(command: Command): void {
  command.option(
    '--preopen <folder>',
    `a folder that functions may read: ${PREOPEN_FORM}; may be given more than once`,
    each,
  );
}

/** What a function may set for itself; the host that it runs on has the last word. */
export function addFunctionSettings(command: Command): Command {
  for (const name of FUNCTION_NUMBERS) addNumber(command, name, false);
  command.option('--allow-outbound <patterns>', `where it may send requests: ${RULE_FORMS}`, list);
  const nowhere = new Option('--deny-outbound', 'let it send no requests at all').conflicts('allowOutbound');
  command.addOption(nowhere);
  command.option(
    '--preopen <path>',
    'a folder of the host that it may read, by the name that guests see; may be given more than once',
    each,
  );
  const nothing = new Option('--deny-preopens', 'let it read no folder at all').conflicts('preopen');
  return command.addOption(nothing);
}

/** The settings among the options that were given. */
export function givenSettings(options: Readonly<Record<string, unknown>>): OwnSettings {
  const given: Record<string, unknown> = {};
  for (const name of FUNCTION_NUMBERS) if (options[name] !== undefined) given[name] = options[name];
  if (options.allowOutbound !== undefined) given.allowOutbound = options.allowOutbound;
  if (options.denyOutbound) given.allowOutbound = [];
  if (options.preopen !== undefined) given.preopens = options.preopen;
  if (options.denyPreopens) given.preopens = [];
  return given as OwnSettings;
}
