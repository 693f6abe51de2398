/**
 * What each transformation does to a trace. All give a new trace in order of time; service times, memory and the
 * rest go with the request that they belong to.
 */
import { CodedError } from '../../metering/errors.ts';
import { US_PER_S } from '../../metering/units.ts';
import { RandomStream } from '../kernel/random.ts';
import { inOrder, timeOrder } from './order.ts';
import { ARRIVALS_MAX } from './spilling-buffer.ts';
import { OPTIONAL_COLUMNS, type OptionalColumn, TIME_US_MAX, type Trace, type TraceAbout } from './trace.ts';
import type { Work } from './turns.ts';

type Columns = Trace['columns'];

/** A trace of the requests at these places, at these times, in order of time. */
function* picked(trace: Trace, places: Uint32Array, times: Float64Array): Work<Trace> {
  const order = yield* timeOrder(times);
  const from = order === null ? places : order.map((at) => places[at] as number);
  const functionIndex = from.map((place) => trace.functionIndex[place] as number);
  const columns: Partial<Record<OptionalColumn, Float64Array>> = {};
  for (const key of OPTIONAL_COLUMNS) {
    const values = trace.columns[key];
    if (values !== undefined) columns[key] = yield* inOrder(values, from);
  }
  const arrivedAtUs = order === null ? times : yield* inOrder(times, order);
  if ((arrivedAtUs.at(-1) ?? 0) > TIME_US_MAX) {
    throw new CodedError(
      'usage',
      `${trace.name}: expected arrivals up to the year 2112 after transformation, got later ones`,
    );
  }
  return withOwnFunctions({
    ...trace,
    count: from.length,
    arrivedAtUs,
    runUs: yield* inOrder(trace.runUs, from),
    functionIndex,
    columns,
  });
}

/** Leaves out the names of functions that have no request any more. */
function withOwnFunctions(trace: Trace): Trace {
  const used = new Uint8Array(trace.functionNames.length);
  for (const index of trace.functionIndex) used[index] = 1;
  if (used.every((is) => is === 1)) return trace;
  const renumbered = new Uint32Array(used.length);
  const functionNames = trace.functionNames.filter((_, index) => used[index] === 1);
  for (let index = 0, next = 0; index < used.length; index++)
    if (used[index] === 1) renumbered[index] = next++;
  const functionIndex = trace.functionIndex.map((index) => renumbered[index] as number);
  return { ...trace, functionNames, functionIndex };
}

function checkSize(trace: Trace, count: number): void {
  if (count <= ARRIVALS_MAX) return;
  throw new CodedError(
    'trace-too-large',
    `${trace.name}: expected at most ${ARRIVALS_MAX} requests after transformation, got ${count}`,
    { arrivalsMax: ARRIVALS_MAX },
  );
}

/**
 * Multiplies the rate: every request is there as often as the whole part of the factor says, and once more with
 * the fraction as probability. The first keeps its time; each further one is anywhere between it and the next
 * request of another time, so that bursts stay bursts.
 */
export function scaled(trace: Trace, factor: number, seed: number, purpose: string): Work<Trace> {
  checkSize(trace, Math.ceil(trace.count * factor));
  const counts = new RandomStream(seed, `${purpose}, counts`);
  const jitter = new RandomStream(seed, `${purpose}, jitter`);
  const whole = Math.floor(factor);
  const copies = new Float64Array(trace.count);
  let count = 0;
  for (let at = 0; at < trace.count; at++) {
    const more = counts.uniform() < factor - whole ? 1 : 0;
    copies[at] = whole + more;
    count += whole + more;
  }
  const places = new Uint32Array(count);
  const times = new Float64Array(count);
  const gaps = gapsAfter(trace.arrivedAtUs);
  for (let at = 0, to = 0; at < trace.count; at++) {
    const time = trace.arrivedAtUs[at] as number;
    for (let copy = 0; copy < (copies[at] as number); copy++, to++) {
      places[to] = at;
      times[to] = copy === 0 ? time : time + Math.floor(jitter.uniform() * (gaps[at] as number));
    }
  }
  return picked(trace, places, times);
}

/** From each time to the next that is later; 0 at the last, so that no trace grows longer. */
function gapsAfter(times: Float64Array): Float64Array {
  const gaps = new Float64Array(times.length);
  let later = times.at(-1) ?? 0;
  for (let at = times.length - 1; at >= 0; at--) {
    const time = times[at] as number;
    const next = times[at + 1] ?? time;
    if (next > time) later = next;
    gaps[at] = later - time;
  }
  return gaps;
}

/** Divides the times since the first arrival; durations stay. */
export function compressed(trace: Trace, factor: number): Work<Trace> {
  const first = trace.arrivedAtUs[0] as number;
  const times = trace.arrivedAtUs.map((time) => first + Math.round((time - first) / factor));
  return picked(
    trace,
    Uint32Array.from({ length: trace.count }, (_, at) => at),
    times,
  );
}

/**
 * Puts the trace after itself.
 * @param periodUs from one beginning to the next; null for the span and one mean gap, so that the rate stays.
 */
