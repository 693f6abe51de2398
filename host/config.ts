/** The host's settings: defaults, then types, then cross-checks. All faults are reported at once. */
import { CodedError } from '../metering/errors.ts';
import { didYouMean } from '../metering/nearest.ts';
import { BYTES_PER_MB } from '../metering/units.ts';
import { parseRule, RULE_FORMS } from './outbound-rules.ts';
import { preopenFaults } from './preopens.ts';

/** Settings of a host. What a function may set for itself (function-settings.ts) has its default and ceiling here. */
export interface HostConfig {
  /** Address that both listeners bind to. */
  readonly bind: string;
  /** Port of the public listener; 0 takes a free one. */
  readonly port: number;
  /** Port of the admin listener; 0 takes a free one. */
  readonly adminPort: number;
  /** Folder with the database, the components and the cache. */
  readonly dataDir: string;
  /** Worker threads that run guests side by side. */
  readonly workers: number;
  /** Functions whose runs take less on average, start-up included, run on the serving thread; 0 keeps guests off it. */
  readonly inlineUs: number;
  /** Longest that one execution may take, start-up included. */
  readonly timeLimitMs: number;
  /** Most processor time that one execution may use, start-up included. */
  readonly cpuLimitMs: number;
  /** Most fuel that one execution may use; 0 counts none. */
  readonly fuelLimit: number;
  /** Requests that one instance may serve, one after the other. Functions have 1 where they do not ask for more. */
  readonly reuseRequests: number;
  /** How long an instance waits for its next request. */
  readonly reuseIdleMs: number;
  /** Largest linear memory of an instance. */
  readonly memoryMb: number;
  /** Largest request body. */
  readonly requestMb: number;
  /** Largest response body. */
  readonly responseMb: number;
  /** Largest component that can be deployed. */
  readonly componentMb: number;
  /** Executions of one function at once. */
  readonly concurrency: number;
  /** Requests that may wait for a worker; the next one is answered with 503. */
  readonly queueLimit: number;
  /** Longest that a request may wait for a worker. */
  readonly queueTimeoutMs: number;
  /** Compiled components kept in memory, by the size of their code. */
  readonly cacheMb: number;
  /** Where guests may send requests, as outbound-rules.ts reads them. Empty: nowhere. */
  readonly allowOutbound: readonly string[];
  /** Folders that guests may read, as preopens.ts reads them. Empty: none. */
  readonly preopens: readonly string[];
  /** Outbound requests that one execution may send. */
  readonly outboundRequests: number;
  /** What is kept of what one execution prints. */
  readonly logKb: number;
  /** Days for which executions stay in the ledger; 0 keeps them for ever. */
  readonly retentionDays: number;
  /** How long running requests may go on after the host was told to stop. */
  readonly drainTimeoutMs: number;
}

/** One number among the settings: default, range and unit, for checks and for help alike. */
export interface NumberSetting {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  /** Another setting whose value it has when it is not given, instead of the default. */
  readonly sameAs?: 'timeLimitMs';
  /** What functions have that set nothing, where that is less than the host's value. */
  readonly forFunctions?: number;
  /** Whether 0 stands for no limit at all. */
  readonly isOffAtZero?: true;
}

const number = (value: number, min: number, max: number, unit: string): NumberSetting => ({
  default: value,
  min,
  max,
  unit,
});

