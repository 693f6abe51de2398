/** Machines of a scenario, fixed or as a group, on demand or spot: their settings with all defaults. */
import { CodedError } from '../metering/errors.ts';
import { US_PER_HOUR, US_PER_MS, US_PER_S } from '../metering/units.ts';
import type { AlarmRule } from './platforms/alarm.ts';
import type { SpotSettings } from './platforms/spot.ts';
import { singleVmPlatform, vmPlatform } from './platforms/vm.ts';
import { vmGroupPlatform } from './platforms/vm-group.ts';
import { asked, finite, inMb, limitOf, type Prepared } from './prepared.ts';
import type { Pricing } from './pricing.ts';
import type { PlatformSettings } from './result.ts';
import type { Scenario } from './scenario.ts';

const FLEET_MIN = 1;
const FLEET_MAX_DEFAULT = 10;
const VM_BOOT_US_DEFAULT = 60_000_000;
/** At so many interruptions in the time of a boot and a notice hardly one machine in 20,000 takes a request. */
const INTERRUPTIONS_MAX = 10;

/** Machines that are always taken before they are ready would let requests wait for ever. */
function checkSpot({ ratePerHour, livesUs, noticeUs }: Omit<SpotSettings, 'retry' | 'seed'>, bootUs: number) {
  const unusedUs = bootUs + noticeUs;
  const isHopeless =
    livesUs === null
      ? (ratePerHour * unusedUs) / US_PER_HOUR > INTERRUPTIONS_MAX
      : Math.max(...livesUs) <= unusedUs;
  if (!isHopeless) return;
  const given = livesUs === null ? `${ratePerHour} interruptions an hour` : 'lives that all are shorter';
  throw new CodedError(
    'config-invalid',
    `spot: expected machines that live longer than their boot and their notice, ${unusedUs / US_PER_S} s together, got ${given}`,
    { bootS: bootUs / US_PER_S, noticeS: noticeUs / US_PER_S },
  );
}

/** Null, and nothing to tell, for machines on demand. */
function prepareSpot(
  { spot, spotDiscount, attempts, backoffUs }: Scenario,
  bootUs: number,
  seed: number,
): { readonly spot: SpotSettings | null; readonly settings: PlatformSettings } {
  if (spot === null) return { spot: null, settings: {} };
  checkSpot(spot, bootUs);
  const { ratePerHour, livesUs, noticeUs, replacement } = spot;
  return {
    spot: { ...spot, retry: { attemptsMax: attempts, backoffUs }, seed },
    settings: {
      ...asked({
        spotRate: livesUs === null ? ratePerHour : null,
        spotLivesS: livesUs?.map((us) => us / US_PER_S).join() ?? null,
      }),
      ...{ spotNoticeS: noticeUs / US_PER_S, spotReplacement: replacement },
      ...asked({
        spotFirstHourFree: spot.isFirstHourFree ? 'on' : null,
        spotDiscount,
        attempts: attempts > 1 ? attempts : null,
        backoffMs: attempts > 1 ? backoffUs / US_PER_MS : null,
      }),
    },
  };
}

export function prepareVm(scenario: Scenario, seed: number): Prepared {
  const { memoryBytes, sharing } = scenario;
  const instances = scenario.instances ?? 1;
  const cores = scenario.cores ?? 1;
  const queueLimit = limitOf(scenario);
  const told = { instances, cores };
  const rest = { queueLimit: finite(queueLimit), memoryMb: inMb(memoryBytes) };
  const vm = { instances, cores, queueLimit, memoryBytes };
  if (sharing === 'fifo' && scenario.spot === null) {
    return { platform: vmPlatform(vm), requestsAtOnce: cores, settings: { ...told, ...rest } };
  }
  const bootUs = scenario.bootUs ?? VM_BOOT_US_DEFAULT;
  const { spot, settings } = prepareSpot(scenario, bootUs, seed);
  const bootS = spot === null ? null : bootUs / US_PER_S;
  if (sharing === 'fifo') {
    return {
      platform: singleVmPlatform({ ...vm, requestsAtOnce: cores, spot, bootUs }),
      requestsAtOnce: cores,
      settings: { ...told, bootS, ...settings, ...rest },
    };
  }
  const requestsAtOnce = scenario.concurrency ?? Number.POSITIVE_INFINITY;
  return {
    platform: singleVmPlatform({ ...vm, requestsAtOnce, spot, bootUs }),
    requestsAtOnce: null,
    settings: {
      ...{ ...told, sharing, concurrency: finite(requestsAtOnce) },
      ...{ ...asked({ bootS }), ...settings, ...rest },
    },
  };
}

const alarmText = ({ needed, of }: AlarmRule): string | null => (of === 1 ? null : `${needed}/${of}`);

export function prepareGroup(scenario: Scenario, pricing: Pricing, seed: number): Prepared {
  const { memoryBytes, warmUpUs, cooldownUs, metricPeriodUs, metricDelayUs, scaleInProtection } = scenario;
  const { scaleMetric: metric, scaleSteps: steps } = scenario;
  const minInstances = scenario.minInstances ?? FLEET_MIN;
  const maxInstances = Math.max(minInstances, scenario.maxInstances ?? FLEET_MAX_DEFAULT);
  const cores = scenario.cores ?? pricing.size?.vcpus ?? 1;
  const requestsAtOnce = scenario.concurrency ?? Math.ceil(cores);
  const queueLimit = limitOf(scenario);
  const bootUs = scenario.bootUs ?? VM_BOOT_US_DEFAULT;
  const { spot, settings } = prepareSpot(scenario, bootUs, seed);
  const target = steps === null ? scenario.scaleTarget : null;
  const { alarmOut, alarmIn, alarmLowShare: lowShare } = scenario;
  const alarms = { alarmOut, alarmIn, lowShare };
  const metrics = { metric, target, steps: steps ?? [], cooldownUs };
  return {
    platform: vmGroupPlatform({
      ...{ minInstances, maxInstances, cores, requestsAtOnce, bootUs, warmUpUs, queueLimit, memoryBytes },
      protectsBusy: scaleInProtection,
      spot,
      scaling: { ...metrics, ...alarms, periodUs: metricPeriodUs, delayUs: metricDelayUs },
    }),
    requestsAtOnce: requestsAtOnce > cores ? null : requestsAtOnce,
    settings: {
      ...{ minInstances, maxInstances, cores, concurrency: requestsAtOnce, scaleMetric: metric },
      scaleTarget: target,
      scaleSteps: steps?.map((s) => `${s.threshold}:${s.change > 0 ? '+' : ''}${s.change}`).join() ?? null,
      ...{ bootS: bootUs / US_PER_S, warmUpS: warmUpUs / US_PER_S, cooldownS: cooldownUs / US_PER_S },
      ...{ metricPeriodS: metricPeriodUs / US_PER_S, metricDelayS: metricDelayUs / US_PER_S },
      scaleInProtection: scaleInProtection ? 'on' : 'off',
      ...asked({
        alarmOut: alarmText(alarmOut),
        alarmIn: alarmText(alarmIn),
        alarmLowShare: lowShare === 1 ? null : lowShare * 100,
      }),
      ...settings,
      ...{ queueLimit: finite(queueLimit), memoryMb: inMb(memoryBytes) },
    },
  };
}
