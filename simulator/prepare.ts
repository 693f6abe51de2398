/** A scenario becomes platforms: for each name its settings with all defaults, and the platform that has them. */
import { CodedError } from '../metering/errors.ts';
import { US_PER_MS, US_PER_S } from '../metering/units.ts';
import { containersPlatform } from './platforms/containers.ts';
import { ebbPlatform } from './platforms/ebb.ts';
import { functionsPlatform } from './platforms/functions.ts';
import { DYNO_BOOT_US, paasPlatform } from './platforms/paas.ts';
import type { PlatformName } from './platforms/platform.ts';
import { prepareGroup, prepareVm } from './prepare-machines.ts';
import { asked, finite, inMb, limitOf, type Prepared } from './prepared.ts';
import type { Pricing } from './pricing.ts';
import type { Scenario } from './scenario.ts';
import type { OptionalColumns } from './traces/trace.ts';

/** What settings depend on. */
interface TraceKind {
  readonly format: string;
  readonly columns: OptionalColumns;
}

const COLD_START_US_DEFAULT = 250_000;
const CONTAINER_START_US_DEFAULT = 1_000_000;
/** A fresh instance in Ebb's host: tens of microseconds for small guests; see the host's own measurements. */
const EBB_START_US_DEFAULT = 50;
const FUNCTION_INSTANCES_MAX_DEFAULT = 1000;
const FLEET_MIN = 1;
const FLEET_MAX_DEFAULT = 10;
const CONTAINERS_MAX_DEFAULT = 100;
/**
 * Knative's container-concurrency-target-default and target percentage (config-autoscaler, 1.x); Cloud Run's maximum
 * concurrency and its target (cloud.google.com/run/docs/about-concurrency, about-instance-autoscaling, 2025).
 */
const CONTAINER_DEFAULTS = {
  kpa: { concurrency: 100, targetShare: 0.7 },
  'cloud-run': { concurrency: 80, targetShare: 0.6 },
} as const;
const HOST_QUEUE_LIMIT = 1_000;
const LATENCY_TARGET_US_DEFAULT = 500_000;
const QUEUE_TARGET_US_DEFAULT = 100_000;

function traceStartUs(scenario: Scenario, trace: TraceKind, defaultUs: number): number | 'trace' {
  const hasOwn = trace.columns.startupUs !== undefined;
  if (scenario.coldStartUs === 'trace' && !hasOwn) {
    throw new CodedError(
      'config-invalid',
      `coldStartMs: expected a number of milliseconds, got "trace", but a trace of the format ${trace.format} has no start-up times`,
    );
  }
  return scenario.coldStartUs ?? (hasOwn ? 'trace' : defaultUs);
}

function fixedStartUs({ coldStartUs }: Scenario, defaultUs: number): number {
  if (coldStartUs !== 'trace') return coldStartUs ?? defaultUs;
  throw new CodedError(
    'config-invalid',
    'coldStartMs: expected a number of milliseconds for containers, got "trace"',
  );
}

const inMs = (us: number | 'trace'): number | 'trace' => (us === 'trace' ? us : us / US_PER_MS);

function prepareFunctions(scenario: Scenario, trace: TraceKind, seed: number): Prepared {
  const coldStartUs = traceStartUs(scenario, trace, COLD_START_US_DEFAULT);
  const { keepAlive: policy, memoryCapBytes, pick, memoryBytes } = scenario;
  const { attempts, backoffUs, provisioned, maxPerFunction, startRamp } = scenario;
  const keepAliveUs = policy === 'none' ? 0 : scenario.keepAliveUs;
  const maxInstances = scenario.maxInstances ?? FUNCTION_INSTANCES_MAX_DEFAULT;
  const capBytes = memoryCapBytes ?? Number.POSITIVE_INFINITY;
  const isTimed = policy === 'fixed' || policy === 'none' || policy === 'hybrid';
  return {
    platform: functionsPlatform({
      ...{ coldStartUs, keepAliveUs, pick, maxInstances, memoryBytes, seed },
      keepAlive: { policy, fixedUs: keepAliveUs, capBytes },
      maxPerFunction: maxPerFunction ?? undefined,
      rampPer10S: startRamp ?? undefined,
      retry: attempts > 1 ? { attemptsMax: attempts, backoffUs } : undefined,
      provisioned: provisioned ?? undefined,
    }),
    requestsAtOnce: 1,
    settings: {
      ...asked({ keepAlive: policy === 'fixed' ? null : policy }),
      keepAliveS: isTimed ? keepAliveUs / US_PER_S : null,
      ...asked({ memoryCapMb: inMb(memoryCapBytes) }),
      ...{ coldStartMs: inMs(coldStartUs), pick, maxInstances },
      ...asked({ maxPerFunction, startRamp, attempts: attempts > 1 ? attempts : null }),
      ...asked({ backoffMs: attempts > 1 ? backoffUs / US_PER_MS : null }),
      ...asked({
        provisioned: provisioned?.map((s) => `${s.fromUs / US_PER_S}:${s.instances}`).join() ?? null,
      }),
      memoryMb: inMb(memoryBytes),
    },
  };
}

