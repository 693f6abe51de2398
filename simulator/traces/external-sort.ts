/**
 * Puts any number of arrivals in order of time, stable, in bounded memory: runs are sorted in memory and written to a
 * temporary file, then merged, some at a time, until there is one.
 */
import { CodedError } from '../../metering/errors.ts';
import { eachSlice, timeOrder } from './order.ts';
import { type Block, RowReader, RowWriter, type StoredRows } from './stored-rows.ts';
import type { Spilling } from './temp-files.ts';
import type { ArrivalPiece, OptionalColumn } from './trace.ts';
import type { Work } from './turns.ts';

/** Runs that are merged at once: their blocks take 75 MB where a trace says all that one can say. */
const FAN_IN = 64;
/** Arrivals have numbers below 2^31 in the platforms' queues. */
export const STORED_MAX = 2 ** 30;

/** A run while it is merged: its next arrival. */
class Head {
  piece: Block | null;
  place = 0;
  timeUs: number;
  readonly #reader: RowReader;

  constructor(rows: StoredRows) {
    this.#reader = new RowReader(rows);
    this.piece = this.#reader.next();
    this.timeUs = this.piece?.arrivedAtUs[0] ?? Number.POSITIVE_INFINITY;
  }

  advance(): void {
    const { piece } = this;
    if (piece === null) return;
    if (++this.place === piece.count) {
      this.piece = this.#reader.next();
      this.place = 0;
    }
    this.timeUs = this.piece?.arrivedAtUs[this.place] ?? Number.POSITIVE_INFINITY;
  }
}

/** The place of the head that is next, the first of equals; `other` is left out. */
function earliest(heads: readonly Head[], other = -1): number {
  let best = -1;
  for (let at = 0; at < heads.length; at++) {
    if (at === other || (heads[at] as Head).piece === null) continue;
    if (best < 0 || (heads[at] as Head).timeUs < (heads[best] as Head).timeUs) best = at;
  }
  return best;
}

/** Writes the next rows, one block at most; those of equal times come in the order of the runs. @returns how many. */
function mergeBlock(heads: readonly Head[], writer: RowWriter): number {
  const rowsMax = writer.blockRows;
  let rows = 0;
  for (let at = earliest(heads); at >= 0 && rows < rowsMax; at = earliest(heads)) {
    const head = heads[at] as Head;
    const rival = earliest(heads, at);
    const untilUs = heads[rival]?.timeUs ?? Number.POSITIVE_INFINITY;
    // Runs of a trace that is nearly in order hardly overlap: most of one is taken before another is looked at.
    while (
      rows < rowsMax &&
      head.piece !== null &&
      (head.timeUs < untilUs || (head.timeUs === untilUs && at < rival))
    ) {
      writer.put(head.piece, head.place);
      head.advance();
      rows++;
    }
  }
  return rows;
}

/** How often each row is written until one of so many runs is left. */
function passesOf(runs: number, fanIn: number): number {
  let passes = 0;
  for (let left = runs; left > 1; left = Math.ceil(left / fanIn)) passes++;
  return passes;
}

export class ExternalSort {
  readonly #spilling: Spilling;
  readonly #columns: readonly OptionalColumn[];
  readonly #fanIn: number;
  readonly #runs: StoredRows[] = [];
  #writer: RowWriter | null = null;
  #count = 0;

  /** @param fanIn how many runs are merged at once, 2 or more. */
  constructor(spilling: Spilling, columns: readonly OptionalColumn[], fanIn = FAN_IN) {
    this.#spilling = spilling;
    this.#columns = columns;
    this.#fanIn = fanIn;
  }

  /** Arrivals so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes arrivals in any order; they come after all that were taken before where times are equal.
   * @throws CodedError `trace-too-large`, `file-unwritable`
   */
  *add(piece: ArrivalPiece, name: string): Work<void> {
    this.#count += piece.count;
    if (this.#count > STORED_MAX) {
      throw new CodedError(
        'trace-too-large',
        `${name}: expected at most ${STORED_MAX} requests in one trace, got more; the transformation scale with a share below 1, given first, thins them while they are read`,
        { arrivalsMax: STORED_MAX },
      );
    }
    this.#writer ??= this.#newWriter();
    const writer = this.#writer;
    const order = yield* timeOrder(piece.arrivedAtUs.subarray(0, piece.count));
    yield* eachSlice(piece.count, 'storing', (from, to) => {
      for (let at = from; at < to; at++) writer.put(piece, order === null ? at : (order[at] as number));
    });
    this.#runs.push(writer.finish());
  }

  #newWriter(): RowWriter {
    const { files, inMemoryMax } = this.#spilling;
    return new RowWriter(files, this.#columns, inMemoryMax);
  }

  /** All of them in order. */
  *finish(): Work<StoredRows> {
    let runs = this.#runs;
    const toWrite = this.#count * passesOf(runs.length, this.#fanIn);
    let written = 0;
    while (runs.length > 1) {
      const [{ fd }] = runs as [StoredRows];
      const writer = this.#newWriter();
      const merged: StoredRows[] = [];
      for (let at = 0; at < runs.length; at += this.#fanIn) {
        const heads = runs.slice(at, at + this.#fanIn).map((rows) => new Head(rows));
        for (let rows = mergeBlock(heads, writer); rows > 0; rows = mergeBlock(heads, writer)) {
          written += rows;
          yield { doing: 'sorting', share: written / toWrite };
        }
        merged.push(writer.finish());
      }
      this.#spilling.files.close(fd);
      runs = merged;
    }
    return runs[0] ?? this.#newWriter().finish();
  }
}
