/** Arrivals in columns that grow, up to a bound. It knows neither order nor files. */
import { type ArrivalPiece, OPTIONAL_COLUMNS, type OptionalColumn } from './trace.ts';

const CAPACITY_MIN = 1024;

export class ArrivalBuffer implements ArrivalPiece {
  count = 0;
  arrivedAtUs: Float64Array;
  runUs: Float64Array;
  functionIndex: Uint32Array;
  readonly columns: Partial<Record<OptionalColumn, Float64Array>> = {};
  readonly keys: readonly OptionalColumn[];
  readonly #max: number;

  /** @param max how many it takes at most. */
  constructor(keys: readonly OptionalColumn[], max: number) {
    const room = Math.min(CAPACITY_MIN, max);
    this.keys = OPTIONAL_COLUMNS.filter((key) => keys.includes(key));
    this.#max = max;
    this.arrivedAtUs = new Float64Array(room);
    this.runUs = new Float64Array(room);
    this.functionIndex = new Uint32Array(room);
    for (const key of this.keys) this.columns[key] = new Float64Array(room);
  }

  /** The place of one more arrival, which is for the caller to fill; below 0 when there are as many as may be. */
  place(): number {
    if (this.count === this.arrivedAtUs.length && !this.#grow()) return -1;
    return this.count++;
  }

  /** Takes the arrivals of another with the same columns, of which there are no more than fit. */
  append(other: ArrivalBuffer): void {
    const from = this.count;
    while (this.arrivedAtUs.length < from + other.count) this.#grow();
    this.arrivedAtUs.set(other.arrivedAtUs.subarray(0, other.count), from);
    this.runUs.set(other.runUs.subarray(0, other.count), from);
    this.functionIndex.set(other.functionIndex.subarray(0, other.count), from);
    for (const key of this.keys)
      this.columns[key]?.set((other.columns[key] as Float64Array).subarray(0, other.count), from);
    this.count += other.count;
  }

  #grow(): boolean {
    const room = Math.min(this.arrivedAtUs.length * 2, this.#max);
    if (room === this.arrivedAtUs.length) return false;
    this.arrivedAtUs = grown(this.arrivedAtUs, room);
    this.runUs = grown(this.runUs, room);
    const indexes = new Uint32Array(room);
    indexes.set(this.functionIndex);
    this.functionIndex = indexes;
    for (const key of this.keys) this.columns[key] = grown(this.columns[key] as Float64Array, room);
    return true;
  }
}

function grown(values: Float64Array, room: number): Float64Array {
  const larger = new Float64Array(room);
  larger.set(values);
  return larger;
}
