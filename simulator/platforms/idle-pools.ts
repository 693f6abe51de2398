/** Which idle instance of a function takes its next request. It knows neither times nor requests. */
import { Marks } from '../kernel/marks.ts';

/**
 * Which idle instance takes the next request: `newest` the one that was created last, `oldest` the one that was
 * created first, `lru` the one that has been idle longest.
 */
export const PICKS = ['newest', 'oldest', 'lru'] as const;
export type Pick = (typeof PICKS)[number];

const CAPACITY_MIN = 1024;
const PLACES_MIN = 32;
const FREE = -1;

/**
 * The instances of one function in a row of places, in the order that the pick goes by; the idle ones are marked. Who
 * leaves it leaves a gap, and when the row is full it is closed up.
 */
class Row {
  /** By place. */
  ids = new Int32Array(PLACES_MIN).fill(FREE);
  marks = new Marks(PLACES_MIN);
  /** The place behind the last one that was given away. */
  end = 0;
  taken = 0;

  /** Makes room at the end. @param placeOf where each instance is, which may change. */
  closeUp(placeOf: Int32Array): void {
    const { ids, marks, end } = this;
    if (this.taken * 2 > ids.length) {
      this.ids = new Int32Array(ids.length * 2).fill(FREE);
      this.marks = new Marks(ids.length * 2);
    }
    this.end = 0;
    for (let from = 0; from < end; from++) {
      const id = ids[from] as number;
      if (id !== FREE) this.#move(id, ids, marks, from, this.end++, placeOf);
    }
  }

  /** From a place that may be in the arrays before to one that may be the same. */
  #move(id: number, ids: Int32Array, marks: Marks, from: number, to: number, placeOf: Int32Array): void {
    const isMarked = marks.has(from);
    ids[from] = FREE;
    marks.unmark(from);
    this.ids[to] = id;
    if (isMarked) this.marks.mark(to);
    placeOf[id] = to;
  }
}

/** A pool for each function; instances are known by their ids. */
export class IdlePools {
  readonly #isFromEnd: boolean;
  /** Places go by when instances become idle, not by when they were created. */
  readonly #isByIdling: boolean;
  /** Those of functions that have had an instance. */
  readonly #rows: (Row | null)[];
  /** The place of each instance in its function's row. */
  #placeOf = new Int32Array(CAPACITY_MIN);

  constructor(pools: number, pick: Pick) {
    this.#isFromEnd = pick === 'newest';
    this.#isByIdling = pick === 'lru';
    this.#rows = new Array<Row | null>(pools).fill(null);
  }

  /** An instance was created, the newest of all. It is not idle. */
  created(pool: number, id: number): void {
    if (id >= this.#placeOf.length) this.#grow(id);
    this.#rows[pool] ??= new Row();
    if (!this.#isByIdling) this.#enter(this.#rows[pool] as Row, id);
  }

  /** One that is not idle is gone. */
  ended(pool: number, id: number): void {
    if (!this.#isByIdling) this.#leave(this.#rows[pool] as Row, this.#placeOf[id] as number);
  }

  /** An instance becomes idle. */
  add(pool: number, id: number): void {
    const row = this.#rows[pool] as Row;
    if (this.#isByIdling) this.#enter(row, id);
    row.marks.mark(this.#placeOf[id] as number);
  }

  /** Takes out the one that the pick says; below 0 when there is none. */
  take(pool: number): number {
    const row = this.#rows[pool] ?? null;
    if (row === null) return -1;
    const place = this.#isFromEnd ? row.marks.last : row.marks.first;
    if (place < 0) return -1;
    const id = row.ids[place] as number;
    this.#unmark(row, place);
    return id;
  }

  /** An idle instance is idle no more. */
  remove(pool: number, id: number): void {
    this.#unmark(this.#rows[pool] as Row, this.#placeOf[id] as number);
  }

  #unmark(row: Row, place: number): void {
    row.marks.unmark(place);
    if (this.#isByIdling) this.#leave(row, place);
  }

  #enter(row: Row, id: number): void {
    if (row.end === row.ids.length) row.closeUp(this.#placeOf);
    row.ids[row.end] = id;
    row.taken++;
    this.#placeOf[id] = row.end++;
  }

  #leave(row: Row, place: number): void {
    row.ids[place] = FREE;
    row.taken--;
  }

  #grow(id: number): void {
    const larger = new Int32Array(Math.max(this.#placeOf.length * 2, id + 1));
    larger.set(this.#placeOf);
    this.#placeOf = larger;
  }
}
