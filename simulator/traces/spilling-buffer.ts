/**
 * Arrivals in the making, in any order: as many in memory as may be, what is more in sorted runs in a file. Arrivals come
 * while a piece of a file is read, and nobody else has a turn then; a run is sorted between two pieces, in turns.
 */
import { CodedError } from '../../metering/errors.ts';
import { ArrivalBuffer } from './arrival-buffer.ts';
import { ExternalSort } from './external-sort.ts';
import type { StoredRows } from './stored-rows.ts';
import type { Spilling } from './temp-files.ts';
import type { OptionalColumn } from './trace.ts';
import { atOnce, type Work } from './turns.ts';

/** Most arrivals of a trace in memory: 2^26 of them take 1.5 GB in their columns alone. */
export const ARRIVALS_MAX = 2 ** 26;

export class SpillingBuffer {
  /** Where `place` is. */
  buffer: ArrivalBuffer;
  readonly #columns: readonly OptionalColumn[];
  readonly #spilling: Spilling | null;
  readonly #name: string;
  /** As many as may be in memory, to be sorted at the next chance; what came after them is in `buffer`. */
  #full: ArrivalBuffer | null = null;
  /** null while nothing had to leave memory. */
  #sort: ExternalSort | null = null;

  /** @param spilling null to have all in memory. @param name of the trace, for messages. */
  constructor(columns: readonly OptionalColumn[], spilling: Spilling | null, name: string) {
    this.#columns = columns;
    this.#spilling = spilling;
    this.#name = name;
    this.buffer = this.#newBuffer();
  }

  #newBuffer(): ArrivalBuffer {
    return new ArrivalBuffer(this.#columns, this.#spilling?.inMemoryMax ?? ARRIVALS_MAX);
  }

  get count(): number {
    return (this.#sort?.count ?? 0) + (this.#full?.count ?? 0) + this.buffer.count;
  }

  /** Whether there is more than may be in memory. */
  get isTooLong(): boolean {
    return this.#sort !== null || this.#full !== null;
  }

  /** The place of one more arrival in `buffer`, to be filled. @throws CodedError `trace-too-large`; `file-unwritable` */
  place(): number {
    const at = this.buffer.place();
    if (at >= 0) return at;
    this.#setAside();
    return this.buffer.place();
  }

  #setAside(): void {
    if (this.#spilling === null) {
      throw new CodedError(
        'trace-too-large',
        `${this.#name}: expected at most ${ARRIVALS_MAX} requests in memory, got more; simulate streams longer traces, and the transformation scale with a share below 1, given first, thins them while they are read`,
        { arrivalsMax: ARRIVALS_MAX },
      );
    }
    const full = this.#full;
    // One piece of a file that holds more than memory may: there is no chance in between.
    if (full !== null) atOnce(this.#spilled(full));
    this.#full = this.buffer;
    this.buffer = full ?? this.#newBuffer();
  }

  *#spilled(buffer: ArrivalBuffer): Work<void> {
    this.#sort ??= new ExternalSort(this.#spilling as Spilling, this.#columns);
    yield* this.#sort.add(buffer, this.#name);
    buffer.count = 0;
  }

  /** The chance to sort what is due. @throws CodedError `trace-too-large`; `file-unwritable` */
  *settle(): Work<void> {
    const full = this.#full;
    if (full === null) return;
    yield* this.#spilled(full);
    full.append(this.buffer);
    this.buffer = full;
    this.#full = null;
  }

  /** All of them in a file, in order of time; with a file to spill to. @throws CodedError as `settle` */
  *finish(): Work<StoredRows> {
    yield* this.settle();
    yield* this.#spilled(this.buffer);
    return yield* (this.#sort as ExternalSort).finish();
  }
}
