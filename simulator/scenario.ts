/**
 * What to simulate: options as they are given, checked at the door with all their faults at once, and turned into
 * one whole scenario. It knows no trace.
 */
import { CodedError } from '../metering/errors.ts';
import { didYouMean } from '../metering/nearest.ts';
import { BYTES_PER_MB, US_PER_MS, US_PER_S } from '../metering/units.ts';
import { PICKS, type Pick } from './platforms/instances.ts';
import { PLATFORM_NAMES, type PlatformName } from './platforms/platform.ts';

/** Every option may be left out. */
export interface ScenarioInput {
  /** Default: all, in the order functions, vm, paas. */
  readonly platforms?: readonly PlatformName[] | undefined;
  /** functions: seconds that an idle instance lives, 0 for none; default 600, at most 10^9. */
  readonly keepAliveS?: number | undefined;
  /**
   * functions: milliseconds of a cold start, or `trace` for each request's own start-up time. Default: the
   * trace's own times when it has them, else 250.
   */
  readonly coldStartMs?: number | 'trace' | undefined;
  /** functions: which idle instance takes a request; default `newest`. */
  readonly pick?: Pick | undefined;
  /** vm: machines, default 1. paas: a fixed number of dynos; default: autoscaled from 1 to 10. */
  readonly instances?: number | undefined;
  /** vm: requests that a machine serves at once, default 1. paas: the same for a dyno, default its vCPUs. */
  readonly cores?: number | undefined;
  /** Configured memory in MB (2^20 bytes) instead of the trace's; default the trace's, else 512. */
  readonly memoryMb?: number | undefined;
  /** Ids of price books; each platform takes those that fit it, or its default. */
  readonly prices?: readonly string[] | undefined;
  /** vm, paas: the size of an instance, by its name in a price book. */
  readonly instanceType?: string | undefined;
  /** Whether the price books' free tiers are subtracted; default false. */
  readonly freeTier?: boolean | undefined;
  /** functions: most instances at once, default 1000. paas: the autoscaler's maximum, default 10. */
  readonly maxInstances?: number | undefined;
  /** vm, paas: most requests that wait; default no limit. */
  readonly queueLimit?: number | undefined;
  /** Seed of all random draws, 0 to 2^53 − 1; default 1. */
  readonly seed?: number | undefined;
}

/** A checked scenario; null means that the default depends on the trace or the platform. */
export interface Scenario {
  readonly platforms: readonly PlatformName[];
  readonly keepAliveUs: number;
  readonly coldStartUs: number | 'trace' | null;
  readonly pick: Pick;
  readonly instances: number | null;
  readonly cores: number | null;
  readonly memoryBytes: number | null;
  readonly prices: readonly string[];
  readonly instanceType: string | null;
  readonly freeTier: boolean;
  readonly maxInstances: number | null;
  readonly queueLimit: number;
  readonly seed: number;
}

const KEEP_ALIVE_S_DEFAULT = 600;
const SEED_DEFAULT = 1;

const KEEP_ALIVE_S_MAX = 1e9;
const COLD_START_MS_MAX = 3_600_000;
const INSTANCES_MAX = 100_000;
const CORES_MAX = 10_000;
const MEMORY_MB_MAX = 2 ** 24;
const COUNT_MAX = 2 ** 31 - 1;

export const SCENARIO_KEYS = [
  'platforms',
  'keepAliveS',
  'coldStartMs',
  'pick',
  'instances',
  'cores',
  'memoryMb',
  'prices',
  'instanceType',
  'freeTier',
  'maxInstances',
  'queueLimit',
  'seed',
] as const satisfies readonly (keyof ScenarioInput)[];
type Key = (typeof SCENARIO_KEYS)[number];

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);

/** Reads options one by one and collects what is wrong with them. */
class OptionReader {
  readonly faults: string[] = [];
  readonly #source: Readonly<Record<string, unknown>>;