function preparePaas(scenario: Scenario, pricing: Pricing, seed: number): Prepared {
  const { memoryBytes, paasScaling, p95TargetUs, routing, metricDelayUs } = scenario;
  const minInstances = scenario.instances ?? scenario.minInstances ?? FLEET_MIN;
  const maxInstances =
    scenario.instances ?? Math.max(minInstances, scenario.maxInstances ?? FLEET_MAX_DEFAULT);
  // A fraction of a vCPU still serves one request.
  const requestsAtOnce = scenario.cores ?? Math.max(1, Math.floor(pricing.size?.vcpus ?? 1));
  const queueLimit = limitOf(scenario);
  const isByWait = paasScaling === 'queue-time';
  const thresholdUs = p95TargetUs ?? (isByWait ? QUEUE_TARGET_US_DEFAULT : LATENCY_TARGET_US_DEFAULT);
  const targetRequests = scenario.requestsTarget ?? requestsAtOnce;
  const bootUs = scenario.bootUs ?? DYNO_BOOT_US;
  const isByP95 = isByWait || paasScaling === 'latency';
  return {
    platform: paasPlatform({
      ...{ minInstances, maxInstances, requestsAtOnce, queueLimit, memoryBytes, bootUs, routing, seed },
      scaling: { scaling: paasScaling, thresholdUs, targetRequests, delayUs: metricDelayUs },
    }),
    requestsAtOnce,
    settings: {
      ...{ minInstances, maxInstances, requestsAtOnce },
      ...asked({
        paasScaling: paasScaling === 'load' ? null : paasScaling,
        p95TargetMs: isByP95 ? thresholdUs / US_PER_MS : null,
        requestsTarget: paasScaling === 'requests' ? targetRequests : null,
        routing: routing === 'least-loaded' ? null : routing,
        bootS: scenario.bootUs === null ? null : bootUs / US_PER_S,
        metricDelayS: metricDelayUs === 0 ? null : metricDelayUs / US_PER_S,
      }),
      ...{ queueLimit: finite(queueLimit), memoryMb: inMb(memoryBytes) },
    },
  };
}

function prepareContainers(scenario: Scenario, pricing: Pricing): Prepared {
  const { memoryBytes, containerScaling: scaling, cpuTarget: cpuTargetShare } = scenario;
  const targetShare = scenario.concurrencyTarget ?? CONTAINER_DEFAULTS[scaling].targetShare;
  const minInstances = scenario.minInstances ?? 0;
  const maxInstances = Math.max(minInstances, scenario.maxInstances ?? CONTAINERS_MAX_DEFAULT);
  const vcpus = scenario.cores ?? pricing.size?.vcpus ?? 1;
  const requestsAtOnce = scenario.concurrency ?? CONTAINER_DEFAULTS[scaling].concurrency;
  const coldStartUs = fixedStartUs(scenario, CONTAINER_START_US_DEFAULT);
  const queueLimit = limitOf(scenario);
  const fleet = { minInstances, maxInstances, requestsAtOnce, vcpus, coldStartUs };
  const rules = { scaling, targetShare, cpuTargetShare };
  return {
    platform: containersPlatform({ ...fleet, ...rules, queueLimit, memoryBytes }),
    requestsAtOnce: null,
    settings: {
      ...{ minInstances, maxInstances, concurrency: requestsAtOnce, cores: vcpus },
      ...asked({
        containerScaling: scaling === 'kpa' ? null : scaling,
        cpuTarget: scaling === 'kpa' ? null : cpuTargetShare * 100,
      }),
      ...{ concurrencyTarget: targetShare * 100, coldStartMs: coldStartUs / US_PER_MS },
      ...{ queueLimit: finite(queueLimit), memoryMb: inMb(memoryBytes) },
    },
  };
}

function prepareEbb(scenario: Scenario, pricing: Pricing, trace: TraceKind): Prepared {
  const { queueTimeoutUs, timeLimitUs, memoryBytes } = scenario;
  const machines = scenario.instances ?? 1;
  const workers = scenario.cores ?? Math.max(1, Math.floor(pricing.size?.vcpus ?? 1));
  const startUs = traceStartUs(scenario, trace, EBB_START_US_DEFAULT);
  const queueLimit = scenario.queueLimit ?? HOST_QUEUE_LIMIT;
  return {
    platform: ebbPlatform({
      ...{ machines, workers, startUs, queueLimit, queueTimeoutUs, timeLimitUs, memoryBytes },
    }),
    requestsAtOnce: workers,
    settings: {
      ...{ instances: machines, cores: workers, coldStartMs: inMs(startUs), queueLimit },
      ...{ queueTimeoutMs: queueTimeoutUs / US_PER_MS, timeLimitMs: timeLimitUs / US_PER_MS },
      memoryMb: inMb(memoryBytes),
    },
  };
}

/** @param seed of this replication. @throws CodedError `config-invalid` for what does not fit the trace. */
export function prepare(
  name: PlatformName,
  pricing: Pricing,
  scenario: Scenario,
  trace: TraceKind,
  seed: number,
): Prepared {
  switch (name) {
    case 'functions':
      return prepareFunctions(scenario, trace, seed);
    case 'vm':
      return prepareVm(scenario, seed);
    case 'paas':
      return preparePaas(scenario, pricing, seed);
    case 'vm-group':
      return prepareGroup(scenario, pricing, seed);
    case 'containers':
      return prepareContainers(scenario, pricing);
    case 'ebb':
      return prepareEbb(scenario, pricing, trace);
  }
}
