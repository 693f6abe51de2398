/** What a trace is like, in figures: rate, burstiness, concurrency, durations, memory, functions, shape over time. */
import { BYTES_PER_MB, US_PER_MS, US_PER_S } from '../../metering/units.ts';
import { type Distribution, describeSample } from '../kernel/quantiles.ts';
import type { Trace, TraceHistory } from './trace.ts';

const US_PER_MINUTE = 60 * US_PER_S;
const TOP_FUNCTIONS = 10;
export const SHAPE_COLUMNS_MAX = 100;

export interface CountsPerInterval {
  /** Of whole intervals from the first arrival on, the last one included. */
  readonly mean: number;
  readonly max: number;
  /** Variance of the counts by their mean: 1 for a Poisson process, 0 for an even one; null for one interval. */
  readonly dispersion: number | null;
}

export interface TraceInfo extends TraceHistory {
  readonly file: string;
  readonly format: string;
  readonly requests: number;
  readonly functions: number;
  /** The first arrival: microseconds since the epoch, or since the trace's zero. */
  readonly startUs: number;
  /** From the first to the last arrival. */
  readonly spanS: number;
  readonly perSecond: CountsPerInterval;
  readonly perMinute: CountsPerInterval;
  readonly gapsMs: Distribution;
  /** Coefficient of variation of the gaps: 1 for a Poisson process; null for fewer than two gaps. */
  readonly gapsCv: number | null;
  /** Requests that run at once if none has to wait: mean over the span, and most. */
  readonly concurrencyMean: number | null;
  readonly concurrencyMax: number;
  readonly durationMs: Distribution;
  /** Of configured memory and of memory used, where the trace has them. */
  readonly memoryLimitMb: Distribution | null;
  readonly memoryPeakMb: Distribution | null;
  /** The start-up times that the trace has itself, of requests with any. */
  readonly startups: number | null;
  readonly topFunctions: readonly {
    readonly name: string;
    readonly requests: number;
    readonly share: number;
    readonly meanMs: number;
  }[];
  /** Arrivals in equal parts of the span. */
  readonly shape: { readonly columnS: number; readonly counts: readonly number[] };
}

/** Six decimals, or six digits of what is smaller. */
const rounded = (value: number): number =>
  Number(Math.abs(value) < 0.1 ? value.toPrecision(6) : value.toFixed(6));

/** In one pass over the sorted times, so that empty intervals cost nothing. */
export function countsPer(times: Float64Array, intervalUs: number): CountsPerInterval {
  const first = times[0] as number;
  let interval = 0;
  let inInterval = 0;
  let max = 0;
  let squares = 0;
  for (let at = 0; at < times.length; at++) {
    const here = Math.floor(((times[at] as number) - first) / intervalUs);
    if (here !== interval) {
      squares += inInterval ** 2;
      interval = here;
      inInterval = 0;
    }
    inInterval++;
    if (inInterval > max) max = inInterval;
  }
  squares += inInterval ** 2;
  const intervals = interval + 1;
  const mean = times.length / intervals;
  const variance = squares / intervals - mean ** 2;
  return {
    mean: rounded(mean),
    max,
    dispersion: intervals < 2 ? null : rounded(variance / mean),
  };
}

function gapsOf(times: Float64Array): { readonly gaps: Float64Array; readonly cv: number | null } {
  const gaps = new Float64Array(Math.max(times.length - 1, 0));
  for (let at = 0; at < gaps.length; at++) gaps[at] = (times[at + 1] as number) - (times[at] as number);
  if (gaps.length < 2) return { gaps, cv: null };
  let sum = 0;
  for (const gap of gaps) sum += gap;
  const mean = sum / gaps.length;
  let squares = 0;
  for (const gap of gaps) squares += (gap - mean) ** 2;
  return { gaps, cv: mean === 0 ? null : rounded(Math.sqrt(squares / gaps.length) / mean) };
}

