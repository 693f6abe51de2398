/**
 * What to simulate: options as they are given, checked at the door with all their faults at once, and turned into
 * one whole scenario. It knows no trace.
 */
import { CodedError } from '../metering/errors.ts';
import { didYouMean } from '../metering/nearest.ts';
import type { PriceBook } from '../metering/price-book.ts';
import { BYTES_PER_MB, US_PER_MS, US_PER_S } from '../metering/units.ts';
import { OptionReader } from './option-reader.ts';
import { type AlarmRule, parseAlarm } from './platforms/alarm.ts';
import { CONTAINER_SCALINGS, type ContainerScaling } from './platforms/containers.ts';
import { ROUTINGS, type Routing } from './platforms/fleet.ts';
import { GROUP_METRICS, type GroupMetric, parseSteps, type ScalingStep } from './platforms/group-scaling.ts';
import { PICKS, type Pick } from './platforms/idle-pools.ts';
import { KEEP_ALIVES, type KeepAliveName } from './platforms/keep-alive/policy.ts';
import { PAAS_SCALINGS, type PaasScaling } from './platforms/paas-scaling.ts';
import { PLATFORM_NAMES, PLATFORMS_DEFAULT, type PlatformName } from './platforms/platform.ts';
import { type ProvisionedStep, parseSchedule } from './platforms/provisioned.ts';
import type { SpotSettings } from './platforms/spot.ts';
import { SHARINGS, type Sharing } from './platforms/vm.ts';
import { crossCheckCosts, readCosts, readSpot } from './scenario-costs.ts';
import { crossCheck } from './scenario-fit.ts';
import { SCENARIO_KEYS, type ScenarioInput, type ScenarioKey } from './scenario-options.ts';

export { SCENARIO_KEYS, type ScenarioInput } from './scenario-options.ts';

/** A checked scenario; null means that the default depends on the trace or the platform. */
export interface Scenario {
  readonly platforms: readonly PlatformName[];
  readonly keepAlive: KeepAliveName;
  readonly keepAliveUs: number;
  readonly memoryCapBytes: number | null;
  readonly coldStartUs: number | 'trace' | null;
  readonly pick: Pick;
  readonly maxPerFunction: number | null;
  readonly startRamp: number | null;
  readonly attempts: number;
  readonly backoffUs: number;
  readonly provisioned: readonly ProvisionedStep[] | null;
  readonly instances: number | null;
  readonly cores: number | null;
  readonly sharing: Sharing;
  readonly concurrency: number | null;
  /** null: machines on demand. */
  readonly spot: Omit<SpotSettings, 'retry' | 'seed'> | null;
  /** In %; null: none was stated. */
  readonly spotDiscount: number | null;
  readonly memoryBytes: number | null;
  readonly prices: readonly (string | PriceBook)[];
  readonly commitUsd: number | null;
  readonly reserved: number | null;
  readonly commitDiscount: number | null;
  readonly extras: readonly (string | PriceBook)[];
  readonly requestBytes: number | null;
  readonly responseBytes: number | null;
  readonly logBytes: number | null;
  readonly natBytes: number | null;
  readonly instanceType: string | null;
  readonly freeTier: boolean;
  readonly minInstances: number | null;
  readonly maxInstances: number | null;
  readonly queueLimit: number | null;
  readonly queueTimeoutUs: number;
  readonly timeLimitUs: number;
  readonly bootUs: number | null;
  readonly warmUpUs: number;
  readonly scaleMetric: GroupMetric;
  readonly scaleTarget: number;
  readonly scaleSteps: readonly ScalingStep[] | null;
  readonly cooldownUs: number;
  readonly metricPeriodUs: number;
  readonly metricDelayUs: number;
  readonly scaleInProtection: boolean;
  readonly alarmOut: AlarmRule;
  readonly alarmIn: AlarmRule;
  readonly alarmLowShare: number;
  readonly paasScaling: PaasScaling;
  readonly p95TargetUs: number | null;
  readonly requestsTarget: number | null;
  readonly routing: Routing;
  readonly containerScaling: ContainerScaling;
  /** null: as the autoscaler has it. */
  readonly concurrencyTarget: number | null;
  readonly cpuTarget: number;
  readonly seriesUs: number | null;
  readonly replications: number;
  readonly seed: number;
}

