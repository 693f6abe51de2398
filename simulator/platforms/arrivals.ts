/**
 * Turns a trace's arrivals into execution records, one at a time into one reused object: what the trace says,
 * and for what it does not say the scenario's or the plain value. Of a trace that comes in pieces it keeps the
 * arrivals that are still needed when their piece is gone.
 */
import {
  type ExecutionRecord,
  OUTCOMES,
  type Outcome,
  WARMTHS,
  type Warmth,
} from '../../metering/execution.ts';
import type { ArrivalPiece, OptionalColumn, OptionalColumns } from '../traces/trace.ts';
import type { ReplayHead } from './platform.ts';

export type MutableRecord = { -readonly [Key in keyof ExecutionRecord]: ExecutionRecord[Key] };

/** Memory for requests of which the trace says none. */
export const MEMORY_BYTES_DEFAULT = 512 * 1_048_576;
const STATUS_OK = 200;

const NOTHING: ArrivalPiece = {
  count: 0,
  arrivedAtUs: new Float64Array(),
  runUs: new Float64Array(),
  functionIndex: new Uint32Array(),
  columns: {},
};

/** An arrival whose piece is gone. */
interface KeptArrival {
  readonly arrivedAtUs: number;
  readonly runUs: number;
  readonly functionIndex: number;
  /** Of the columns that the trace has, in their order. */
  readonly values: readonly number[];
}

const NO_VALUES: readonly number[] = [];

/** Arrivals are numbered through the whole trace. */
export class Arrivals {
  /** The record of the arrival that was loaded last. The platform fills in queueUs, startupUs and warmth. */
  readonly record: MutableRecord;
  /** Of the same arrival. */
  functionIndex = 0;
  readonly #head: ReplayHead;
  readonly #memoryBytes: number | null;
  #piece: ArrivalPiece = NOTHING;
  /** The number of the piece's first arrival. */
  #first = 0;
  /** By place in the piece: 1 for those that are needed later. Empty where the piece stays. */
  #isHeld = new Uint8Array();
  readonly #kept = new Map<number, KeptArrival>();
  /** The columns that the trace has, and room for one arrival's values in them. */
  readonly #keys: readonly OptionalColumn[];
  readonly #one: OptionalColumns;

  /** @param memoryBytes the configured memory instead of the trace's; null for the trace's, or else the default. */
  constructor(head: ReplayHead, memoryBytes: number | null) {
    this.#head = head;
    this.#memoryBytes = memoryBytes;
    this.#keys = Object.keys(head.columns) as OptionalColumn[];
    this.#one = Object.fromEntries(this.#keys.map((key) => [key, new Float64Array(1)]));
    const limit = memoryBytes ?? MEMORY_BYTES_DEFAULT;
    this.record = {
      functionName: '',
      version: '',
      arrivedAtUs: 0,
      queueUs: 0,
      startupUs: 0,
      runUs: 0,
      cpuUs: 0,
      fuelUsed: 0,
      memoryBytesPeak: limit,
      memoryBytesLimit: limit,
      bytesIn: 0,
      bytesOut: 0,
      outcome: 'ok',
      warmth: 'warm',
      httpStatus: STATUS_OK,
    };
  }

  /** Takes the piece that the next arrivals are in. @returns the number of its first. */
  enter(piece: ArrivalPiece): number {
    if (!this.#head.isWhole && this.#isHeld.length < piece.count) this.#isHeld = new Uint8Array(piece.count);
    this.#piece = piece;
    return this.#first;
  }

  /** The piece may be gone from now on. */
  leave(): void {
    if (this.#head.isWhole) return;
    const held = this.#isHeld;
    const { count, arrivedAtUs, runUs, functionIndex, columns } = this.#piece;
    const keys = this.#keys;
    for (let place = held.indexOf(1); place >= 0; place = held.indexOf(1, place + 1)) {
      this.#kept.set(this.#first + place, {
        arrivedAtUs: arrivedAtUs[place] as number,
        runUs: runUs[place] as number,
        functionIndex: functionIndex[place] as number,
        values: keys.length === 0 ? NO_VALUES : keys.map((key) => columns[key]?.[place] as number),
      });
    }
    held.fill(0);
    this.#first += count;
    this.#piece = NOTHING;
  }

