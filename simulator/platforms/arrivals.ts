/**
 * Turns a trace's arrivals into execution records, one at a time into one reused object: what the trace says,
 * and for what it does not say the scenario's or the plain value.
 */
import {
  type ExecutionRecord,
  OUTCOMES,
  type Outcome,
  WARMTHS,
  type Warmth,
} from '../../metering/execution.ts';
import type { Trace } from '../traces/trace.ts';

export type MutableRecord = { -readonly [Key in keyof ExecutionRecord]: ExecutionRecord[Key] };

/** Memory for requests of which the trace says none. */
export const MEMORY_BYTES_DEFAULT = 512 * 1_048_576;
const STATUS_OK = 200;

export class Arrivals {
  /** The record of the arrival that was loaded last. The platform fills in queueUs, startupUs and warmth. */
  readonly record: MutableRecord;
  readonly #trace: Trace;
  readonly #memoryBytes: number | null;

  /** @param memoryBytes the configured memory instead of the trace's; null for the trace's, or else the default. */
  constructor(trace: Trace, memoryBytes: number | null) {
    this.#trace = trace;
    this.#memoryBytes = memoryBytes;
    const limit = memoryBytes ?? MEMORY_BYTES_DEFAULT;
    this.record = {
      functionName: '',
      version: '',
      arrivedAtUs: 0,
      queueUs: 0,
      startupUs: 0,
      runUs: 0,
      cpuUs: 0,
      memoryBytesPeak: limit,
      memoryBytesLimit: limit,
      bytesIn: 0,
      bytesOut: 0,
      outcome: 'ok',
      warmth: 'warm',
      httpStatus: STATUS_OK,
    };
  }

  /** Fills the record as if the request started at once on a warm instance. */
  load(at: number): MutableRecord {
    const { record } = this;
    const trace = this.#trace;
    const { columns } = trace;
    record.functionName = trace.functionNames[trace.functionIndex[at] as number] as string;
    record.arrivedAtUs = trace.arrivedAtUs[at] as number;
    record.queueUs = 0;
    record.startupUs = 0;
    record.runUs = trace.runUs[at] as number;
    // A trace without processor time is of functions that compute all the time.
    record.cpuUs = columns.cpuUs === undefined ? record.runUs : (columns.cpuUs[at] as number);
    record.outcome = 'ok';
    record.httpStatus = STATUS_OK;
    record.warmth = 'warm';
    if (columns.memoryBytesLimit !== undefined) this.#loadMemory(at, columns.memoryBytesLimit);
    if (columns.outcomeIndex !== undefined) this.#loadExport(at);
    return record;
  }

  #loadMemory(at: number, limits: Float64Array): void {
    const { record } = this;
    record.memoryBytesLimit = this.#memoryBytes ?? (limits[at] as number);
    const peaks = this.#trace.columns.memoryBytesPeak;
    record.memoryBytesPeak = peaks === undefined ? record.memoryBytesLimit : (peaks[at] as number);
  }

  /** What only an export of executions knows; its columns come together. */
  #loadExport(at: number): void {
    const { record } = this;
    const { columns, versions } = this.#trace;
    record.version = versions[columns.versionIndex?.[at] ?? 0] ?? '';
    record.bytesIn = columns.bytesIn?.[at] ?? 0;
    record.bytesOut = columns.bytesOut?.[at] ?? 0;
    record.httpStatus = columns.httpStatus?.[at] ?? STATUS_OK;
    record.outcome = outcomeAt(columns.outcomeIndex?.[at]);
  }
}

const outcomeAt = (index: number | undefined): Outcome => OUTCOMES[index ?? 0] ?? 'ok';

/** The warmth that a trace states for an arrival; null when it states none. */
export function statedWarmth(trace: Trace, at: number): Warmth | null {
  const index = trace.columns.warmthIndex?.[at];
  return index === undefined ? null : (WARMTHS[index] ?? null);
}

/** Makes the loaded record one that was refused at once and used nothing. */
export function refuse(record: MutableRecord, httpStatus: number): MutableRecord {
  record.queueUs = 0;
  record.startupUs = 0;
  record.runUs = 0;
  record.cpuUs = 0;
  record.bytesOut = 0;
  record.outcome = 'rejected';
  record.httpStatus = httpStatus;
  return record;
}
