/** The requests of a trace in the making, in any order: they go through an external sort into a new file. */
import { CodedError } from '../../metering/errors.ts';
import { SpillingBuffer } from './spilling-buffer.ts';
import { rewritten, storedTrace } from './stored.ts';
import type { StoredRows } from './stored-rows.ts';
import type { Spilling } from './temp-files.ts';
import { type ArrivalPiece, type StoredTrace, TIME_US_MAX, type TraceAbout } from './trace.ts';
import type { Work } from './turns.ts';

/** How far the names of what is mixed in stand behind. */
export interface Shift {
  readonly functions: number;
  readonly versions: number;
}
export const NO_SHIFT: Shift = { functions: 0, versions: 0 };

/** Takes the requests of the new trace, in any order. */
export class Collector {
  readonly #about: TraceAbout;
  readonly #spilling: Spilling;
  readonly #rows: SpillingBuffer;
  readonly #isUsed: Uint8Array;

  constructor(about: TraceAbout, columns: StoredRows['columns'], spilling: Spilling) {
    this.#about = about;
    this.#spilling = spilling;
    this.#rows = new SpillingBuffer(columns, spilling, about.name);
    this.#isUsed = new Uint8Array(about.functionNames.length);
  }

  add(piece: ArrivalPiece, place: number, atUs: number, shift = NO_SHIFT): void {
    const at = this.#rows.place();
    const { buffer } = this.#rows;
    const index = (piece.functionIndex[place] as number) + shift.functions;
    this.#isUsed[index] = 1;
    buffer.arrivedAtUs[at] = atUs;
    buffer.runUs[at] = piece.runUs[place] as number;
    buffer.functionIndex[at] = index;
    for (const key of buffer.keys) {
      const value = piece.columns[key]?.[place] as number;
      (buffer.columns[key] as Float64Array)[at] = key === 'versionIndex' ? value + shift.versions : value;
    }
  }

  /** A chance to sort what has no place in memory any more. */
  settle(): Work<void> {
    return this.#rows.settle();
  }

  *finish(): Work<StoredTrace> {
    const rows = yield* this.#rows.finish();
    if (rows.lastUs > TIME_US_MAX) {
      throw new CodedError(
        'usage',
        `${this.#about.name}: expected arrivals up to the year 2112 after transformation, got later ones`,
      );
    }
    return yield* this.#withOwnFunctions(storedTrace(this.#about, rows));
  }

  /** Leaves out the names of functions that have no request any more. */
  *#withOwnFunctions(trace: StoredTrace): Work<StoredTrace> {
    const used = this.#isUsed;
    if (used.every((is) => is === 1)) return trace;
    const numbers = new Uint32Array(used.length);
    for (let index = 0, next = 0; index < used.length; index++)
      if (used[index] === 1) numbers[index] = next++;
    const rows = yield* rewritten(
      trace.rows,
      trace.rows.columns,
      this.#spilling.files,
      'renumbering functions',
      ({ functionIndex, count }) => {
        for (let at = 0; at < count; at++) functionIndex[at] = numbers[functionIndex[at] as number] as number;
      },
    );
    const functionNames = trace.functionNames.filter((_, index) => used[index] === 1);
    return { ...trace, rows, functionNames };
  }
}