  /** This arrival will be loaded again, whatever piece is there then. Saying it twice changes nothing. */
  hold(at: number): void {
    const place = at - this.#first;
    if (!this.#head.isWhole && place >= 0) this.#isHeld[place] = 1;
  }

  /** It will not; it need not be held. */
  release(at: number): void {
    if (this.#head.isWhole) return;
    const place = at - this.#first;
    if (place < 0) this.#kept.delete(at);
    else this.#isHeld[place] = 0;
  }

  /** Fills the record as if the request started at once on a warm instance. */
  load(at: number): MutableRecord {
    const { record } = this;
    const piece = this.#piece;
    const place = at - this.#first;
    if (place < 0) {
      this.#loadKept(this.#kept.get(at) as KeptArrival);
      return record;
    }
    this.#loadBasics(
      piece.functionIndex[place] as number,
      piece.arrivedAtUs[place] as number,
      piece.runUs[place] as number,
    );
    this.#loadColumns(place, piece.columns);
    return record;
  }

  /** What the trace says of an arrival that is held or in the piece; undefined when it has no such column. */
  valueOf(column: OptionalColumn, at: number): number | undefined {
    const place = at - this.#first;
    if (place >= 0) return this.#piece.columns[column]?.[place];
    return this.#kept.get(at)?.values[this.#keys.indexOf(column)];
  }

  /** The warmth that the trace states for such an arrival; null when it states none. */
  statedWarmth(at: number): Warmth | null {
    const index = this.valueOf('warmthIndex', at);
    return index === undefined ? null : (WARMTHS[index] ?? null);
  }

  #loadBasics(functionIndex: number, arrivedAtUs: number, runUs: number): void {
    const { record } = this;
    this.functionIndex = functionIndex;
    record.functionName = this.#head.functionNames[functionIndex] as string;
    record.arrivedAtUs = arrivedAtUs;
    record.queueUs = 0;
    record.startupUs = 0;
    record.runUs = runUs;
    // A trace without processor time is of functions that compute all the time.
    record.cpuUs = runUs;
    record.outcome = 'ok';
    record.httpStatus = STATUS_OK;
    record.warmth = 'warm';
  }

  #loadKept({ functionIndex, arrivedAtUs, runUs, values }: KeptArrival): void {
    this.#loadBasics(functionIndex, arrivedAtUs, runUs);
    for (const [index, key] of this.#keys.entries()) {
      (this.#one[key] as Float64Array)[0] = values[index] as number;
    }
    this.#loadColumns(0, this.#one);
  }

  #loadColumns(place: number, columns: OptionalColumns): void {
    if (columns.cpuUs !== undefined) this.record.cpuUs = columns.cpuUs[place] as number;
    if (columns.memoryBytesLimit !== undefined) this.#loadMemory(place, columns);
    if (columns.outcomeIndex !== undefined) this.#loadExport(place, columns);
  }

  #loadMemory(place: number, { memoryBytesLimit, memoryBytesPeak }: OptionalColumns): void {
    const { record } = this;
    record.memoryBytesLimit = this.#memoryBytes ?? (memoryBytesLimit?.[place] as number);
    record.memoryBytesPeak =
      memoryBytesPeak === undefined ? record.memoryBytesLimit : (memoryBytesPeak[place] as number);
  }

  /** What only an export of executions knows; its columns come together. */
  #loadExport(at: number, columns: OptionalColumns): void {
    const { record } = this;
    const { versions } = this.#head;
    record.version = versions[columns.versionIndex?.[at] ?? 0] ?? '';
    record.fuelUsed = columns.fuelUsed?.[at] ?? 0;
    record.bytesIn = columns.bytesIn?.[at] ?? 0;
    record.bytesOut = columns.bytesOut?.[at] ?? 0;
    record.httpStatus = columns.httpStatus?.[at] ?? STATUS_OK;
    record.outcome = outcomeAt(columns.outcomeIndex?.[at]);
  }
}

const outcomeAt = (index: number | undefined): Outcome => OUTCOMES[index ?? 0] ?? 'ok';

/** Makes the loaded record one that was refused at once and used nothing. */
export function refuse(record: MutableRecord, httpStatus: number): MutableRecord {
  record.queueUs = 0;
  record.startupUs = 0;
  record.runUs = 0;
  record.cpuUs = 0;
  record.fuelUsed = 0;
  record.bytesOut = 0;
  record.outcome = 'rejected';
  record.httpStatus = httpStatus;
  return record;
}
