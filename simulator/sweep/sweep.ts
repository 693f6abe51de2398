/**
 * Many replays of one trace: each platform at each point of a grid of its own options, which of them hold what is
 * required, and the cheapest of those.
 */
import { CodedError } from '../../metering/errors.ts';
import { checkFits, planned, tasksOf } from '../plan.ts';
import type { PlatformName } from '../platforms/platform.ts';
import { describeTrace, type Planned, type ReplayOutcome } from '../replay.ts';
import { figuresOf, type Intervals } from '../replications.ts';
import type { PlatformResult, SimulationResult } from '../result.ts';
import { checkScenario, type Scenario, type ScenarioInput } from '../scenario.ts';
import { OPTION_USERS, type ScenarioKey } from '../scenario-options.ts';
import type { Traces } from '../threads/parallel-run.ts';
import { ParallelRun } from '../threads/parallel-run.ts';
import { interrupted, type ThreadOptions } from '../threads/simulate.ts';
import { type Axis, gridOf, type PointValues, readAxes, type SweepInput } from './axes.ts';
import { holds, readRequirements, requirementText } from './requirements.ts';

export interface SweepPoint {
  readonly platform: PlatformName;
  readonly priceBook: string;
  readonly instanceType: string | null;
  /** The swept options that the platform uses, with their values here. */
  readonly values: PointValues;
  /** Whether it holds all that is required; null when nothing is. */
  readonly holds: boolean | null;
  /** Means over all replications with 95 % intervals; of one replication its figures, with null for half widths. */
  readonly figures: Intervals;
  /** Of the first replication, without its functions. */
  readonly result: Omit<PlatformResult, 'functions'>;
}

export interface SweepResult {
  /** Of Ebb. */
  readonly version: string;
  /** False when the sweep was stopped: `points` has those that were done by then. */
  readonly complete: boolean;
  readonly seed: number;
  readonly replications: number;
  readonly trace: SimulationResult['trace'];
  /** What was swept, in the order given. */
  readonly sweep: Readonly<Record<string, readonly unknown[]>>;
  /** What was required, with what goes without saying. */
  readonly require: readonly string[];
  /** How many points there are in all. */
  readonly pointsPlanned: number;
  /** By platform as the scenario has them, then as the grid has them: the last option swept changes first. */
  readonly points: readonly SweepPoint[];
  /** The place in `points` of the cheapest that holds, the first of equals; null where none does or nothing is required. */
  readonly cheapest: number | null;
}

interface PlannedPoint {
  readonly values: PointValues;
  readonly entry: Planned;
}

/** Options that choose a price book or a size: that shows in what they choose. */
const CHOOSERS: readonly ScenarioKey[] = ['prices', 'instanceType'];

const isOfUse = (platform: PlatformName, { key }: Axis): boolean =>
  OPTION_USERS[key].includes(platform) && !(platform === 'functions' && key === 'instanceType');

const valuesText = (values: PointValues): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');

function scenarioAt(base: ScenarioInput, values: PointValues): Scenario {
  const { prices } = values;
  const input = { ...base, ...values, ...(prices === undefined ? {} : { prices: [prices] }) };
  try {
    return checkScenario(input as ScenarioInput);
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    throw new CodedError(thrown.code, `sweep at ${valuesText(values)}: ${thrown.message}`, thrown.details);
  }
}

/** Two points that differ in nothing that this platform sees are one. */
function sameness({ values, entry }: PlannedPoint): string {
  const seen = Object.entries(values).filter(([key]) => !CHOOSERS.includes(key as ScenarioKey));
  return JSON.stringify([entry.platform, entry.pricing.book.id, entry.pricing.size?.name, seen]);
}

function pointsOf(
  base: ScenarioInput,
  axes: readonly Axis[],
  platforms: readonly PlatformName[],
): PlannedPoint[] {
  const points = new Map<string, PlannedPoint>();
  for (const platform of platforms) {
    for (const values of gridOf(axes.filter((axis) => isOfUse(platform, axis)))) {
      for (const entry of planned(scenarioAt(base, values), platform)) {
        const point = { values, entry };
        const key = sameness(point);
        if (!points.has(key)) points.set(key, point);
      }
    }
  }
  return [...points.values()];
}

/**
 * @param base what all points have; `sweep` and `require` beside it.
 * @throws CodedError `config-invalid` for any point that is at fault, before anything is simulated; else as
 * `simulateOnThreads`.
 */
export async function sweep(
  traces: Traces,
  base: ScenarioInput,
  input: { readonly sweep: SweepInput; readonly require?: readonly string[] | undefined },
  { version, threads, onRun }: ThreadOptions,
): Promise<SweepResult> {
  const axes = readAxes(input.sweep);
  const requirements = readRequirements(input.require ?? []);
  const [first = {}] = gridOf(axes);
  const { platforms, seed, replications } = scenarioAt(base, first);
  const planned = pointsOf(base, axes, platforms);
  const plan = planned.map(({ entry }) => entry);
  const trace = await traces.of(0);
  checkFits(plan, trace);
  const run = new ParallelRun(tasksOf(plan, seed, replications), traces, threads);
  onRun?.(run);
  const outcomes = await run.outcomes;
  const points: SweepPoint[] = [];
  let seen: ReplayOutcome['seen'] | undefined;
  for (const [index, { values, entry }] of planned.entries()) {
    const own = Array.from({ length: replications }, (_, run) => outcomes[run * plan.length + index] ?? null);
    const results = own.flatMap((outcome) => (outcome?.result.complete === true ? [outcome.result] : []));
    const [result] = results;
    if (result === undefined || results.length < replications) continue;
    seen ??= own[0]?.seen;
    const figures = figuresOf(results);
    const isHeld = requirements.length === 0 ? null : requirements.every((one) => holds(one, figures));
    points.push({ ...titleOf(entry), values, holds: isHeld, figures, result: withoutFunctions(result) });
  }
  if (seen === undefined) throw interrupted();
  return {
    version,
    complete: points.length === planned.length,
    ...{ seed, replications },
    trace: describeTrace(trace, seen),
    sweep: Object.fromEntries(axes.map(({ key, values }) => [key, values.map(shortened)])),
    require: requirements.map(requirementText),
    pointsPlanned: planned.length,
    points: points.map((point) => ({ ...point, values: shortenedAll(point.values) })),
    cheapest: cheapestOf(points),
  };
}

function titleOf({
  platform,
  pricing,
}: Planned): Pick<SweepPoint, 'platform' | 'priceBook' | 'instanceType'> {
  return { platform, priceBook: pricing.book.id, instanceType: pricing.size?.name ?? null };
}

function withoutFunctions({ functions: _, ...result }: PlatformResult): SweepPoint['result'] {
  return result;
}

/** A price book of the user's own is shown by its id. */
const shortened = (value: unknown): unknown => (value as { readonly id?: string } | null)?.id ?? value;

const shortenedAll = (values: PointValues): PointValues =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, shortened(value)]));

function cheapestOf(points: readonly SweepPoint[]): number | null {
  let cheapest: number | null = null;
  for (const [index, { holds: isHeld, figures }] of points.entries()) {
    if (isHeld !== true) continue;
    const best = cheapest === null ? undefined : points[cheapest];
    if (best === undefined || figures.costUsd.mean < best.figures.costUsd.mean) cheapest = index;
  }
  return cheapest;
}
