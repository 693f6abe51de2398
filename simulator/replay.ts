/** One replay: a trace on one platform with one seed, step by step, and what came of it. */
import { planExtras } from './extras.ts';
import { keepLayouts } from './layouts.ts';
import type {
  Platform,
  PlatformName,
  PlatformTotals,
  Replay,
  ReplayHead,
  Sink,
} from './platforms/platform.ts';
import { prepare } from './prepare.ts';
import type { Pricing } from './pricing.ts';
import { type PlatformResult, platformResult, type Seen, type SimulationResult, spanSOf } from './result.ts';
import type { Scenario } from './scenario.ts';
import { SeriesMeter } from './series.ts';
import { Tally } from './tally.ts';
import { type ArrivalPiece, emptyTrace, isStream, type Replayable } from './traces/trace.ts';

/** What is replayed: a platform, how it is billed, and the scenario that has its settings. */
export interface Planned {
  readonly platform: PlatformName;
  readonly pricing: Pricing;
  readonly scenario: Scenario;
}

/** Arrivals between two calls of `onStep`: some milliseconds. */
export const STEP = 8192;

/** Hears how many arrivals there were; answers whether to go on. It may throw to end it all. */
export type OnStep = (arrivals: number) => boolean;

export interface ReplayOutcome {
  readonly result: PlatformResult;
  readonly seen: Seen;
  readonly trace: SimulationResult['trace'];
}

/** Hands a trace on step by step. @returns whether that was all of it. */
function eachStep(
  trace: Replayable,
  feed: (piece: ArrivalPiece, from: number, to: number) => boolean,
): boolean {
  if (isStream(trace)) {
    for (const piece of trace.pieces()) if (!feed(piece, 0, piece.count)) return false;
    return true;
  }
  for (let from = 0; from < trace.count; from += STEP) {
    const to = Math.min(from + STEP, trace.count);
    // Stopped by the last step it is whole all the same.
    if (!feed(trace, from, to) && to < trace.count) return false;
  }
  return true;
}

function headOf(trace: Replayable, firstUs: number): ReplayHead {
  const { functionNames, versions, columns } = trace;
  const memoryBytesOf = isStream(trace)
    ? trace.memoryBytesOf
    : (index: number) => columns.memoryBytesLimit?.[trace.functionIndex.indexOf(index)];
  return { functionNames, versions, columns, isWhole: !isStream(trace), firstUs, memoryBytesOf };
}

/**
 * Puts a trace through a platform.
 * @param sinkFrom makes what takes the records, given the time of the first arrival.
 * @throws CodedError `trace-empty` for a stream of nothing.
 */
export function drive(
  platform: Platform,
  trace: Replayable,
  sinkFrom: (firstUs: number) => Sink,
  onStep: OnStep = () => true,
): { readonly totals: PlatformTotals; readonly seen: Seen } {
  let begun: Replay | null = null;
  let arrivals = 0;
  let firstUs = 0;
  let lastUs = 0;
  const step = (piece: ArrivalPiece, from: number, to: number): boolean => {
    if (begun === null) {
      firstUs = piece.arrivedAtUs[from] as number;
      begun = platform.begin(headOf(trace, firstUs), sinkFrom(firstUs));
    }
    begun.feed(piece, from, to);
    lastUs = piece.arrivedAtUs[to - 1] as number;
    arrivals += to - from;
    return onStep(arrivals);
  };
  const complete = eachStep(trace, step);
  const replay = begun as Replay | null;
  if (replay === null) throw emptyTrace(trace.name, trace.skippedRejected);
  return { totals: replay.finish(), seen: { arrivals, firstUs, lastUs, complete } };
}

/**
 * One replay and its result.
 * @param seed of this replication.
 * @throws CodedError `config-invalid` for settings that do not fit the trace, and as `drive`.
 */
export function replay(planned: Planned, trace: Replayable, seed: number, onStep: OnStep): ReplayOutcome {
  const { platform: name, pricing, scenario } = planned;
  const { freeTier, seriesUs } = scenario;
  const { platform, ...rest } = prepare(name, pricing, scenario, trace, seed);
  keepLayouts(name);
  const expected = isStream(trace) ? trace.expected : trace.count;
  const extras = planExtras(scenario, trace);
  let series: SeriesMeter | null = null;
  let tally: Tally | null = null;
  const sinkFrom = (firstUs: number): Tally => {
    series = seriesUs === null ? null : new SeriesMeter(firstUs, seriesUs);
    tally = new Tally(expected, trace.functionNames.length, pricing, extras, series);
    return tally;
  };
  const { totals, seen } = drive(platform, trace, sinkFrom, onStep);
  const counted = { tally: tally as unknown as Tally, series: series as SeriesMeter | null };
  return {
    result: platformResult({ name, trace, seen, pricing, freeTier, totals, ...counted, ...rest }),
    seen,
    trace: describeTrace(trace, seen),
  };
}

/** What a result says of the trace; of one that is made anew each time that is known from a replay alone. */
function describeTrace(trace: Replayable, seen: Seen): SimulationResult['trace'] {
  const whole: Seen = seenOf(trace) ?? seen;
  return {
    file: trace.name,
    format: trace.format,
    arrivals: whole.arrivals,
    functions: trace.functionNames.length,
    startUs: whole.firstUs,
    spanS: spanSOf(whole),
    skippedRejected: trace.skippedRejected,
    skippedBad: trace.skippedBad,
    badRows: trace.badRows,
    filled: trace.filled,
    transformed: trace.transformed,
  };
}

function seenOf(trace: Replayable): Seen | null {
  if (isStream(trace)) {
    if (trace.stored === null) return null;
    const { count, firstUs, lastUs } = trace.stored.trace.rows;
    return { arrivals: count, firstUs, lastUs, complete: true };
  }
  const { arrivedAtUs, count } = trace;
  const [firstUs = 0, lastUs = 0] = [arrivedAtUs[0], arrivedAtUs[count - 1]];
  return { arrivals: count, firstUs, lastUs, complete: true };
}