/** Of the host (its own defaults): the simulated one behaves alike unless told otherwise. */
const HOST_QUEUE_TIMEOUT_US = 10_000_000;
const HOST_TIME_LIMIT_US = 10_000_000;
/** EC2 Auto Scaling's default cooldown, and the warm-up where none is set (docs.aws.amazon.com, 2025). */
const COOLDOWN_US = 300_000_000;

/** cloud.google.com/run/docs/about-instance-autoscaling, 2025. */
const CLOUD_RUN_CPU_TARGET = 0.6;

const SECONDS_MAX = 1e9;
const MS_MAX = 3_600_000;
const INSTANCES_MAX = 100_000;
const CORES_MAX = 10_000;
const MEMORY_MB_MAX = 2 ** 24;
const COUNT_MAX = 2 ** 31 - 1;
const ATTEMPTS_MAX = 100;
const REPLICATIONS_MAX = 10_000;

type Read = OptionReader<ScenarioKey>;

function readPlatforms(read: Read): readonly PlatformName[] | null {
  const names = read.list('platforms');
  const strange = names?.find((name) => !(PLATFORM_NAMES as readonly string[]).includes(name));
  if (strange === undefined) return names as readonly PlatformName[] | null;
  return read.fault(
    'platforms',
    `names among ${PLATFORM_NAMES.join(', ')}${didYouMean(strange, PLATFORM_NAMES)}`,
  );
}

function readColdStart(read: Read): number | 'trace' | null {
  if (read.value('coldStartMs') === 'trace') return 'trace';
  if (typeof read.value('coldStartMs') === 'string') {
    return read.fault('coldStartMs', `trace or a number from 0 to ${MS_MAX}`);
  }
  return read.us('coldStartMs', MS_MAX, US_PER_MS);
}

function readMb(read: Read, key: ScenarioKey, max = MEMORY_MB_MAX): number | null {
  const mb = read.integer(key, 1, max);
  return mb === null ? null : mb * BYTES_PER_MB;
}

function readFunctions(read: Read) {
  return {
    keepAlive: read.oneOf('keepAlive', KEEP_ALIVES) ?? 'fixed',
    keepAliveUs: read.us('keepAliveS', SECONDS_MAX, US_PER_S) ?? 600 * US_PER_S,
    memoryCapBytes: readMb(read, 'memoryCapMb', COUNT_MAX),
    coldStartUs: readColdStart(read),
    pick: read.oneOf('pick', PICKS) ?? 'newest',
    maxPerFunction: read.integer('maxPerFunction', 1, COUNT_MAX),
    startRamp: read.integer('startRamp', 1, COUNT_MAX),
    attempts: read.integer('attempts', 1, ATTEMPTS_MAX) ?? 1,
    backoffUs: read.us('backoffMs', MS_MAX, US_PER_MS) ?? 100 * US_PER_MS,
    provisioned: read.parsed('provisioned', parseSchedule, 'a number or a schedule such as 0:10,3600:2'),
  } as const;
}

const AT_ONCE: AlarmRule = { needed: 1, of: 1 };
const ALARMS = 'M/N with 1 <= M <= N <= 10080, such as 3/3';

const shareOf = (percent: number | null): number | null => (percent === null ? null : percent / 100);