  constructor(source: Readonly<Record<string, unknown>>) {
    this.#source = source;
    for (const key of Object.keys(source)) {
      if (!(SCENARIO_KEYS as readonly string[]).includes(key)) {
        this.faults.push(`no option ${shown(key)}${didYouMean(key, SCENARIO_KEYS)}`);
      }
    }
  }

  fault(key: Key, expected: string): null {
    this.faults.push(`${key}: expected ${expected}, got ${shown(this.#source[key])}`);
    return null;
  }

  value(key: Key): unknown {
    return this.#source[key];
  }

  integer(key: Key, min: number, max: number): number | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    const isGood = Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
    return isGood ? (value as number) : this.fault(key, `an integer from ${min} to ${max}`);
  }

  number(key: Key, max: number): number | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    const isGood = typeof value === 'number' && value >= 0 && value <= max;
    return isGood ? value : this.fault(key, `a number from 0 to ${max}`);
  }

  oneOf<T extends string>(key: Key, allowed: readonly T[]): T | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    if ((allowed as readonly unknown[]).includes(value)) return value as T;
    return this.fault(key, `one of ${allowed.join(', ')}`);
  }

  text(key: Key): string | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    return typeof value === 'string' && value !== '' ? value : this.fault(key, 'text');
  }

  list(key: Key): readonly string[] | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    const isGood =
      Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
    return isGood ? [...new Set(value)] : this.fault(key, 'a list of names, at least one');
  }

  flag(key: Key): boolean | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    return typeof value === 'boolean' ? value : this.fault(key, 'true or false');
  }
}

function readPlatforms(read: OptionReader): readonly PlatformName[] | null {
  const names = read.list('platforms');
  const strange = names?.find((name) => !(PLATFORM_NAMES as readonly string[]).includes(name));
  if (strange === undefined) return names as readonly PlatformName[] | null;
  return read.fault(
    'platforms',
    `names among ${PLATFORM_NAMES.join(', ')}${didYouMean(strange, PLATFORM_NAMES)}`,
  );
}

function readColdStart(read: OptionReader): number | 'trace' | null {
  if (read.value('coldStartMs') === 'trace') return 'trace';
  if (typeof read.value('coldStartMs') === 'string') {
    return read.fault('coldStartMs', `trace or a number from 0 to ${COLD_START_MS_MAX}`);
  }
  const ms = read.number('coldStartMs', COLD_START_MS_MAX);
  return ms === null ? null : Math.round(ms * US_PER_MS);
}

/** @throws CodedError `config-invalid`, which lists every fault at once; unknown options are suggested. */
export function checkScenario(input: ScenarioInput): Scenario {
  const read = new OptionReader(input as Readonly<Record<string, unknown>>);
  const memoryMb = read.integer('memoryMb', 1, MEMORY_MB_MAX);
  const scenario: Scenario = {
    platforms: readPlatforms(read) ?? PLATFORM_NAMES,
    keepAliveUs: Math.round((read.number('keepAliveS', KEEP_ALIVE_S_MAX) ?? KEEP_ALIVE_S_DEFAULT) * US_PER_S),
    coldStartUs: readColdStart(read),
    pick: read.oneOf('pick', PICKS) ?? 'newest',
    instances: read.integer('instances', 1, INSTANCES_MAX),
    cores: read.integer('cores', 1, CORES_MAX),
    memoryBytes: memoryMb === null ? null : memoryMb * BYTES_PER_MB,
    prices: read.list('prices') ?? [],
    instanceType: read.text('instanceType'),
    freeTier: read.flag('freeTier') ?? false,
    maxInstances: read.integer('maxInstances', 1, COUNT_MAX),
    queueLimit: read.integer('queueLimit', 0, COUNT_MAX) ?? Number.POSITIVE_INFINITY,
    seed: read.integer('seed', 0, Number.MAX_SAFE_INTEGER) ?? SEED_DEFAULT,
  };
  if (read.faults.length > 0) {
    throw new CodedError('config-invalid', `scenario: ${read.faults.join('; ')}`, { faults: read.faults });
  }
  return scenario;
}
