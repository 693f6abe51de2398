/**
 * What a function may set for itself, and the checks of that. The host's own settings are the defaults, and the
 * ceilings as well: a function may have less than the host gives, never more.
 */
import { CodedError } from '../metering/errors.ts';
import { type HostConfig, NUMBER_SETTINGS, type NumberSetting, ruleFaults, unknownFault } from './config.ts';
import { isWithin, parseRule } from './outbound-rules.ts';
import { choiceFaults, guestPathsOf } from './preopens.ts';

/** Settings that are numbers; range and unit are those of the host's setting of that name. */
export const FUNCTION_NUMBERS = [
  'timeLimitMs',
  'cpuLimitMs',
  'fuelLimit',
  'reuseRequests',
  'reuseIdleMs',
  'memoryMb',
  'requestMb',
  'responseMb',
  'concurrency',
  'queueLimit',
  'queueTimeoutMs',
  'outboundRequests',
  'logKb',
] as const satisfies readonly (keyof typeof NUMBER_SETTINGS)[];

type FunctionNumber = (typeof FUNCTION_NUMBERS)[number];

/** Everything that holds for a function; of `preopens` it has only the names that guests see. */
export type FunctionSettings = Pick<HostConfig, FunctionNumber | 'allowOutbound' | 'preopens'>;

/** Only what a function has set for itself. */
export type OwnSettings = Partial<FunctionSettings>;

/** The names of all of them. */
const KEYS: readonly string[] = [...FUNCTION_NUMBERS, 'allowOutbound', 'preopens'];

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a function may have at least and at most. */
function rangeOf(name: FunctionNumber, host: HostConfig): { readonly min: number; readonly ceiling: number } {
  const { min, max, isOffAtZero }: NumberSetting = NUMBER_SETTINGS[name];
  if (!isOffAtZero) return { min, ceiling: host[name] };
  return host[name] === 0 ? { min, ceiling: max } : { min: 1, ceiling: host[name] };
}

function numberFault(name: FunctionNumber, value: unknown, host: HostConfig): string | undefined {
  const { unit } = NUMBER_SETTINGS[name];
  const { min, ceiling } = rangeOf(name, host);
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    return `${name}: expected a whole number from ${min} to ${ceiling} (${unit}), got ${JSON.stringify(value)}`;
  }
  if ((value as number) <= ceiling) return undefined;
  return `${name}: expected at most ${ceiling} (${unit}), the setting of this host, got ${value}`;
}

/** Whether one of the host's rules lets everything through that this one does. */
function isWithinHost(pattern: string, hostPatterns: readonly string[]): boolean {
  const rule = parseRule(pattern);
  if (!rule) return false;
  return hostPatterns.some((hostPattern) => {
    const outer = parseRule(hostPattern);
    return outer !== undefined && isWithin(rule, outer);
  });
}

function outboundFaults(patterns: unknown, hostPatterns: readonly string[]): string[] {
  const faults = ruleFaults(patterns);
  if (faults.length > 0) return faults;
  const allowed = hostPatterns.join(', ') || 'nowhere';
  return (patterns as readonly string[])
    .filter((pattern) => !isWithinHost(pattern, hostPatterns))
    .map((pattern) => `allowOutbound: expected a part of what this host allows (${allowed}), got ${pattern}`);
}

/**
 * Checks settings from outside.
 * @throws CodedError `settings-invalid`, listing every fault.
 */
export function checkSettings(given: unknown, host: HostConfig): OwnSettings {
  if (!isRecord(given)) {
    const got = given === undefined ? 'nothing' : JSON.stringify(given);
    throw new CodedError('settings-invalid', `expected an object of settings, got ${got}`);
  }
  const faults: string[] = [];
  const own: Record<string, unknown> = {};
  for (const name of FUNCTION_NUMBERS) {
    if (given[name] === undefined) continue;
    const fault = numberFault(name, given[name], host);
    if (fault) faults.push(fault);
    own[name] = given[name];
  }
  if (given.allowOutbound !== undefined) {
    faults.push(...outboundFaults(given.allowOutbound, host.allowOutbound));
    own.allowOutbound = given.allowOutbound;
  }
  if (given.preopens !== undefined) {
    faults.push(...choiceFaults(given.preopens, host.preopens));
    own.preopens = given.preopens;
  }
  for (const name of Object.keys(given)) {
    if (!KEYS.includes(name)) faults.push(unknownFault(name, KEYS));
  }
  if (faults.length > 0) throw new CodedError('settings-invalid', faults.join('; '), { faults });
  return Object.freeze(own) as OwnSettings;
}

/** What holds: a function's own settings where it has them, and never more than the host gives by now. */
export function effectiveSettings(own: OwnSettings, host: HostConfig): FunctionSettings {
  const settings: Record<string, unknown> = {};
  for (const name of FUNCTION_NUMBERS) {
    const { forFunctions }: NumberSetting = NUMBER_SETTINGS[name];
    const { min, ceiling } = rangeOf(name, host);
    const value = own[name] ?? forFunctions ?? host[name];
    settings[name] = value < min ? ceiling : Math.min(value, ceiling);
  }
  settings.allowOutbound = own.allowOutbound
    ? own.allowOutbound.filter((pattern) => isWithinHost(pattern, host.allowOutbound))
    : host.allowOutbound;
  const offered = guestPathsOf(host.preopens);
  settings.preopens = own.preopens ? offered.filter((path) => own.preopens?.includes(path)) : offered;
  return Object.freeze(settings) as unknown as FunctionSettings;
}

/** What a component can be held to, as its plan tells. */
interface Capabilities {
  readonly linking: string;
  readonly deadlines: string;
}

/**
 * Checks that a component can have what a function is to have.
 * @throws CodedError `settings-invalid`
 */
export function checkCanHave(settings: FunctionSettings, { linking, deadlines }: Capabilities): void {
  const faults: string[] = [];
  if (settings.fuelLimit > 0 && deadlines !== 'checks')
    faults.push(`fuelLimit: expected code that can have checks, got a component that cannot`);
  if (settings.reuseRequests > 1 && linking !== 'direct')
    faults.push(
      `reuseRequests: expected 1 for a component that is linked by generated code, got ${settings.reuseRequests}`,
    );
  if (faults.length > 0) throw new CodedError('settings-invalid', faults.join('; '), { faults });
}
