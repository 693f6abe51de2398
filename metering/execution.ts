/**
 * The execution record: what one run of a function used. The host writes it, the simulator writes it, and
 * usage and invoices are made from nothing else. All quantities are integers, so their sums are exact.
 */
import { CodedError } from './errors.ts';

/**
 * How an execution ended. `ok` is a complete response, whatever its status. `rejected` never started: it was
 * refused at admission and is counted, never billed. Everything else started and failed; `client-closed` is a run that
 * nobody waited for any more when it ended.
 */
export const OUTCOMES = [
  'ok',
  'trap',
  'exit',
  'no-response',
  'invalid-response',
  'response-too-large',
  'time-limit',
  'interrupted',
  'client-closed',
  'rejected',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/**
 * How much was ready when the execution started: `cold` nothing (code was loaded and compiled, or an instance
 * booted, for it), `cached` compiled code but no instance, `warm` a live instance that was used again.
 */
export const WARMTHS = ['cold', 'cached', 'warm'] as const;
export type Warmth = (typeof WARMTHS)[number];

/** One execution. Times are integer microseconds, memory and bodies integer bytes. */
export interface ExecutionRecord {
  readonly functionName: string;
  /** Content hash of the component that ran; empty when a trace does not say. */
  readonly version: string;
  /** When the request arrived: microseconds since the Unix epoch, or since the start of a trace. */
  readonly arrivedAtUs: number;
  /** From arrival until start-up began. */
  readonly queueUs: number;
  /** Until the instance could take the request: loading, compiling, instantiating, booting. */
  readonly startupUs: number;
  /** Inside the handler, waiting for others included. */
  readonly runUs: number;
  /** Processor time of start-up and handler. */
  readonly cpuUs: number;
  /** Largest size that the instance's linear memory had. */
  readonly memoryBytesPeak: number;
  /** The size the function is configured for: what reserved-memory providers bill. */
  readonly memoryBytesLimit: number;
  /** Request body. */
  readonly bytesIn: number;
  /** Response body. */
  readonly bytesOut: number;
  readonly outcome: Outcome;
  readonly warmth: Warmth;
  /** The status that the caller got; 0 when a trace does not say. */
  readonly httpStatus: number;
}

/** Whether the request ever reached an instance. Executions are counted and billed only if it did. */
export function wasStarted(record: { readonly outcome: Outcome }): boolean {
  return record.outcome !== 'rejected';
}

/** Start-up and run: how long an instance was occupied, in microseconds. */
export function occupiedUs(record: { readonly startupUs: number; readonly runUs: number }): number {
  return record.startupUs + record.runUs;
}

const INTEGERS = [
  'arrivedAtUs',
  'queueUs',
  'startupUs',
  'runUs',
  'cpuUs',
  'memoryBytesPeak',
  'memoryBytesLimit',
  'bytesIn',
  'bytesOut',
  'httpStatus',
] as const satisfies readonly (keyof ExecutionRecord)[];

const oneOf = <T extends string>(allowed: readonly T[], value: unknown): value is T =>
  typeof value === 'string' && (allowed as readonly string[]).includes(value);

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/**
 * Checks a value from outside (a trace's line, a database row) and gives the record with nothing else in it.
 * @param where names the place for the message, for example `line 7`.
 * @throws CodedError `record-invalid`, which lists every fault at once.
 */
export function checkExecution(value: unknown, where: string): ExecutionRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CodedError(
      'record-invalid',
      `${where}: expected an execution record (an object), got ${shown(value)}`,
    );
  }
  const source = value as Readonly<Record<string, unknown>>;
  const faults: string[] = [];
  for (const key of ['functionName', 'version'] as const) {
    if (typeof source[key] !== 'string') faults.push(`${key}: expected a string, got ${shown(source[key])}`);
  }
  for (const key of INTEGERS) {
    const number = source[key];
    if (!Number.isSafeInteger(number) || (number as number) < 0) {
      faults.push(`${key}: expected an integer of 0 or more, got ${shown(number)}`);
    }
  }
  if (!oneOf(OUTCOMES, source.outcome)) {
    faults.push(`outcome: expected one of ${OUTCOMES.join(', ')}, got ${shown(source.outcome)}`);
  }
  if (!oneOf(WARMTHS, source.warmth)) {
    faults.push(`warmth: expected one of ${WARMTHS.join(', ')}, got ${shown(source.warmth)}`);
  }
  if (faults.length > 0) throw new CodedError('record-invalid', `${where}: ${faults.join('; ')}`, { faults });
  const record: Record<string, unknown> = {};
  for (const key of RECORD_KEYS) record[key] = source[key];
  return record as unknown as ExecutionRecord;
}

/** The fields of a record, in the order in which they are written. */
export const RECORD_KEYS = [
  'functionName',
  'version',
  ...INTEGERS,
  'outcome',
  'warmth',
] as const satisfies readonly (keyof ExecutionRecord)[];
