/**
 * AWS Lambda's own lines in CloudWatch Logs, as a JSON array of events or as text with a time before each line.
 * REPORT has durations and memory; the START of the same request has the time at which it began to run.
 */
import type { TraceBuilder } from './builder.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat, TraceSource } from './format.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { type JsonObject, textAt, valueAt } from './json-elements.ts';
import { jsonArrayReader } from './json-reader.ts';
import { memoryBytes } from './memory.ts';
import { datetimeUs, durationUs, timeUs } from './time.ts';

const START = /(?:^|\s)START RequestId: (\S+)/;
const REPORT = /(?:^|\s)REPORT RequestId: (\S+)/;
const TIMED_LINE = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?|\d{13})\s/;

/** The figures of a REPORT line; between them stand tabs, or spaces where a log was copied. */
const FIGURES = {
  Duration: /(?<!Billed |Init |Restore )Duration: ([\d.]+) ms/,
  'Init Duration': /Init Duration: ([\d.]+) ms/,
  'Memory Size': /Memory Size: (\d+) MB/,
  'Max Memory Used': /Max Memory Used: (\d+) MB/,
} as const;

class Reports {
  readonly #builder: TraceBuilder;
  readonly #starts = new Map<string, number>();

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /** Takes one of Lambda's lines; lines that are not START or REPORT are the function's own and say nothing. */
  take(message: string, timeOf: () => number, name: string, place: Place): void {
    const report = REPORT.exec(message)?.[1];
    if (report !== undefined) this.#report(report, message, timeOf(), name, place);
    else {
      const started = START.exec(message)?.[1];
      if (started !== undefined) this.#starts.set(started, timeOf());
    }
  }

  #report(request: string, message: string, endUs: number, name: string, place: Place): void {
    const figure = (name: keyof typeof FIGURES): string | null => FIGURES[name].exec(message)?.[1] ?? null;
    const needed = (name: keyof typeof FIGURES): string => {
      const text = figure(name);
      if (text !== null) return text;
      throw rowFault(place, name, `a REPORT line with ${name}`, shown(message));
    };
    const runUs = durationUs(needed('Duration'), 'ms', place, 'Duration');
    const init = figure('Init Duration');
    const { row } = this.#builder;
    row.runUs = runUs;
    row.startupUs = init === null ? 0 : durationUs(init, 'ms', place, 'Init Duration');
    row.memoryBytesLimit = memoryBytes(needed('Memory Size'), place, 'Memory Size');
    row.memoryBytesPeak = memoryBytes(needed('Max Memory Used'), place, 'Max Memory Used');
    // Without its START line (a log cut in between) the report's own time is the end of the run.
    row.arrivedAtUs = this.#starts.get(request) ?? endUs - runUs;
    this.#starts.delete(request);
    row.functionIndex = this.#builder.functionIndex(name);
    this.#builder.add();
  }
}

const COLUMNS = ['startupUs', 'memoryBytesPeak', 'memoryBytesLimit'] as const;

/** The function is named by its log group, where an event says it. */
function nameOf(event: JsonObject): string {
  const group = valueAt(event, 'logGroupName') ?? valueAt(event, 'logGroup');
  return typeof group === 'string' ? group.replace(/^.*\//, '') : ONE_FUNCTION;
}

function openEvents(source: TraceSource) {
  const builder = source.builder('cloudwatch', COLUMNS);
  const reports = new Reports(builder);
  const onEvent = (event: JsonObject, place: Place): void => {
    const timeOf = (): number => timeUs(textAt(event, 'timestamp', place), 'ms', place, 'timestamp');
    reports.take(textAt(event, 'message', place), timeOf, nameOf(event), place);
  };
  return jsonArrayReader(source, onEvent, () => builder.finish());
}

function openLines(source: TraceSource) {
  const { file } = source;
  const builder = source.builder('cloudwatch', COLUMNS);
  const reports = new Reports(builder);
  return {
    line(text: string, line: number): void {
      const place = { file, line };
      const timeOf = (): number => {
        const [, time = ''] = TIMED_LINE.exec(text) ?? [];
        const us = /^\d+$/.test(time) ? Number(time) * 1_000 : datetimeUs(time);
        if (us >= 0) return us;
        throw rowFault(
          place,
          'time',
          'a time before START and REPORT (ISO 8601, or milliseconds)',
          shown(text),
        );
      };
      reports.take(text, timeOf, ONE_FUNCTION, place);
    },
    finish: () => builder.finish(),
  };
}

const isArray = (text: string): boolean => /^[\s\uFEFF]*[[{]/.test(text);

export const cloudwatchFormat: TraceFormat = {
  name: 'cloudwatch',
  description: "AWS Lambda's START and REPORT lines: a JSON array of CloudWatch events, or text with times",
  hasHeader: false,
  matches({ text }) {
    if (isArray(text))
      return /"message"\s*:\s*"/.test(text) && /"(?:ingestionTime|logStreamName|eventId)"\s*:/.test(text);
    return /^.*\b(?:REPORT|START|INIT_START) (?:RequestId|Runtime Version): /m.test(text);
  },
  open: (source) => (isArray(source.firstLine) ? openEvents(source) : openLines(source)),
};
