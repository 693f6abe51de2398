/**
 * What a sweep varies: options of a scenario and the traffic itself, each with its values, written as `1,2,4`, `1..16`,
 * `60..600+60` or `128..8192*2`. It reads them and makes the grid; whether a value fits its option is for the scenario to
 * say.
 */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { shown } from '../option-reader.ts';
import { SCENARIO_KEYS, type ScenarioKey } from '../scenario-options.ts';
import {
  isTrafficKey,
  TRAFFIC_KEYS,
  type Traffic,
  type TrafficKey,
  trafficFault,
} from '../traces/traffic.ts';

export type AxisKey = ScenarioKey | TrafficKey;

export interface Axis {
  readonly key: AxisKey;
  readonly values: readonly unknown[];
}

/** By option: a list of values, or text as on the command line. */
export type SweepInput = Readonly<Record<string, string | readonly unknown[]>>;

/** Options that say what is done rather than how a platform is. */
const FIXED: readonly ScenarioKey[] = ['platforms', 'seed', 'replications', 'seriesS', 'extras'];
export const SWEEPABLE: readonly AxisKey[] = [
  ...SCENARIO_KEYS.filter((key) => !FIXED.includes(key)),
  ...TRAFFIC_KEYS,
];
/** Options whose values are text even where they look like numbers. */
const TEXTS: readonly AxisKey[] = [
  'rate',
  ...(['provisioned', 'scaleSteps', 'instanceType', 'prices', 'spotLivesS', 'alarmOut', 'alarmIn'] as const),
];
const POINTS_MAX = 10_000;
const DIGITS = 12;
const FORMS = 'values between commas, or ranges: 1,2,4 or 1..16 or 60..600+60 or 128..8192*2';

const NUMBER = /^\d+(?:\.\d+)?$/;
const RANGE = /^(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)(?:([+*])(\d+(?:\.\d+)?))?$/;

function fault(key: string, value: unknown, expected: string): CodedError {
  return new CodedError('config-invalid', `sweep ${key}: expected ${expected}, got ${shown(value)}`, {
    option: key,
  });
}

function ranged(key: string, part: string, [, a, b, kind = '+', c = '1']: RegExpExecArray): number[] {
  const [from, to, step] = [Number(a), Number(b), Number(c)];
  const isGood = from <= to && (kind === '+' ? step > 0 : step > 1 && from > 0);
  if (!isGood) throw fault(key, part, 'a range that rises, by a step above 0 or a factor above 1');
  const values: number[] = [];
  for (let index = 0; ; index++) {
    // From the beginning each time, so that errors do not add up.
    const value = Number((kind === '+' ? from + index * step : from * step ** index).toPrecision(DIGITS));
    if (value > to) return values;
    values.push(value);
    if (values.length > POINTS_MAX) throw fault(key, part, `at most ${POINTS_MAX} values`);
  }
}

function readValue(key: AxisKey, part: string): unknown {
  if (TEXTS.includes(key)) return part;
  if (NUMBER.test(part)) return Number(part);
  return part === 'true' ? true : part === 'false' ? false : part;
}

function parsed(key: AxisKey, text: string): unknown[] {
  return text.split(',').flatMap((piece): unknown[] => {
    const part = piece.trim();
    const range = TEXTS.includes(key) ? null : RANGE.exec(part);
    if (range !== null) return ranged(key, part, range);
    if (part === '' || part.includes('..')) throw fault(key, text, FORMS);
    return [readValue(key, part)];
  });
}

function checkTraffic(key: TrafficKey, values: readonly unknown[]): void {
  for (const value of values) {
    const expected = trafficFault(key, value);
    if (expected !== null) throw fault(key, value, expected);
  }
}

/**
 * The axes in the order given.
 * @throws CodedError `config-invalid` for options that cannot be swept, values that are no list, or too many points.
 */
export function readAxes(input: SweepInput): readonly Axis[] {
  const axes = Object.entries(input).map(([key, given]): Axis => {
    if (!(SWEEPABLE as readonly string[]).includes(key)) {
      const near = didYouMean(key, SWEEPABLE);
      throw new CodedError(
        'config-invalid',
        `sweep: no option ${shown(key)} to sweep${near}; expected a platform's own, such as instances or keepAliveS, or the trace's ${TRAFFIC_KEYS.join(', ')}`,
        { options: SWEEPABLE },
      );
    }
    const option = key as AxisKey;
    const values = typeof given === 'string' ? parsed(option, given) : given;
    if (!Array.isArray(values) || values.length === 0) throw fault(key, given, FORMS);
    if (isTrafficKey(option)) checkTraffic(option, values);
    return { key: option, values: [...new Set(values)] };
  });
  const points = axes.reduce((product, { values }) => product * values.length, 1);
  if (points > POINTS_MAX) {
    throw new CodedError('config-invalid', `sweep: expected at most ${POINTS_MAX} points, got ${points}`);
  }
  return axes;
}

export type PointValues = Readonly<Partial<Record<AxisKey, unknown>>>;

/** The traffic at a point, and what is left of its values for the scenario. */
export function splitTraffic(values: PointValues): {
  readonly traffic: Traffic;
  readonly options: Readonly<Partial<Record<ScenarioKey, unknown>>>;
} {
  const entries = Object.entries(values);
  return {
    traffic: Object.fromEntries(entries.filter(([key]) => isTrafficKey(key))) as Traffic,
    options: Object.fromEntries(entries.filter(([key]) => !isTrafficKey(key))),
  };
}

/** Every combination; the last axis changes first. */
export function gridOf(axes: readonly Axis[]): readonly PointValues[] {
  return axes.reduce<readonly PointValues[]>(
    (points, { key, values }) =>
      points.flatMap((point) => values.map((value) => ({ ...point, [key]: value }))),
    [{}],
  );
}
