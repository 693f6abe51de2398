/** A sweep as plain text: a row for each point, and the cheapest that holds what is required. It computes nothing. */
import type { Interval } from '../kernel/interval.ts';
import type { ReplicatedMeasure } from '../replications.ts';
import type { SweepPoint, SweepResult } from '../sweep/sweep.ts';
import type { Traffic } from '../traces/traffic.ts';
import { aligned, fixed, plural, traceLines } from './table.ts';

type Column = readonly [title: string, measure: ReplicatedMeasure, show: (value: number) => string];

const percent = (value: number): string => fixed(value * 100, 2);
const ms = (value: number): string => fixed(value, 1);

const COLUMNS: readonly Column[] = [
  ['cost, USD', 'costUsd', (value) => fixed(value, 6)],
  ['idle, USD', 'idleCostUsd', (value) => fixed(value, 6)],
  ['mean, ms', 'latencyMeanMs', ms],
  ['p95, ms', 'latencyP95Ms', ms],
  ['p99, ms', 'latencyP99Ms', ms],
  ['cold, %', 'coldShare', percent],
  ['rejected, %', 'rejectedShare', percent],
  ['peak', 'instancesPeak', (value) => fixed(value, Number.isInteger(value) ? 0 : 1)],
  ['busy, %', 'utilisation', percent],
];

const shownValue = (value: unknown): string => (value === undefined ? '-' : String(value));

/** The columns that say which point it is: of books and sizes only where there are several. */
function titles({
  points,
  sweep,
}: SweepResult): readonly (readonly [string, (point: SweepPoint) => string])[] {
  /** Where a platform has one book or size, its name says enough. */
  const several = (of: (point: SweepPoint) => string | null): boolean =>
    new Set(points.map((point) => `${point.platform} ${of(point)}`)).size >
    new Set(points.map(({ platform }) => platform)).size;
  const options = Object.keys(sweep).filter((key) => key !== 'prices' && key !== 'instanceType');
  return [
    ['platform', ({ platform }) => platform],
    ...(several(({ priceBook }) => priceBook)
      ? [['price book', ({ priceBook }: SweepPoint) => priceBook] as const]
      : []),
    ...(several(({ instanceType }) => instanceType)
      ? [['instance type', ({ instanceType }: SweepPoint) => instanceType ?? '-'] as const]
      : []),
    ...options.map((key) => [key, ({ values }: SweepPoint) => shownValue((values as never)[key])] as const),
  ];
}

function heldText({ cheapest, traffic }: SweepResult, { holds }: SweepPoint, index: number): string {
  if (cheapest === index || traffic.some((one) => one.cheapest === index)) return 'cheapest';
  return holds === true ? 'yes' : 'no';
}

const withMargin = ({ mean, halfWidth }: Interval, show: (value: number) => string): string =>
  halfWidth === null || halfWidth === 0 ? show(mean) : `${show(mean)} ±${show(halfWidth)}`;

const valuesText = (values: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(values).map(([key, value]) => `${key} ${shownValue(value)}`);

/** @param traffic which is swept, or none. */
function verdictOn({ require, points }: SweepResult, cheapest: number | null, traffic: Traffic): string {
  const under = valuesText(traffic).join(', ');
  const goals = `${require.join(' and ')}${under === '' ? '' : ` at ${under}`}`;
  const point = cheapest === null ? undefined : points[cheapest];
  if (point === undefined) return `No point holds ${goals}.`;
  const options = Object.fromEntries(Object.entries(point.values).filter(([key]) => !(key in traffic)));
  const where = [point.platform, point.priceBook, ...valuesText(options)].join(', ');
  return `Cheapest that holds ${goals}: ${where}, for ${fixed(point.figures.costUsd.mean, 6)} USD.`;
}

function verdicts(result: SweepResult): string[] {
  const { cheapest, require, traffic } = result;
  if (require.length === 0) return [];
  if (traffic.length === 0) return ['', verdictOn(result, cheapest, {})];
  return ['', ...traffic.map((one) => verdictOn(result, one.cheapest, one.values))];
}

/** What each traffic came to. */
const trafficLines = ({ traffic }: SweepResult): string[] =>
  traffic.map(
    ({ values, trace }) =>
      `at ${valuesText(values).join(', ')}: ${plural(trace.arrivals, 'request')} over ${fixed(trace.spanS, 3)} s`,
  );

/** The whole sweep as text, without a line end at its end. */
export function sweepTable(result: SweepResult): string {
  const { points, pointsPlanned, complete, replications } = result;
  const named = titles(result);
  const isRequired = result.require.length > 0;
  const header = [
    ...named.map(([title]) => title),
    ...COLUMNS.map(([title]) => title),
    ...(isRequired ? ['holds'] : []),
  ];
  const rows = points.map((point, index) => [
    ...named.map(([, show]) => show(point)),
    ...COLUMNS.map(([, measure, show]) => withMargin(point.figures[measure], show)),
    ...(isRequired ? [heldText(result, point, index)] : []),
  ]);
  const partial = complete ? [] : [`PARTIAL: stopped after ${points.length} of ${pointsPlanned} points`];
  const means = replications === 1 ? [] : [`means of ${replications} replications, ± their 95 % intervals`];
  return [
    ...traceLines(result),
    ...trafficLines(result),
    ...partial,
    ...means,
    '',
    ...aligned([header, ...rows]),
    ...verdicts(result),
  ].join('\n');
}