/** Most requests at once; one that ends when another arrives is not counted beside it. */
function concurrencyMax({ arrivedAtUs, runUs, count }: Trace): number {
  const ends = arrivedAtUs.map((time, at) => time + (runUs[at] as number)).sort();
  let most = 0;
  let ended = 0;
  for (let at = 0; at < count; at++) {
    const time = arrivedAtUs[at] as number;
    while (ended < at && (ends[ended] as number) <= time) ended++;
    most = Math.max(most, at + 1 - ended);
  }
  return most;
}

function inUnits(sample: Float64Array, unit: number): Distribution {
  const described = describeSample(sample);
  const entries = Object.entries(described).map(([key, value]) => [key, rounded(value / unit)]);
  return Object.fromEntries(entries) as unknown as Distribution;
}

function topFunctions(trace: Trace): TraceInfo['topFunctions'] {
  const requests = new Float64Array(trace.functionNames.length);
  const runs = new Float64Array(trace.functionNames.length);
  for (let at = 0; at < trace.count; at++) {
    const index = trace.functionIndex[at] as number;
    requests[index] = (requests[index] as number) + 1;
    runs[index] = (runs[index] as number) + (trace.runUs[at] as number);
  }
  const byRequests = Array.from(requests.keys()).sort(
    (a, b) => (requests[b] as number) - (requests[a] as number) || a - b,
  );
  return byRequests.slice(0, TOP_FUNCTIONS).map((index) => ({
    name: trace.functionNames[index] as string,
    requests: requests[index] as number,
    share: rounded((requests[index] as number) / trace.count),
    meanMs: rounded((runs[index] as number) / (requests[index] as number) / US_PER_MS),
  }));
}

function shapeOf(times: Float64Array, columns: number): TraceInfo['shape'] {
  const first = times[0] as number;
  const span = (times.at(-1) as number) - first;
  if (span === 0) return { columnS: 0, counts: [times.length] };
  const counts = new Array<number>(columns).fill(0);
  for (const time of times) {
    const column = Math.min(Math.floor(((time - first) / span) * columns), columns - 1);
    counts[column] = (counts[column] as number) + 1;
  }
  return { columnS: rounded(span / columns / US_PER_S), counts };
}

/** @param columns of the shape, 1 to 100. */
export function describeTrace(trace: Trace, columns = 80): TraceInfo {
  const { arrivedAtUs, runUs, count, columns: known } = trace;
  const startUs = arrivedAtUs[0] as number;
  const spanUs = (arrivedAtUs[count - 1] as number) - startUs;
  const { gaps, cv } = gapsOf(arrivedAtUs);
  let busyUs = 0;
  for (const run of runUs) busyUs += run;
  const { memoryBytesLimit: limits, memoryBytesPeak: peaks, startupUs: startups } = known;
  return {
    file: trace.name,
    format: trace.format,
    requests: count,
    functions: trace.functionNames.length,
    startUs,
    spanS: spanUs / US_PER_S,
    perSecond: countsPer(arrivedAtUs, US_PER_S),
    perMinute: countsPer(arrivedAtUs, US_PER_MINUTE),
    gapsMs: inUnits(gaps, US_PER_MS),
    gapsCv: cv,
    concurrencyMean: spanUs === 0 ? null : rounded(busyUs / spanUs),
    concurrencyMax: concurrencyMax(trace),
    durationMs: inUnits(runUs.slice(), US_PER_MS),
    memoryLimitMb: limits === undefined ? null : inUnits(limits.slice(), BYTES_PER_MB),
    memoryPeakMb: peaks === undefined ? null : inUnits(peaks.slice(), BYTES_PER_MB),
    startups: startups === undefined ? null : startups.reduce((sum, us) => sum + (us > 0 ? 1 : 0), 0),
    topFunctions: topFunctions(trace),
    skippedRejected: trace.skippedRejected,
    skippedBad: trace.skippedBad,
    badRows: trace.badRows,
    filled: trace.filled,
    transformed: trace.transformed,
    shape: shapeOf(arrivedAtUs, Math.min(Math.max(columns, 1), SHAPE_COLUMNS_MAX)),
  };
}
