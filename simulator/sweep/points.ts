/** What is replayed in a sweep: the points of its grid on each platform, each once, and in which order. */
import { CodedError } from '../../metering/errors.ts';
import { planned } from '../plan.ts';
import type { PlatformName } from '../platforms/platform.ts';
import type { Planned } from '../replay.ts';
import { checkScenario, type Scenario, type ScenarioInput } from '../scenario.ts';
import { OPTION_USERS, type ScenarioKey } from '../scenario-options.ts';
import { isTrafficKey, type Traffic } from '../traces/traffic.ts';
import { type Axis, gridOf, type PointValues, splitTraffic } from './axes.ts';

export interface PlannedPoint {
  readonly values: PointValues;
  readonly traffic: Traffic;
  readonly planned: Planned;
}

/** Options that choose a price book or a size: that shows in what they choose. */
const CHOOSERS: readonly ScenarioKey[] = ['prices', 'instanceType'];

function isOfUse(platform: PlatformName, { key }: Axis): boolean {
  if (isTrafficKey(key)) return true;
  return OPTION_USERS[key].includes(platform) && !(platform === 'functions' && key === 'instanceType');
}

const valuesText = (values: PointValues): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');

/** @throws CodedError as `checkScenario`, saying at which values. */
export function scenarioAt(base: ScenarioInput, values: PointValues): Scenario {
  const { options } = splitTraffic(values);
  const { prices } = options;
  const input = { ...base, ...options, ...(prices === undefined ? {} : { prices: [prices] }) };
  try {
    return checkScenario(input as ScenarioInput);
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    throw new CodedError(thrown.code, `sweep at ${valuesText(values)}: ${thrown.message}`, thrown.details);
  }
}

/** Two points that differ in nothing that this platform sees are one. */
function sameness({ values, planned: { platform, pricing } }: PlannedPoint): string {
  const seen = Object.entries(values).filter(([key]) => !CHOOSERS.includes(key as ScenarioKey));
  return JSON.stringify([platform, pricing.book.id, pricing.size?.name, seen]);
}

/** By platform as the scenario has them, then as the grid has them. @throws CodedError `config-invalid` */
export function pointsOf(
  base: ScenarioInput,
  axes: readonly Axis[],
  platforms: readonly PlatformName[],
): PlannedPoint[] {
  const points = new Map<string, PlannedPoint>();
  for (const platform of platforms) {
    for (const values of gridOf(axes.filter((axis) => isOfUse(platform, axis)))) {
      for (const entry of planned(scenarioAt(base, values), platform)) {
        const point = { values, traffic: splitTraffic(values).traffic, planned: entry };
        const key = sameness(point);
        if (!points.has(key)) points.set(key, point);
      }
    }
  }
  return [...points.values()];
}

/** Points under one traffic come one after the other, so that each trace is needed once; those of a rate as well. */
export function byTraffic(points: readonly PlannedPoint[]): readonly PlannedPoint[] {
  const groups = Map.groupBy(points, ({ traffic }) => traffic.rate);
  return [...groups.values()].flatMap((group) =>
    [...Map.groupBy(group, ({ traffic }) => JSON.stringify(traffic)).values()].flat(),
  );
}
