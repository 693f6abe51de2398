/**
 * What each transformation does to a trace in a file: the same as transform-steps.ts does in memory, request for request
 * and draw for draw. Requests go through an external sort into a new file.
 */
import { CodedError } from '../../metering/errors.ts';
import { RandomStream } from '../kernel/random.ts';
import { STORED_MAX } from './external-sort.ts';
import { Collector, NO_SHIFT } from './stored-collector.ts';
import { piecesOf, RowReader, type StoredRows, visited } from './stored-rows.ts';
import type { Spilling } from './temp-files.ts';
import { type ArrivalPiece, OPTIONAL_COLUMNS, type StoredTrace } from './trace.ts';
import type { Step } from './transform.ts';
import { mixedAbout, periodOf } from './transform-steps.ts';
import type { Work } from './turns.ts';

export interface StepRules {
  readonly seed: number;
  readonly purpose: string;
  /** The trace that is mixed in. */
  readonly other: StoredTrace | null;
  readonly spilling: Spilling;
}

/** As progress says it. */
const doingOf = (text: string): string => `transforming by ${text}`;

/** For each time the next that is later, at rising times; itself at the last. Reads ahead in the same file. */
class LaterTimes {
  readonly #reader: RowReader;
  readonly #lastUs: number;
  #piece: ArrivalPiece | null;
  #place = 0;

  constructor(rows: StoredRows) {
    this.#reader = new RowReader(rows);
    this.#lastUs = rows.lastUs;
    this.#piece = this.#reader.next();
  }

  after(timeUs: number): number {
    for (; this.#piece !== null; this.#piece = this.#reader.next(), this.#place = 0) {
      const { arrivedAtUs, count } = this.#piece;
      for (; this.#place < count; this.#place++) {
        if ((arrivedAtUs[this.#place] as number) > timeUs) return arrivedAtUs[this.#place] as number;
      }
    }
    return this.#lastUs;
  }
}

function* scaled(
  { rows }: StoredTrace,
  { factor, text }: Step & { readonly factor: number },
  { seed, purpose }: StepRules,
  to: Collector,
): Work<void> {
  const counts = new RandomStream(seed, `${purpose}, counts`);
  const jitter = new RandomStream(seed, `${purpose}, jitter`);
  const later = new LaterTimes(rows);
  const whole = Math.floor(factor);
  const doing = doingOf(text);
  let seen = 0;
  let sinceTurn = 0;
  for (const piece of piecesOf(rows)) {
    for (let at = 0; at < piece.count; at++) {
      const copies = whole + (counts.uniform() < factor - whole ? 1 : 0);
      const atUs = piece.arrivedAtUs[at] as number;
      if (copies > 0) to.add(piece, at, atUs);
      const gapUs = copies > 1 ? later.after(atUs) - atUs : 0;
      for (let copy = 1; copy < copies; copy++) {
        to.add(piece, at, atUs + Math.floor(jitter.uniform() * gapUs));
      }
      seen++;
      sinceTurn += 1 + copies;
      if (sinceTurn >= rows.blockRows) {
        sinceTurn = 0;
        yield { doing, share: seen / rows.count };
        yield* to.settle();
      }
    }
  }
}

function repeated(
  { rows, count }: StoredTrace,
  { times, periodUs, text }: Step & { readonly kind: 'repeat' },
  to: Collector,
): Work<void> {
  const period = periodOf(rows.lastUs - rows.firstUs, count, periodUs);
  const rounds = Array<StoredRows>(times).fill(rows);
  const add = (piece: ArrivalPiece, round: number): void => {
    for (let at = 0; at < piece.count; at++)
      to.add(piece, at, (piece.arrivedAtUs[at] as number) + round * period);
  };
  return visited(rounds, doingOf(text), add, () => to.settle());
}

/** Those that are kept, each at the time that it then has. */
function kept(
  { rows }: StoredTrace,
  { text }: Step,
  to: Collector,
  isKept: (piece: ArrivalPiece, at: number) => boolean,
  timeOf: (atUs: number) => number = (atUs) => atUs,
): Work<void> {
  const add = (piece: ArrivalPiece): void => {
    for (let at = 0; at < piece.count; at++)
      if (isKept(piece, at)) to.add(piece, at, timeOf(piece.arrivedAtUs[at] as number));
  };
  return visited([rows], doingOf(text), add, () => to.settle());
}

function* mixed(trace: StoredTrace, { text }: Step, rules: StepRules): Work<StoredTrace> {
  const { spilling } = rules;
  const other = rules.other as StoredTrace;
  const both = OPTIONAL_COLUMNS.filter(
    (key) => trace.rows.columns.includes(key) && other.rows.columns.includes(key),
  );
  const to = new Collector(mixedAbout(trace, other, trace.rows.columns, other.rows.columns), both, spilling);
  const shifts = [NO_SHIFT, { functions: trace.functionNames.length, versions: trace.versions.length }];
  const byUs = [0, trace.rows.firstUs - other.rows.firstUs] as const;
  const add = (piece: ArrivalPiece, part: number): void => {
    for (let at = 0; at < piece.count; at++)
      to.add(piece, at, (piece.arrivedAtUs[at] as number) + (byUs[part] as number), shifts[part]);
  };
  yield* visited([trace.rows, other.rows], doingOf(text), add, () => to.settle());
  return yield* to.finish();
}

function checkSize({ name }: StoredTrace, count: number): void {
  if (count <= STORED_MAX) return;
  throw new CodedError(
    'trace-too-large',
    `${name}: expected at most ${STORED_MAX} requests after transformation, got ${count}`,
    { arrivalsMax: STORED_MAX },
  );
}

/**
 * The trace that a step makes of another, in a file of its own.
 * @throws CodedError `trace-too-large`, `usage` for arrivals or a period that cannot be; `file-unwritable`.
 */
export function* storedStep(trace: StoredTrace, step: Step, rules: StepRules): Work<StoredTrace> {
  const { rows, count } = trace;
  const { firstUs } = rows;
  if (step.kind === 'mix') return yield* mixed(trace, step, rules);
  const to = new Collector(trace, rows.columns, rules.spilling);
  switch (step.kind) {
    case 'scale':
      checkSize(trace, Math.ceil(count * step.factor));
      yield* scaled(trace, step, rules, to);
      break;
    case 'compress':
      yield* kept(
        trace,
        step,
        to,
        () => true,
        (atUs) => firstUs + Math.round((atUs - firstUs) / step.factor),
      );
      break;
    case 'repeat':
      checkSize(trace, count * step.times);
      yield* repeated(trace, step, to);
      break;
    case 'slice':
      yield* kept(trace, step, to, ({ arrivedAtUs }, at) => {
        const since = (arrivedAtUs[at] as number) - firstUs;
        return since >= step.fromUs && since < step.toUs;
      });
      break;
    case 'filter': {
      const isKept = trace.functionNames.map(step.keeps);
      yield* kept(trace, step, to, ({ functionIndex }, at) => isKept[functionIndex[at] as number] === true);
      break;
    }
    default:
      return step satisfies never;
  }
  return yield* to.finish();
}
