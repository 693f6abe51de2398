/**
 * What AWS Lambda itself says of each request, in both of its log formats: START and REPORT lines, or JSON records
 * platform.start and platform.report ("Configuring JSON and plain text log formats" and "Lambda Telemetry API Event
 * schema reference", docs.aws.amazon.com/lambda/latest/dg, read in November 2026). A report has the durations and the
 * memory; the start of the same request has the time at which it began to run.
 */
import { OUTCOMES, type Outcome } from '../../metering/execution.ts';
import type { TraceBuilder } from './builder.ts';
import { type Place, rowFault, shown } from './fault.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { type JsonObject, parseObject, textAt, valueAt } from './json-elements.ts';
import { memoryBytes } from './memory.ts';
import { durationUs, timeUs } from './time.ts';

// Before it stands the line's beginning, a time, or the quote of a CSV export.
const START = /(?:^|[\s"])START RequestId: (\S+)/;
const REPORT = /(?:^|[\s"])REPORT RequestId: (\S+)/;
const RECORD = /"type"\s*:\s*"platform\.(?:start|report)"/;

/** The figures of a report by their names in text and in JSON; in text tabs stand between them, or spaces in copies. */
const FIGURES = {
  Duration: { text: /(?<!Billed |Init |Restore )Duration: ([\d.]+) ms/, json: 'durationMs' },
  'Init Duration': { text: /Init Duration: ([\d.]+) ms/, json: 'initDurationMs' },
  'Restore Duration': { text: /(?<!Billed )Restore Duration: ([\d.]+) ms/, json: 'restoreDurationMs' },
  'Memory Size': { text: /Memory Size: (\d+) MB/, json: 'memorySizeMB' },
  'Max Memory Used': { text: /Max Memory Used: (\d+) MB/, json: 'maxMemoryUsedMB' },
} as const;
type Figure = keyof typeof FIGURES;

/** `timeout` is Lambda's time limit; `error` a runtime that ended or ran out of memory, `failure` an exception. */
const STATUSES: ReadonlyMap<string, Outcome> = new Map([
  ['success', 'ok'],
  ['timeout', 'time-limit'],
  ['error', 'trap'],
  ['failure', 'trap'],
]);
const STATUS = /\bStatus: (\w+)/;

export const LAMBDA_COLUMNS = ['startupUs', 'memoryBytesPeak', 'memoryBytesLimit', 'outcomeIndex'] as const;

interface Report {
  readonly request: string;
  readonly endUs: number;
  readonly functionName: string;
  /** As it says itself; lines without one are of requests that succeeded. */
  readonly status: string;
  /** null for a figure that it does not have. */
  figure(name: Figure): string | null;
  /** It has no such figure, and must. */
  lacks(name: Figure): Error;
}

/** Whether a text is one of Lambda's JSON records, whatever stands before it in its line. */
export const isLambdaRecord = (text: string): boolean => RECORD.test(text);

export class LambdaReports {
  readonly #builder: TraceBuilder;
  readonly #starts = new Map<string, { readonly startUs: number; readonly functionName: string }>();

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /**
   * Takes one message; any that Lambda did not write are the function's own and say nothing.
   * @param timeOf the time of the message, asked for only where the message has none of its own.
   */
  take(message: string, timeOf: () => number, functionName: string, place: Place): void {
    if (RECORD.test(message)) {
      this.record(parseObject(message.slice(Math.max(message.indexOf('{'), 0)), place), functionName, place);
      return;
    }
    const request = REPORT.exec(message)?.[1];
    if (request === undefined) {
      const started = START.exec(message)?.[1];
      if (started !== undefined) this.#starts.set(started, { startUs: timeOf(), functionName });
      return;
    }
    const figure = (name: Figure): string | null => FIGURES[name].text.exec(message)?.[1] ?? null;
    const lacks = (name: Figure): Error =>
      rowFault(place, name, `a REPORT line with ${name}`, shown(message));
    const status = STATUS.exec(message)?.[1] ?? 'success';
    this.#report({ request, endUs: timeOf(), functionName, status, figure, lacks }, place);
  }

  /** Takes one JSON record; those that are no start or report of a request say nothing. */
  record(record: JsonObject, group: string, place: Place): void {
    const { type } = record;
    if (type !== 'platform.start' && type !== 'platform.report') return;
    const request = textAt(record, 'record.requestId', place);
    const atUs = timeUs(textAt(record, 'time', place), 'datetime', place, 'time');
    // Its last part but for the version is the name: arn:aws:lambda:region:account:function:name.
    const arn = valueAt(record, 'record.functionArn');
    const functionName = typeof arn === 'string' ? (arn.split(':')[6] ?? group) : group;
    if (type === 'platform.start') {
      this.#starts.set(request, { startUs: atUs, functionName });
      return;
    }
    const path = (name: Figure): string => `record.metrics.${FIGURES[name].json}`;
    const figure = (name: Figure): string | null =>
      valueAt(record, path(name)) === undefined ? null : textAt(record, path(name), place);
    const lacks = (name: Figure): Error => rowFault(place, path(name), 'a number', 'nothing');
    const said = valueAt(record, 'record.status');
    const status = said === undefined ? 'success' : String(said);
    this.#report({ request, endUs: atUs, functionName, status, figure, lacks }, place);
  }

  #report({ request, endUs, functionName, status, figure, lacks }: Report, place: Place): void {
    const needed = (name: Figure): string => {
      const text = figure(name);
      if (text === null) throw lacks(name);
      return text;
    };
    const runUs = durationUs(needed('Duration'), 'ms', place, 'Duration');
    const outcome = STATUSES.get(status);
    if (outcome === undefined) {
      throw rowFault(place, 'Status', [...STATUSES.keys()].join(', '), shown(status));
    }
    // A snapshot is restored in place of an initialisation; a live instance needed neither.
    const startup = figure('Init Duration') ?? figure('Restore Duration') ?? '0';
    const { row } = this.#builder;
    row.runUs = runUs;
    row.startupUs = durationUs(startup, 'ms', place, 'Init Duration');
    row.outcomeIndex = OUTCOMES.indexOf(outcome);
    row.memoryBytesLimit = memoryBytes(needed('Memory Size'), place, 'Memory Size');
    row.memoryBytesPeak = memoryBytes(needed('Max Memory Used'), place, 'Max Memory Used');
    // Without its start (a log cut in between) the report's own time is the end of the run.
    const start = this.#starts.get(request);
    row.arrivedAtUs = start?.startUs ?? endUs - runUs;
    this.#starts.delete(request);
    const name = functionName === ONE_FUNCTION ? (start?.functionName ?? functionName) : functionName;
    row.functionIndex = this.#builder.functionIndex(name);
    this.#builder.add();
  }
}