export function repeated(trace: Trace, times: number, periodUs: number | null): Work<Trace> {
  const { arrivedAtUs, count } = trace;
  checkSize(trace, count * times);
  const span = (arrivedAtUs[count - 1] as number) - (arrivedAtUs[0] as number);
  const period = periodOf(span, count, periodUs);
  const places = new Uint32Array(count * times);
  const moved = new Float64Array(count * times);
  for (let round = 0, to = 0; round < times; round++) {
    for (let at = 0; at < count; at++, to++) {
      places[to] = at;
      moved[to] = (arrivedAtUs[at] as number) + round * period;
    }
  }
  return picked(trace, places, moved);
}

/** From one beginning to the next. @throws CodedError `usage` for a period that is too short. */
export function periodOf(spanUs: number, count: number, periodUs: number | null): number {
  const meanGap = count > 1 ? Math.round(spanUs / (count - 1)) : US_PER_S;
  const period = periodUs ?? spanUs + meanGap;
  if (period >= spanUs) return period;
  const expected = `a period of at least the trace's own ${spanUs / US_PER_S} s`;
  throw new CodedError('usage', `transform: repeat expected ${expected}, got ${period / US_PER_S} s`);
}

function* kept(trace: Trace, isKept: (at: number) => boolean): Work<Trace> {
  const places = Uint32Array.from({ length: trace.count }, (_, at) => at).filter(isKept);
  return yield* picked(trace, places, yield* inOrder(trace.arrivedAtUs, places));
}

/** The arrivals from one time since the first up to before another. */
export function sliced(trace: Trace, fromUs: number, toUs: number): Work<Trace> {
  const first = trace.arrivedAtUs[0] as number;
  return kept(trace, (at) => {
    const since = (trace.arrivedAtUs[at] as number) - first;
    return since >= fromUs && since < toUs;
  });
}

export function filtered(trace: Trace, keeps: (functionName: string) => boolean): Work<Trace> {
  const isKept = trace.functionNames.map(keeps);
  return kept(trace, (at) => isKept[trace.functionIndex[at] as number] === true);
}

/**
 * What is known of two traces that are one. Functions of one name in both are two functions, and the other's are named
 * with its file. What only one of the two knows is dropped, and said.
 */
export function mixedAbout(
  trace: TraceAbout,
  other: TraceAbout,
  known: readonly OptionalColumn[],
  othersKnown: readonly OptionalColumn[],
): TraceAbout {
  const names = new Set(trace.functionNames);
  const otherNames = other.functionNames.map((name) => (names.has(name) ? `${name} (${other.name})` : name));
  const lost = OPTIONAL_COLUMNS.filter((key) => known.includes(key) !== othersKnown.includes(key));
  const dropped = `mix=${other.name}: without ${lost.join(', ')}, which only one of the two has`;
  return {
    name: trace.name,
    format: trace.format,
    functionNames: [...trace.functionNames, ...otherNames],
    versions: [...trace.versions, ...other.versions],
    skippedRejected: trace.skippedRejected + other.skippedRejected,
    skippedBad: trace.skippedBad + other.skippedBad,
    badRows: [...trace.badRows, ...other.badRows],
    filled: [...trace.filled, ...other.filled.map((said) => `${other.name}: ${said}`)],
    transformed: lost.length === 0 ? trace.transformed : [...trace.transformed, dropped],
  };
}

const keysOf = ({ columns }: Trace): readonly OptionalColumn[] => Object.keys(columns) as OptionalColumn[];

/** Merges another trace in, its first arrival moved to this one's. */
export function mixed(trace: Trace, other: Trace): Work<Trace> {
  checkSize(trace, trace.count + other.count);
  const shift = (trace.arrivedAtUs[0] as number) - (other.arrivedAtUs[0] as number);
  const joint: Trace = {
    ...mixedAbout(trace, other, keysOf(trace), keysOf(other)),
    count: trace.count + other.count,
    arrivedAtUs: joined(
      trace.arrivedAtUs,
      other.arrivedAtUs.map((time) => time + shift),
    ),
    runUs: joined(trace.runUs, other.runUs),
    functionIndex: jointFunctions(trace, other),
    columns: jointColumns(trace, other),
  };
  const places = Uint32Array.from({ length: joint.count }, (_, at) => at);
  return picked(joint, places, joint.arrivedAtUs);
}

function joined(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function jointFunctions(trace: Trace, other: Trace): Uint32Array {
  const both = new Uint32Array(trace.count + other.count);
  both.set(trace.functionIndex);
  const before = trace.functionNames.length;
  both.set(
    other.functionIndex.map((index) => index + before),
    trace.count,
  );
  return both;
}

function jointColumns(trace: Trace, other: Trace): Columns {
  const columns: Partial<Record<OptionalColumn, Float64Array>> = {};
  for (const key of OPTIONAL_COLUMNS) {
    const own = trace.columns[key];
    const others = other.columns[key];
    if (own === undefined || others === undefined) continue;
    const isVersion = key === 'versionIndex';
    columns[key] = joined(own, isVersion ? others.map((index) => index + trace.versions.length) : others);
  }
  return columns;
}
