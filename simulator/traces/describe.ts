/**
 * What a trace is like, in figures: rate, burstiness, concurrency, durations, memory, functions, shape over time. It goes
 * through the trace some times, piece by piece, and keeps none of it, so one way serves traces in memory, in files and
 * those that are made up.
 */
import { BYTES_PER_MB, US_PER_MS, US_PER_S } from '../../metering/units.ts';
import type { Distribution } from '../kernel/quantiles.ts';
import { ShownSample } from '../kernel/shown-sample.ts';
import {
  Concurrency,
  type CountsPerInterval,
  FunctionCounts,
  type FunctionShare,
  GapVariation,
  IntervalCounts,
  rounded,
  type Shape,
  ShapeCounts,
} from './describe-counters.ts';
import { type ArrivalPiece, emptyTrace, isStream, type Replayable, type TraceHistory } from './trace.ts';
import { atOnce, type Work } from './turns.ts';

const US_PER_MINUTE = 60 * US_PER_S;
const TOP_FUNCTIONS = 10;
const SHAPE_COLUMNS_MAX = 100;
/** Arrivals between two turns: some milliseconds. */
const STEP = 8192;

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
  readonly topFunctions: readonly FunctionShare[];
  readonly shape: Shape;
}

/** Samples of what is described by percentiles; memory where the trace has it. */
interface Samples {
  readonly gapsUs: ShownSample;
  readonly runsUs: ShownSample;
  readonly limitBytes: ShownSample | null;
  readonly peakBytes: ShownSample | null;
}

function samplesOf({ columns }: Replayable): Samples {
  const has = (key: 'memoryBytesLimit' | 'memoryBytesPeak') => columns[key] !== undefined;
  return {
    gapsUs: new ShownSample(),
    runsUs: new ShownSample(),
    limitBytes: has('memoryBytesLimit') ? new ShownSample() : null,
    peakBytes: has('memoryBytesPeak') ? new ShownSample() : null,
  };
}

const listed = (samples: Samples): readonly ShownSample[] =>
  Object.values(samples).filter((sample) => sample !== null);

type Visit = (piece: ArrivalPiece, from: number, to: number) => void;

function* visitedIn(trace: Replayable, visit: Visit): Work<void> {
  const doing = 'describing';
  const expected = isStream(trace) ? trace.expected : trace.count;
  let seen = 0;
  for (const piece of isStream(trace) ? trace.pieces() : [trace]) {
    for (let from = 0; from < piece.count; from += STEP) {
      const to = Math.min(from + STEP, piece.count);
      visit(piece, from, to);
      seen += to - from;
      yield { doing, share: Math.min(1, seen / expected) };
    }
  }
}

/** Shows the arrivals to all samples that still need to see them, and what else is to be done with each. */
function* shown(
  trace: Replayable,
  samples: Samples,
  also: (piece: ArrivalPiece, at: number, gapUs: number | null) => void,
): Work<void> {
  const { gapsUs, runsUs, limitBytes, peakBytes } = samples;
  let beforeUs: number | null = null;
  yield* visitedIn(trace, (piece, from, to) => {
    const { arrivedAtUs, runUs, columns } = piece;
    for (let at = from; at < to; at++) {
      const atUs = arrivedAtUs[at] as number;
      const gapUs = beforeUs === null ? null : atUs - beforeUs;
      if (gapUs !== null) gapsUs.add(gapUs);
      runsUs.add(runUs[at] as number);
      limitBytes?.add(columns.memoryBytesLimit?.[at] as number);
      peakBytes?.add(columns.memoryBytesPeak?.[at] as number);
      also(piece, at, gapUs);
      beforeUs = atUs;
    }
  });
  for (const sample of listed(samples)) sample.endShowing();
}

/** What the first time through finds. */
class Survey {
  readonly perSecond = new IntervalCounts(US_PER_S);
  readonly perMinute = new IntervalCounts(US_PER_MINUTE);
  readonly concurrency = new Concurrency();
  readonly functions: FunctionCounts;
  requests = 0;
  startUs = 0;
  lastUs = 0;
  busyUs = 0;
  startups = 0;

  constructor({ functionNames }: Replayable) {
    this.functions = new FunctionCounts(functionNames);
  }

  add({ arrivedAtUs, runUs, functionIndex, columns }: ArrivalPiece, at: number): void {
    const atUs = arrivedAtUs[at] as number;
    const run = runUs[at] as number;
    if (this.requests++ === 0) this.startUs = atUs;
    this.lastUs = atUs;
    this.busyUs += run;
    if ((columns.startupUs?.[at] ?? 0) > 0) this.startups++;
    const sinceUs = atUs - this.startUs;
    this.perSecond.add(sinceUs);
    this.perMinute.add(sinceUs);
    this.concurrency.add(atUs, run);
    this.functions.add(functionIndex[at] as number, run);
  }

  get spanUs(): number {
    return this.lastUs - this.startUs;
  }
}

function inUnits(sample: ShownSample, unit: number): Distribution {
  const entries = Object.entries(sample.describe()).map(([key, value]) => [key, rounded(value / unit)]);
  return Object.fromEntries(entries) as unknown as Distribution;
}

const inUnitsIf = (sample: ShownSample | null, unit: number): Distribution | null =>
  sample === null ? null : inUnits(sample, unit);

/**
 * Describes a trace, with a turn for others after each piece.
 * @param columns of the shape, 1 to 100.
 * @throws CodedError `trace-empty` for a stream of nothing; `file-unreadable`.
 */
export function* describing(trace: Replayable, columns = 80): Work<TraceInfo> {
  const samples = samplesOf(trace);
  const survey = new Survey(trace);
  yield* shown(trace, samples, (piece, at) => survey.add(piece, at));
  const { requests, startUs, spanUs } = survey;
  if (requests === 0) throw emptyTrace(trace.name, trace.skippedRejected);
  const shape = new ShapeCounts(spanUs, Math.min(Math.max(columns, 1), SHAPE_COLUMNS_MAX));
  const variation = new GapVariation(spanUs / (requests - 1));
  yield* shown(trace, samples, ({ arrivedAtUs }, at, gapUs) => {
    shape.add((arrivedAtUs[at] as number) - startUs);
    if (gapUs !== null) variation.add(gapUs);
  });
  while (!listed(samples).every(({ isDone }) => isDone)) yield* shown(trace, samples, () => {});
  return {
    file: trace.name,
    format: trace.format,
    requests,
    functions: trace.functionNames.length,
    startUs,
    spanS: spanUs / US_PER_S,
    perSecond: survey.perSecond.describe(),
    perMinute: survey.perMinute.describe(),
    gapsMs: inUnits(samples.gapsUs, US_PER_MS),
    gapsCv: variation.describe(),
    concurrencyMean: spanUs === 0 ? null : rounded(survey.busyUs / spanUs),
    concurrencyMax: survey.concurrency.max,
    durationMs: inUnits(samples.runsUs, US_PER_MS),
    memoryLimitMb: inUnitsIf(samples.limitBytes, BYTES_PER_MB),
    memoryPeakMb: inUnitsIf(samples.peakBytes, BYTES_PER_MB),
    startups: trace.columns.startupUs === undefined ? null : survey.startups,
    topFunctions: survey.functions.top(TOP_FUNCTIONS),
    skippedRejected: trace.skippedRejected,
    skippedBad: trace.skippedBad,
    badRows: trace.badRows,
    filled: trace.filled,
    transformed: trace.transformed,
    shape: shape.describe(),
  };
}

/** The same at once. */
export const describeTrace = (trace: Replayable, columns = 80): TraceInfo =>
  atOnce(describing(trace, columns));