function readScaling(read: Read) {
  return {
    minInstances: read.integer('minInstances', 0, INSTANCES_MAX),
    maxInstances: read.integer('maxInstances', 1, COUNT_MAX),
    bootUs: read.us('bootS', SECONDS_MAX, US_PER_S),
    warmUpUs: read.us('warmUpS', SECONDS_MAX, US_PER_S) ?? COOLDOWN_US,
    scaleMetric: read.oneOf('scaleMetric', GROUP_METRICS) ?? 'utilisation',
    scaleTarget: read.number('scaleTarget', COUNT_MAX, 0.001) ?? 70,
    scaleSteps: read.parsed('scaleSteps', parseSteps, 'steps such as 70:+1,90:+3,30:-1'),
    cooldownUs: read.us('cooldownS', SECONDS_MAX, US_PER_S) ?? COOLDOWN_US,
    metricPeriodUs: read.us('metricPeriodS', SECONDS_MAX, US_PER_S, 1) ?? 60 * US_PER_S,
    metricDelayUs: read.us('metricDelayS', SECONDS_MAX, US_PER_S) ?? 0,
    scaleInProtection: read.flag('scaleInProtection') ?? false,
    alarmOut: read.parsed('alarmOut', parseAlarm, ALARMS) ?? AT_ONCE,
    alarmIn: read.parsed('alarmIn', parseAlarm, ALARMS) ?? AT_ONCE,
    alarmLowShare: (read.number('alarmLowShare', 100, 1) ?? 100) / 100,
    paasScaling: read.oneOf('paasScaling', PAAS_SCALINGS) ?? 'load',
    p95TargetUs: read.us('p95TargetMs', MS_MAX, US_PER_MS),
    requestsTarget: read.number('requestsTarget', COUNT_MAX, 0.001),
    routing: read.oneOf('routing', ROUTINGS) ?? 'least-loaded',
    containerScaling: read.oneOf('containerScaling', CONTAINER_SCALINGS) ?? 'kpa',
    concurrencyTarget: shareOf(read.number('concurrencyTarget', 100, 1)),
    cpuTarget: shareOf(read.number('cpuTarget', 100, 1)) ?? CLOUD_RUN_CPU_TARGET,
  } as const;
}

function readInstances(read: Read) {
  return {
    instances: read.integer('instances', 1, INSTANCES_MAX),
    cores: read.integer('cores', 1, CORES_MAX),
    sharing: read.oneOf('sharing', SHARINGS) ?? 'fifo',
    concurrency: read.integer('concurrency', 1, CORES_MAX),
    queueLimit: read.integer('queueLimit', 0, COUNT_MAX),
    queueTimeoutUs: read.us('queueTimeoutMs', MS_MAX, US_PER_MS) ?? HOST_QUEUE_TIMEOUT_US,
    timeLimitUs: read.us('timeLimitMs', MS_MAX, US_PER_MS, 1) ?? HOST_TIME_LIMIT_US,
  } as const;
}

/** @throws CodedError `config-invalid`, which lists every fault at once; unknown options are suggested. */
export function checkScenario(input: ScenarioInput): Scenario {
  const read: Read = new OptionReader(input as Readonly<Record<string, unknown>>, SCENARIO_KEYS);
  const scenario: Scenario = {
    platforms: readPlatforms(read) ?? PLATFORMS_DEFAULT,
    ...readFunctions(read),
    ...readInstances(read),
    ...readScaling(read),
    ...readSpot(read),
    memoryBytes: readMb(read, 'memoryMb'),
    ...readCosts(read),
    instanceType: read.text('instanceType'),
    seriesUs: read.us('seriesS', SECONDS_MAX, US_PER_S, 0.001),
    replications: read.integer('replications', 1, REPLICATIONS_MAX) ?? 1,
    seed: read.integer('seed', 0, Number.MAX_SAFE_INTEGER) ?? 1,
  };
  if (read.faults.length === 0) {
    crossCheck(read, scenario);
    crossCheckCosts(read, scenario);
  }
  if (read.faults.length > 0) {
    throw new CodedError('config-invalid', `scenario: ${read.faults.join('; ')}`, { faults: read.faults });
  }
  return scenario;
}
