/** Options of a scenario that do not fit each other, or no platform that is simulated. Each alone is good. */
import { type OptionReader, shown } from './option-reader.ts';
import type { PlatformName } from './platforms/platform.ts';
import type { Scenario } from './scenario.ts';
import { OPTION_USERS, SCENARIO_KEYS, type ScenarioKey } from './scenario-options.ts';

type Read = OptionReader<ScenarioKey>;

/** A number of dynos and bounds for it: which one holds is not for us to choose. */
function checkFixedDynos(read: Read, { instances, platforms }: Scenario): void {
  if (instances === null || !platforms.includes('paas')) return;
  for (const key of ['minInstances', 'maxInstances', 'paasScaling'] as const) {
    const isForOthers = platforms.some((name) => name !== 'paas' && OPTION_USERS[key].includes(name));
    if (read.value(key) === undefined || isForOthers) continue;
    read.faults.push(`${key}: is for paas that scales, got it beside instances`);
  }
}

/** Options that do not fit each other, or no chosen platform. */
export function crossCheck(read: Read, scenario: Scenario): void {
  const { platforms, keepAlive, memoryCapBytes, minInstances, maxInstances, sharing } = scenario;
  const isUsed = (key: ScenarioKey): boolean => OPTION_USERS[key].some((user) => platforms.includes(user));
  for (const key of SCENARIO_KEYS) {
    if (read.value(key) === undefined || isUsed(key)) continue;
    read.faults.push(
      `${key}: is for ${OPTION_USERS[key].join(', ')}, but simulated is ${platforms.join(', ')}`,
    );
  }
  const isCapped = keepAlive === 'lru' || keepAlive === 'greedy-dual';
  if (isCapped && memoryCapBytes === null) read.fault('memoryCapMb', `the memory for keepAlive ${keepAlive}`);
  const needs = (key: ScenarioKey, other: string, isThere: boolean): void => {
    if (read.value(key) !== undefined && isUsed(key) && !isThere)
      read.faults.push(`${key}: is for ${other} alone, got ${shown(read.value(key))} without`);
  };
  needs('memoryCapMb', 'keepAlive lru or greedy-dual', isCapped);
  needs('keepAliveS', 'keepAlive fixed or hybrid', keepAlive === 'fixed' || keepAlive === 'hybrid');
  const isFor = (platform: PlatformName): boolean => platforms.includes(platform);
  const isSpot = scenario.spot !== null;
  needs('attempts', 'functions, or machines with spotRate or spotLivesS', isSpot || isFor('functions'));
  needs(
    'bootS',
    'paas, vm-group, or vm with spotRate or spotLivesS',
    isSpot || isFor('paas') || isFor('vm-group'),
  );
  needs('backoffMs', 'attempts of 2 or more', scenario.attempts > 1);
  const isSharingAnywhere = sharing === 'ps' || platforms.some((name) => name !== 'vm');
  needs('concurrency', 'sharing ps', isSharingAnywhere);
  needs('cpuTarget', 'containerScaling cloud-run', scenario.containerScaling === 'cloud-run');
  const { paasScaling, scaleSteps } = scenario;
  const isByP95 = paasScaling === 'latency' || paasScaling === 'queue-time';
  needs('p95TargetMs', 'paasScaling latency or queue-time', isByP95);
  needs('requestsTarget', 'paasScaling requests', paasScaling === 'requests');
  checkFixedDynos(read, scenario);
  for (const key of ['alarmLowShare', 'scaleTarget'] as const) {
    if (scaleSteps !== null && read.value(key) !== undefined)
      read.faults.push(`${key}: is for target tracking, got it beside scaleSteps`);
  }
  if (minInstances !== null && maxInstances !== null && minInstances > maxInstances) {
    read.fault('minInstances', `at most maxInstances, ${maxInstances}`);
  }
  const hasNone = minInstances === 0 && platforms.some((name) => name === 'paas' || name === 'vm-group');
  if (hasNone) read.fault('minInstances', 'at least 1 for paas and vm-group');
}