export const NUMBER_SETTINGS = {
  port: number(7070, 0, 65_535, 'port'),
  adminPort: number(7071, 0, 65_535, 'port'),
  workers: number(2, 1, 256, 'threads'),
  inlineUs: number(100, 0, 1_000, 'us'),
  timeLimitMs: number(10_000, 1, 3_600_000, 'ms'),
  cpuLimitMs: { ...number(10_000, 1, 3_600_000, 'ms'), sameAs: 'timeLimitMs' },
  fuelLimit: { ...number(0, 0, 1e15, 'fuel'), isOffAtZero: true },
  reuseRequests: { ...number(1_000_000, 1, 1_000_000, 'requests'), forFunctions: 1 },
  reuseIdleMs: number(60_000, 1, 3_600_000, 'ms'),
  memoryMb: number(128, 1, 4_096, 'MB'),
  requestMb: number(10, 0, 1_048_576, 'MB'),
  responseMb: number(10, 0, 1_048_576, 'MB'),
  componentMb: number(64, 1, 1_024, 'MB'),
  // No host can have more under way at once: SLOTS_MAX in threads/shared-area.ts.
  concurrency: number(512, 1, 512, 'executions'),
  queueLimit: number(1_000, 0, 1_000_000, 'requests'),
  queueTimeoutMs: number(10_000, 0, 3_600_000, 'ms'),
  cacheMb: number(256, 1, 65_536, 'MB'),
  outboundRequests: number(1_000, 0, 1_000_000, 'requests'),
  logKb: number(64, 0, 1_024, 'KB'),
  retentionDays: number(0, 0, 36_500, 'days'),
  drainTimeoutMs: number(10_000, 0, 3_600_000, 'ms'),
} as const satisfies Record<string, NumberSetting>;

const TEXT_DEFAULTS = { bind: '127.0.0.1', dataDir: '.ebb' } as const;

type Given = { readonly [Key in keyof HostConfig]?: HostConfig[Key] | undefined };

function numberFault(name: string, setting: NumberSetting, value: unknown): string | undefined {
  if (Number.isInteger(value) && (value as number) >= setting.min && (value as number) <= setting.max)
    return undefined;
  return `${name}: expected a whole number from ${setting.min} to ${setting.max} (${setting.unit}), got ${JSON.stringify(value)}`;
}

const frozenList = (given: unknown): readonly unknown[] =>
  Object.freeze(Array.isArray(given) ? [...given] : []);

/**
 * Fills in the defaults and checks everything.
 * @throws CodedError `config-invalid`, listing every fault.
 */
export function hostConfig(given: Given = {}): HostConfig {
  const faults: string[] = [];
  const { allowOutbound = [], preopens = [] } = given;
  const settings: Record<string, unknown> = {
    allowOutbound: frozenList(allowOutbound),
    preopens: frozenList(preopens),
  };
  for (const [name, setting] of Object.entries<NumberSetting>(NUMBER_SETTINGS)) {
    const fallback = setting.sameAs === undefined ? setting.default : settings[setting.sameAs];
    const value = given[name as keyof typeof NUMBER_SETTINGS] ?? fallback;
    const fault = numberFault(name, setting, value);
    if (fault) faults.push(fault);
    settings[name] = value;
  }
  for (const [name, fallback] of Object.entries(TEXT_DEFAULTS)) {
    const value = given[name as keyof typeof TEXT_DEFAULTS] ?? fallback;
    if (typeof value !== 'string' || value === '')
      faults.push(`${name}: expected a text, got ${JSON.stringify(value)}`);
    settings[name] = value;
  }
  const known = Object.keys(settings);
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) faults.push(unknownFault(name, known));
  }
  faults.push(...ruleFaults(allowOutbound), ...preopenFaults(preopens));
  const config = Object.freeze(settings) as unknown as HostConfig;
  if (config.port !== 0 && config.port === config.adminPort) {
    faults.push(`adminPort: expected another port than the public one, got ${config.adminPort} for both`);
  }
  if (faults.length > 0) throw new CodedError('config-invalid', faults.join('; '), { faults });
  return config;
}

/** Faults of what should be a list of outbound rules. */
export function ruleFaults(patterns: unknown): string[] {
  if (!Array.isArray(patterns)) return [`allowOutbound: expected a list, got ${JSON.stringify(patterns)}`];
  return patterns
    .filter((pattern) => typeof pattern !== 'string' || !parseRule(pattern))
    .map((pattern) => `allowOutbound: expected ${RULE_FORMS}, got ${JSON.stringify(pattern)}`);
}

/** Says what a setting that nobody knows was perhaps meant to be. */
export const unknownFault = (name: string, known: readonly string[]): string =>
  `${name}: expected one of ${known.join(', ')}${didYouMean(name, known)}`;

export const toBytes = (megabytes: number): number => megabytes * BYTES_PER_MB;
