/**
 * One simulation: a trace replayed on each platform of a scenario. The same trace, scenario and seed give the same
 * result to the byte; there is no clock and no randomness but what is passed in.
 */
import { CodedError } from '../metering/errors.ts';
import { BYTES_PER_MB, US_PER_MS, US_PER_S } from '../metering/units.ts';
import { functionsPlatform } from './platforms/functions.ts';
import { paasPlatform } from './platforms/paas.ts';
import type { Platform, PlatformName } from './platforms/platform.ts';
import { vmPlatform } from './platforms/vm.ts';
import { type Pricing, planPricing } from './pricing.ts';
import {
  type PlatformResult,
  type PlatformSettings,
  platformResult,
  type SimulationResult,
} from './result.ts';
import { checkScenario, type Scenario, type ScenarioInput } from './scenario.ts';
import { Tally } from './tally.ts';
import type { Trace } from './traces/trace.ts';

export interface SimulateOptions {
  /** Ebb's version, for the result; default `unknown`. */
  readonly version?: string | undefined;
  /** Hears how much is done, 0 to 1, every some thousand arrivals. */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  /** Looked at as often as `onProgress` is called; an abort ends the simulation. */
  readonly signal?: AbortSignal | undefined;
}

const COLD_START_US_DEFAULT = 250_000;
const FUNCTION_INSTANCES_MAX_DEFAULT = 1000;
const DYNOS_MIN = 1;
const DYNOS_MAX_DEFAULT = 10;

interface Prepared {
  readonly platform: Platform;
  readonly requestsAtOnce: number;
  readonly settings: PlatformSettings;
}

function coldStartUs(scenario: Scenario, trace: Trace): number | 'trace' {
  const hasOwn = trace.columns.startupUs !== undefined;
  if (scenario.coldStartUs === 'trace' && !hasOwn) {
    throw new CodedError(
      'config-invalid',
      `coldStartMs: expected a number of milliseconds, got "trace", but a trace of the format ${trace.format} has no start-up times`,
    );
  }
  return scenario.coldStartUs ?? (hasOwn ? 'trace' : COLD_START_US_DEFAULT);
}

const inMb = (bytes: number | null): number | null => (bytes === null ? null : bytes / BYTES_PER_MB);
const finite = (limit: number): number | null => (Number.isFinite(limit) ? limit : null);

function prepare(name: PlatformName, pricing: Pricing, scenario: Scenario, trace: Trace): Prepared {
  const { memoryBytes, queueLimit } = scenario;
  const common = { memoryMb: inMb(memoryBytes) };
  switch (name) {
    case 'functions': {
      const coldUs = coldStartUs(scenario, trace);
      const { keepAliveUs, pick } = scenario;
      const maxInstances = scenario.maxInstances ?? FUNCTION_INSTANCES_MAX_DEFAULT;
      const coldStartMs = coldUs === 'trace' ? coldUs : coldUs / US_PER_MS;
      return {
        platform: functionsPlatform({ coldStartUs: coldUs, keepAliveUs, pick, maxInstances, memoryBytes }),
        requestsAtOnce: 1,
        settings: { keepAliveS: keepAliveUs / US_PER_S, coldStartMs, pick, maxInstances, ...common },
      };
    }
    case 'vm': {
      const instances = scenario.instances ?? 1;
      const cores = scenario.cores ?? 1;
      return {
        platform: vmPlatform({ instances, cores, queueLimit, memoryBytes }),
        requestsAtOnce: cores,
        settings: { instances, cores, queueLimit: finite(queueLimit), ...common },
      };
    }
    case 'paas': {
      const minInstances = scenario.instances ?? DYNOS_MIN;
      const maxInstances = scenario.instances ?? scenario.maxInstances ?? DYNOS_MAX_DEFAULT;
      const requestsAtOnce = scenario.cores ?? pricing.size?.vcpus ?? 1;
      return {
        platform: paasPlatform({ minInstances, maxInstances, requestsAtOnce, queueLimit, memoryBytes }),
        requestsAtOnce,
        settings: { minInstances, maxInstances, requestsAtOnce, queueLimit: finite(queueLimit), ...common },
      };
    }
  }
}

/**
 * Replays a trace. It works without pause until it is done; a caller that must stay awake runs it in a worker.
 * @throws CodedError `config-invalid`, `prices-unknown` or `prices-unfit` before anything is simulated;
 * `interrupted` when the signal is aborted.
 */
export function simulate(
  trace: Trace,
  input: ScenarioInput = {},
  options: SimulateOptions = {},
): SimulationResult {
  const { onProgress, signal, version = 'unknown' } = options;
  const scenario = checkScenario(input);
  const { freeTier, seed } = scenario;
  const plan = planPricing(scenario).map(({ platform: name, pricing }) => ({
    name,
    pricing,
    ...prepare(name, pricing, scenario, trace),
  }));
  const platforms: PlatformResult[] = plan.map(({ name, pricing, platform, ...rest }, index) => {
    const tally = new Tally(trace.count, trace.functionNames.length, pricing);
    const totals = platform.run(trace, tally, (arrivals) => {
      if (signal?.aborted) throw new CodedError('interrupted', 'the simulation was interrupted');
      onProgress?.((index + arrivals / trace.count) / plan.length);
    });
    return platformResult({ name, trace, pricing, freeTier, tally, totals, ...rest });
  });
  onProgress?.(1);
  return { version, seed, trace: describeTrace(trace), platforms };
}

function describeTrace(trace: Trace): SimulationResult['trace'] {
  const { arrivedAtUs, count } = trace;
  const startUs = arrivedAtUs[0] as number;
  return {
    file: trace.name,
    format: trace.format,
    arrivals: count,
    functions: trace.functionNames.length,
    startUs,
    spanS: ((arrivedAtUs[count - 1] as number) - startUs) / US_PER_S,
    skippedRejected: trace.skippedRejected,
    skippedBad: trace.skippedBad,
    badRows: trace.badRows,
    filled: trace.filled,
    transformed: trace.transformed,
  };
}
