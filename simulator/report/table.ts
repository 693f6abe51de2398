/** A result as plain text: the platforms side by side, then what each is billed for. It computes nothing. */
import type { PlatformResult, SimulationResult } from '../result.ts';

// Three platforms side by side stay under 100 columns.
const BLOCK_COLUMNS = 3;
const GAP = '  ';

const ENGLISH = 'en-US';
const count = (value: number): string => value.toLocaleString(ENGLISH);
const fixed = (value: number, places: number): string =>
  value.toLocaleString(ENGLISH, { minimumFractionDigits: places, maximumFractionDigits: places });
const plain = (value: number): string => value.toLocaleString(ENGLISH, { maximumFractionDigits: 9 });

type Row = readonly [label: string, cell: (platform: PlatformResult) => string];

const PERCENTILES = ['mean', 'p50', 'p90', 'p95', 'p99', 'max'] as const;

const distributionRows = (name: string, key: 'waitMs' | 'latencyMs'): Row[] =>
  PERCENTILES.map((figure) => [`${name} ${figure}, ms`, (platform) => fixed(platform[key][figure], 3)]);

const ROWS: readonly Row[] = [
  ['', ({ name }) => name],
  ['price book', ({ priceBook }) => priceBook],
  ['instance type', ({ instanceType }) => instanceType ?? '-'],
  ['requests', ({ requests }) => count(requests)],
  ['  served', ({ served }) => count(served)],
  ['  rejected', ({ rejected }) => count(rejected)],
  ['  failed', ({ failed }) => count(failed)],
  ['cold starts', ({ coldStarts }) => count(coldStarts)],
  ['instances, peak', ({ instancesPeak }) => count(instancesPeak)],
  ['busy, s', ({ busySeconds }) => fixed(busySeconds, 3)],
  ['alive, s', ({ aliveSeconds }) => fixed(aliveSeconds, 3)],
  ['idle, s', ({ idleSeconds }) => fixed(idleSeconds, 3)],
  ['utilisation, %', ({ utilisation }) => fixed(utilisation * 100, 2)],
  ...distributionRows('wait', 'waitMs'),
  ...distributionRows('latency', 'latencyMs'),
  ['cost, USD', ({ costUsd }) => fixed(costUsd, 9)],
];

/** Lines of equally wide columns: the first set left, the others right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
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
  return aligned(ROWS.map(([label, cell]) => [label, ...platforms.map(cell)]));
}

function invoiceOf(platform: PlatformResult): string[] {
  const title = `${platform.name}, ${platform.priceBook}${platform.freeTier ? ', free tier' : ''}:`;
  const lines = platform.invoice.map((line) => {
    const free = line.tier === 0 ? ' (free)' : '';
    const price = `${plain(line.quantity)} × ${line.unit} at ${line.unitPriceUsd} USD`;
    return [`  ${line.meter}${free}`, price, fixed(line.amountUsd, 9)];
  });
  return [title, ...aligned([...lines, ['  total', '', fixed(platform.costUsd, 9)]])];
}

function traceLine({ trace }: SimulationResult): string {
  const requests = `${count(trace.arrivals)} request${trace.arrivals === 1 ? '' : 's'}`;
  const functions = `${count(trace.functions)} function${trace.functions === 1 ? '' : 's'}`;
  const skipped =
    trace.skippedRejected === 0 ? '' : `; ${count(trace.skippedRejected)} rejected ones are not replayed`;
  return `${trace.file} (${trace.format}): ${requests} to ${functions} over ${fixed(trace.spanS, 3)} s${skipped}`;
}

/** What was made up, changed or left out before anything was simulated. */
function remarks({ trace }: SimulationResult): string[] {
  const bad = trace.skippedBad === 0 ? [] : [`left out: ${count(trace.skippedBad)} bad rows`];
  return [
    ...trace.filled.map((said) => `made up: ${said}`),
    ...trace.transformed.map((said) => `transformed: ${said}`),
    ...bad,
    ...trace.badRows.map((message) => `  ${message}`),
  ];
}

/** The whole result as text of at most 110 columns (long names aside), without a line end at its end. */
export function comparisonTable(result: SimulationResult): string {
  const { platforms } = result;
  const lines = [traceLine(result), ...remarks(result), ''];
  for (let from = 0; from < platforms.length; from += BLOCK_COLUMNS) {
    lines.push(...block(platforms.slice(from, from + BLOCK_COLUMNS)), '');
  }
  lines.push('Invoices, USD, as if the trace were the whole month:');
  for (const platform of platforms) lines.push(...invoiceOf(platform));
  return lines.join('\n');
}
