/** A result as plain text: the platforms side by side, then what each is billed for. It computes nothing. */
import type { Interval } from '../kernel/interval.ts';
import type { ReplicatedMeasure, Replications } from '../replications.ts';
import type { PlatformResult, SimulationResult } from '../result.ts';

// Three platforms side by side stay under 100 columns.
const BLOCK_COLUMNS = 3;
const GAP = '  ';

const ENGLISH = 'en-US';
const count = (value: number): string => value.toLocaleString(ENGLISH);
export const fixed = (value: number, places: number): string =>
  value.toLocaleString(ENGLISH, { minimumFractionDigits: places, maximumFractionDigits: places });
const plain = (value: number): string => value.toLocaleString(ENGLISH, { maximumFractionDigits: 9 });

const NO_EXTRAS = '(Gateways, load balancers, traffic and logs are not in them: --extra adds them.)';

type Row = readonly [label: string, cell: (platform: PlatformResult) => string];

const FIGURES = ['mean', 'p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const;

const distributionRows = (name: string, key: 'waitMs' | 'latencyMs'): Row[] =>
  FIGURES.map((figure) => [
    `${name} ${figure === 'p999' ? 'p99.9' : figure}, ms`,
    (platform) => fixed(platform[key][figure], 3),
  ]);

const ROWS: readonly Row[] = [
  ['', ({ name }) => name],
  ['price book', ({ priceBook }) => priceBook],
  ['instance type', ({ instanceType }) => instanceType ?? '-'],
  ['requests', ({ requests }) => count(requests)],
  ['  served', ({ served }) => count(served)],
  ['  rejected', ({ rejected }) => count(rejected)],
  ['  failed', ({ failed }) => count(failed)],
  ['throttled', ({ throttled }) => count(throttled)],
  ['tried again', ({ retried }) => count(retried)],
  ['interruptions', ({ interruptions }) => count(interruptions)],
  ['lost by them', ({ lost }) => count(lost)],
  ['cold starts', ({ coldStarts }) => count(coldStarts)],
  ['instances, peak', ({ instancesPeak }) => count(instancesPeak)],
  ['busy, s', ({ busySeconds }) => fixed(busySeconds, 3)],
  ['alive, s', ({ aliveSeconds }) => fixed(aliveSeconds, 3)],
  ['idle, s', ({ idleSeconds }) => fixed(idleSeconds, 3)],
  ['utilisation, %', ({ utilisation }) => fixed(utilisation * 100, 2)],
  ...distributionRows('wait', 'waitMs'),
  ...distributionRows('latency', 'latencyMs'),
  ['cost, USD', ({ costUsd }) => fixed(costUsd, 9)],
  [
    'commitment used, %',
    ({ commitment }) =>
      commitment === null || commitment.paidUsd === 0
        ? '-'
        : fixed((100 * commitment.usedUsd) / commitment.paidUsd, 2),
  ],
  ['  of it idle', ({ idleCostUsd }) => fixed(idleCostUsd, 9)],
];

/** Lines of equally wide columns: the first set left, the others right. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}

function block(platforms: readonly PlatformResult[]): string[] {
  return aligned(
    ROWS.filter((row) => isOfUse(row, platforms)).map(([label, cell]) => [label, ...platforms.map(cell)]),
  );
}

function invoiceOf(platform: PlatformResult): string[] {
  const books = [platform.priceBook, ...platform.extras].join(' + ');
  const title = `${platform.name}, ${books}${platform.freeTier ? ', free tier' : ''}:`;
  const lines = platform.invoice.map((line) => {
    const free = line.tier === 0 ? ' (free)' : '';
    const price = `${plain(line.quantity)} × ${line.unit} at ${line.unitPriceUsd} USD`;
    return [`  ${line.meter}${free}`, price, fixed(line.amountUsd, 9)];
  });
  return [title, ...aligned([...lines, ['  total', '', fixed(platform.costUsd, 9)]])];
}

/** Shown where somebody was refused and tried again, or where machines may be taken. */
function isOfUse([label]: Row, platforms: readonly PlatformResult[]): boolean {
  if (label === 'throttled' || label === 'tried again') return platforms.some(({ retried }) => retried > 0);
  if (label === 'commitment used, %') return platforms.some(({ commitment }) => commitment !== null);
  if (label !== 'interruptions' && label !== 'lost by them') return true;
  return platforms.some(({ settings }) => settings.spotNoticeS !== undefined);
}

const digits = (value: number, count: number): string => plain(Number(value.toPrecision(count)));
const plusMinus = ({ mean, halfWidth }: Interval): string =>
  `${digits(mean, 5)}${halfWidth === null ? '' : ` ± ${digits(halfWidth, 2)}`}`;

const REPLICATED = ['costUsd', 'waitMeanMs', 'latencyP99Ms', 'coldShare'] as const;

function replicationLines({ count: runs, platforms, differences }: Replications): string[] {
  const isAlone = new Set(platforms.map(({ name }) => name)).size === platforms.length;
  const short = (title: string): string => (isAlone ? (title.split(',')[0] ?? title) : title);
  const row = (title: string, figures: Readonly<Record<ReplicatedMeasure, Interval>>): string[] => [
    `  ${title}`,
    ...REPLICATED.map((figure) => plusMinus(figures[figure])),
  ];
  const rows = [
    ...platforms.map((platform) => row(short(`${platform.name}, ${platform.priceBook}`), platform)),
    ...differences.map((pair) => row(`${short(pair.second)} − ${short(pair.first)}`, pair)),
  ];
  const title = `Means of ${runs} replications, ± their 95 % confidence intervals:`;
  return [title, ...aligned([['', ...REPLICATED], ...rows])];
}

type OfTrace = Pick<SimulationResult, 'trace'>;

export const plural = (number: number, noun: string): string =>
  `${count(number)} ${noun}${number === 1 ? '' : 's'}`;

function traceLine({ trace }: OfTrace): string {
  const requests = plural(trace.arrivals, 'request');
  const functions = plural(trace.functions, 'function');
  const skipped =
    trace.skippedRejected === 0 ? '' : `; ${count(trace.skippedRejected)} rejected ones are not replayed`;
  return `${trace.file} (${trace.format}): ${requests} to ${functions} over ${fixed(trace.spanS, 3)} s${skipped}`;
}

/** What was made up, changed or left out before anything was simulated. */
function remarks({ trace }: OfTrace): string[] {
  const bad = trace.skippedBad === 0 ? [] : [`left out: ${count(trace.skippedBad)} bad rows`];
  return [
    ...trace.filled.map((said) => `made up: ${said}`),
    ...trace.transformed.map((said) => `transformed: ${said}`),
    ...bad,
    ...trace.badRows.map((message) => `  ${message}`),
  ];
}

/** What was replayed. */
export const traceLines = (result: OfTrace): string[] => [traceLine(result), ...remarks(result)];

/** Which platforms were stopped before the trace's end, and where. */
function partialLines({ complete, platforms, replications }: SimulationResult): string[] {
  if (complete) return [];
  const cut = platforms.filter((platform) => !platform.complete);
  const at = cut.map(
    ({ name, requests, simulatedS }) =>
      `  ${name}: the first ${count(requests)} requests, ${fixed(simulatedS, 3)} s`,
  );
  const title = 'PARTIAL: stopped before the end; figures are of the requests until then';
  const whole = replications === null ? [] : [`  ${replications.count} replications were complete`];
  return [title, ...at, ...whole];
}

/** The whole result as text of at most 110 columns (long names aside), without a line end at its end. */
export function comparisonTable(result: SimulationResult): string {
  const { platforms } = result;
  const lines = [...traceLines(result), ...partialLines(result), ''];
  for (let from = 0; from < platforms.length; from += BLOCK_COLUMNS) {
    lines.push(...block(platforms.slice(from, from + BLOCK_COLUMNS)), '');
  }
  if (result.replications !== null) lines.push(...replicationLines(result.replications), '');
  lines.push('Invoices, USD, as if the trace were the whole month:');
  if (platforms.every(({ extras }) => extras.length === 0)) lines.push(NO_EXTRAS);
  for (const platform of platforms) lines.push(...invoiceOf(platform));
  return lines.join('\n');
}
