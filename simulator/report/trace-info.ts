/** The description of a trace as text for a terminal, its shape over time drawn in block characters. */
import type { Distribution } from '../kernel/quantiles.ts';
import type { TraceInfo } from '../traces/describe.ts';
import type { CountsPerInterval } from '../traces/describe-counters.ts';

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const EIGHTHS = 8;
const SHAPE_ROWS = 6;

const NAME_MAX = 60;

/** At most so many decimals, but what is not nothing never looks like it: 0.0000077. */
const figure = (value: number, decimals = 3): string =>
  value === 0 || Math.abs(value) >= 10 ** -decimals
    ? value.toLocaleString('en-US', { maximumFractionDigits: decimals })
    : value.toLocaleString('en-US', { maximumSignificantDigits: 2 });

/** A name as one short line: control characters in a trace must not reach a terminal. */
function printable(name: string): string {
  if (name === '') return '""';
  const plain = name.replace(/\p{Cc}/gu, '\u{fffd}');
  return plain.length > NAME_MAX ? `${plain.slice(0, NAME_MAX - 1)}…` : plain;
}

/** Seconds as the largest unit that they fill. */
function span(seconds: number): string {
  for (const [unit, size] of [
    ['days', 86_400],
    ['h', 3_600],
    ['min', 60],
  ] as const) {
    if (seconds >= 2 * size) return `${figure(seconds / size, 2)} ${unit}`;
  }
  return `${figure(seconds)} s`;
}

function drawn(counts: readonly number[]): string[] {
  const most = Math.max(...counts, 1);
  // Rounded up, so that a column with one request among millions is not blank.
  const eighths = counts.map((count) => Math.ceil((count / most) * SHAPE_ROWS * EIGHTHS));
  const rows = Array.from({ length: SHAPE_ROWS }, (_, index) => SHAPE_ROWS - 1 - index);
  return rows.map((row) =>
    eighths
      .map((height) => BLOCKS[Math.min(Math.max(height - row * EIGHTHS, 0), EIGHTHS)])
      .join('')
      .trimEnd(),
  );
}

const spread = ({ mean, p50, p90, p95, p99, max }: Distribution): string =>
  `mean ${figure(mean)}, p50 ${figure(p50)}, p90 ${figure(p90)}, p95 ${figure(p95)}, p99 ${figure(p99)}, max ${figure(max)}`;

const counts = ({ mean, max, dispersion }: CountsPerInterval): string =>
  `mean ${figure(mean)}, peak ${figure(max)}${dispersion === null ? '' : `, index of dispersion ${figure(dispersion, 2)}`}`;

function facts(info: TraceInfo): readonly (readonly [string, string])[] {
  const { gapsMs, gapsCv, concurrencyMean, memoryLimitMb, memoryPeakMb, startups } = info;
  return [
    [
      'requests',
      `${figure(info.requests)} to ${figure(info.functions)} function${info.functions === 1 ? '' : 's'}`,
    ],
    ['span', `${figure(info.spanS, 6)} s${info.spanS >= 120 ? ` (${span(info.spanS)})` : ''}`],
    ['per second', counts(info.perSecond)],
    ['per minute', counts(info.perMinute)],
    ...(info.requests === 1
      ? []
      : [['gaps (ms)', `${spread(gapsMs)}${gapsCv === null ? '' : `; CV ${figure(gapsCv, 2)}`}`] as const]),
    [
      'at once',
      `${concurrencyMean === null ? '' : `mean ${figure(concurrencyMean)}, `}max ${figure(info.concurrencyMax)} if none waits`,
    ],
    ['duration (ms)', spread(info.durationMs)],
    ...(memoryLimitMb === null ? [] : [['memory (MB)', spread(memoryLimitMb)] as const]),
    ...(memoryPeakMb === null ? [] : [['memory used', spread(memoryPeakMb)] as const]),
    ...(startups === null
      ? []
      : [['start-ups', `${figure(startups)} requests have one of their own`] as const]),
  ];
}

function remarks(info: TraceInfo): string[] {
  const { skippedBad, skippedRejected } = info;
  return [
    ...info.filled.map((said) => `made up: ${said}`),
    ...info.transformed.map((said) => `transformed: ${said}`),
    ...(skippedRejected === 0
      ? []
      : [`left out: ${figure(skippedRejected)} rejected requests, which never ran`]),
    ...(skippedBad === 0 ? [] : [`left out: ${figure(skippedBad)} bad rows, for example`]),
    ...info.badRows.map((message) => `  ${message}`),
  ];
}

/** The functions with most requests, and how many others there are. */
function functionLines({ topFunctions, functions, requests }: TraceInfo): string[] {
  const others = functions - topFunctions.length;
  const shown = topFunctions.reduce((sum, one) => sum + one.requests, 0);
  const rows = topFunctions.map((one) => ({
    ...one,
    name: printable(one.name),
    mean: `  ${figure(one.meanMs)} ms`,
  }));
  if (others > 0) {
    const rest = requests - shown;
    rows.push({
      name: `${figure(others)} more`,
      requests: rest,
      share: rest / requests,
      meanMs: 0,
      mean: '',
    });
  }
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(({ name, requests: count, share, mean }) => {
    const percent = `${figure(share * 100, 1)} %`;
    return `  ${name.padEnd(nameWidth)}  ${figure(count).padStart(12)}  ${percent.padStart(7)}${mean}`;
  });
}

export function traceInfoText(info: TraceInfo): string {
  const rows = facts(info);
  const width = Math.max(...rows.map(([name]) => name.length));
  const { columnS, counts: columns } = info.shape;
  const peak = columnS === 0 ? '' : `, up to ${figure(Math.max(...columns) / columnS)} requests/s`;
  return [
    `${info.file} (${info.format})`,
    '',
    ...rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`),
    ...(info.functions > 1 ? ['', 'functions: requests, share, mean duration', ...functionLines(info)] : []),
    ...(columns.length > 1 ? ['', ...drawn(columns), `each column ${span(columnS)}${peak}`] : []),
    ...(remarks(info).length > 0 ? ['', ...remarks(info)] : []),
    '',
  ].join('\n');
}
