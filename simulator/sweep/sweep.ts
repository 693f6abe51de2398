/**
 * Many replays of one trace: each platform at each point of a grid of its own options and of changes to the traffic, which
 * of them hold what is required, and the cheapest of those.
 */
import { checkFits, tasksOf } from '../plan.ts';
import type { PlatformName } from '../platforms/platform.ts';
import type { Planned, ReplayOutcome } from '../replay.ts';
import { figuresOf, type Intervals } from '../replications.ts';
import type { PlatformResult, SimulationResult } from '../result.ts';
import type { ScenarioInput } from '../scenario.ts';
import type { Traces } from '../threads/parallel-run.ts';
import { ParallelRun } from '../threads/parallel-run.ts';
import { interrupted, type ThreadOptions } from '../threads/simulate.ts';
import { isTrafficKey, type Traffic } from '../traces/traffic.ts';
import { gridOf, type PointValues, readAxes, type SweepInput, splitTraffic } from './axes.ts';
import { byTraffic, type PlannedPoint, pointsOf, scenarioAt } from './points.ts';
import { holds, type Requirement, readRequirements, requirementText } from './requirements.ts';

export interface SweepPoint {
  readonly platform: PlatformName;
  readonly priceBook: string;
  readonly instanceType: string | null;
  /** The swept options that the platform uses, and the traffic, with their values here. */
  readonly values: PointValues;
  /** Whether it holds all that is required; null when nothing is. */
  readonly holds: boolean | null;
  /** Means over all replications with 95 % intervals; of one replication its figures, with null for half widths. */
  readonly figures: Intervals;
  /** Of the first replication, without its functions. */
  readonly result: Omit<PlatformResult, 'functions'>;
}

/** One of several traffics that were replayed. */
export interface SweptTraffic {
  readonly values: Traffic;
  readonly trace: SimulationResult['trace'];
  /** The place in `points` of the cheapest under this traffic that holds, as `SweepResult.cheapest`. */
  readonly cheapest: number | null;
}

export interface SweepResult {
  /** Of Ebb. */
  readonly version: string;
  /** False when the sweep was stopped: `points` has those that were done by then. */
  readonly complete: boolean;
  readonly seed: number;
  readonly replications: number;
  /** Where the traffic is swept, of its first values. */
  readonly trace: SimulationResult['trace'];
  /** What was swept, in the order given. */
  readonly sweep: Readonly<Record<string, readonly unknown[]>>;
  /** What was required, with what goes without saying. */
  readonly require: readonly string[];
  /** How many points there are in all. */
  readonly pointsPlanned: number;
  /** By platform as the scenario has them, then as the grid has them: the last option swept changes first. */
  readonly points: readonly SweepPoint[];
  /**
   * The place in `points` of the cheapest that holds, the first of equals; null where none does, nothing is required, or
   * the traffic is swept: nobody chooses that, so there is a cheapest for each.
   */
  readonly cheapest: number | null;
  /** Each traffic of which a point was done, in the order of the grid; none where it is not swept. */
  readonly traffic: readonly SweptTraffic[];
}

/** A point that was done, and under which traffic. */
interface DonePoint {
  readonly point: SweepPoint;
  readonly traffic: Traffic;
  readonly trace: SimulationResult['trace'];
}

/** A point of which all replications were done; else null. */
function donePoint(
  { values, traffic, planned }: PlannedPoint,
  outcomes: readonly (ReplayOutcome | null)[],
  requirements: readonly Requirement[],
): DonePoint | null {
  const done = outcomes.flatMap((outcome) => (outcome?.result.complete === true ? [outcome] : []));
  const [first] = done;
  if (first === undefined || done.length < outcomes.length) return null;
  const figures = figuresOf(done.map(({ result }) => result));
  const isHeld = requirements.length === 0 ? null : requirements.every((one) => holds(one, figures));
  const { functions: _, ...result } = first.result;
  const point = { ...titleOf(planned), values: shortenedAll(values), holds: isHeld, figures, result };
  return { point, traffic, trace: first.trace };
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
  const points = pointsOf(base, axes, platforms);
  for (const { traffic } of points) traces.optionsOf?.(0, traffic);
  const trace = await traces.of(0, splitTraffic(first).traffic);
  checkFits(
    points.map(({ planned }) => planned),
    trace,
  );
  const order = byTraffic(points);
  const placeOf = new Map(order.map((point, place) => [point, place]));
  const run = new ParallelRun(tasksOf(order, seed, replications), traces, threads);
  onRun?.(run);
  const outcomes = await run.outcomes;
  const done = points.flatMap((point) => {
    const at = placeOf.get(point) as number;
    const own = Array.from({ length: replications }, (_, each) => outcomes[each * order.length + at] ?? null);
    return donePoint(point, own, requirements) ?? [];
  });
  const [one] = done;
  if (one === undefined) throw interrupted();
  const isSwept = axes.some(({ key }) => isTrafficKey(key));
  return {
    version,
    complete: done.length === points.length,
    ...{ seed, replications },
    trace: one.trace,
    sweep: Object.fromEntries(axes.map(({ key, values }) => [key, values.map(shortened)])),
    require: requirements.map(requirementText),
    pointsPlanned: points.length,
    points: done.map(({ point }) => point),
    cheapest: isSwept ? null : cheapestOf(done),
    traffic: isSwept ? trafficsOf(done) : [],
  };
}

function titleOf({
  platform,
  pricing,
}: Planned): Pick<SweepPoint, 'platform' | 'priceBook' | 'instanceType'> {
  return { platform, priceBook: pricing.book.id, instanceType: pricing.size?.name ?? null };
}

/** A price book of the user's own is shown by its id. */
const shortened = (value: unknown): unknown => (value as { readonly id?: string } | null)?.id ?? value;

const shortenedAll = (values: PointValues): PointValues =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, shortened(value)]));

/** @param of under this traffic alone. */
function cheapestOf(done: readonly DonePoint[], of: string | null = null): number | null {
  let cheapest: number | null = null;
  let leastUsd = Number.POSITIVE_INFINITY;
  for (const [index, { point, traffic }] of done.entries()) {
    if (point.holds !== true || (of !== null && JSON.stringify(traffic) !== of)) continue;
    const { mean } = point.figures.costUsd;
    if (mean >= leastUsd) continue;
    cheapest = index;
    leastUsd = mean;
  }
  return cheapest;
}

function trafficsOf(done: readonly DonePoint[]): SweptTraffic[] {
  const firsts = new Map<string, DonePoint>();
  for (const one of done) {
    const key = JSON.stringify(one.traffic);
    if (!firsts.has(key)) firsts.set(key, one);
  }
  return [...firsts].map(([key, { traffic, trace }]) => ({
    values: traffic,
    trace,
    cheapest: cheapestOf(done, key),
  }));
}
