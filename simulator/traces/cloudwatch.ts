/**
 * AWS Lambda's logs as CloudWatch Logs gives them: a JSON array of events, an event or one of Lambda's JSON records a
 * line, or text with a time before each line. What Lambda says in them is in lambda-reports.ts.
 */
import { type Place, rowFault, shown } from './fault.ts';
import type { LineReader, TraceFormat, TraceSource } from './format.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { type JsonObject, parseObject, textAt, tryParse, valueAt } from './json-elements.ts';
import { jsonArrayReader } from './json-reader.ts';
import { isLambdaRecord, LAMBDA_COLUMNS, LambdaReports } from './lambda-reports.ts';
import { datetimeUs, timeUs } from './time.ts';

const TIMED_LINE =
  /^"?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?|\d{13})[\s,"]/;

/** The function is named by its log group, where an event says it. */
function nameOf(event: JsonObject): string {
  const group = valueAt(event, 'logGroupName') ?? valueAt(event, 'logGroup');
  return typeof group === 'string' ? group.replace(/^.*\//, '') : ONE_FUNCTION;
}

/** Takes an event of CloudWatch, or one of Lambda's records that stands for itself. */
function takeObject(reports: LambdaReports, object: JsonObject, place: Place): void {
  if ('record' in object) {
    reports.record(object, ONE_FUNCTION, place);
    return;
  }
  const timeOf = (): number => timeUs(textAt(object, 'timestamp', place), 'ms', place, 'timestamp');
  reports.take(textAt(object, 'message', place), timeOf, nameOf(object), place);
}

function openEvents(source: TraceSource) {
  const builder = source.builder('cloudwatch', LAMBDA_COLUMNS);
  const reports = new LambdaReports(builder);
  return jsonArrayReader(
    source,
    (object, place) => takeObject(reports, object, place),
    () => builder.finish(),
  );
}

function lineTimeUs(text: string, place: Place): number {
  const [, time = ''] = TIMED_LINE.exec(text) ?? [];
  const us = /^\d+$/.test(time) ? Number(time) * 1_000 : datetimeUs(time);
  if (us >= 0) return us;
  throw rowFault(place, 'time', 'a time before START and REPORT (ISO 8601, or milliseconds)', shown(text));
}

function openLines(source: TraceSource): LineReader {
  const { file } = source;
  const builder = source.builder('cloudwatch', LAMBDA_COLUMNS);
  const reports = new LambdaReports(builder);
  return {
    line(text, line) {
      const place = { file, line };
      // The function's own lines may be JSON as well, or look like it.
      if (isEvent(text)) takeObject(reports, parseObject(text, place), place);
      else reports.take(text, () => lineTimeUs(text, place), ONE_FUNCTION, place);
    },
    finish: () => builder.finish(),
  };
}

const EVENT_KEYS = /"(?:ingestionTime|logStreamName|eventId)"\s*:/;
const isEvent = (text: string): boolean =>
  text.startsWith('{') && /"message"\s*:\s*"/.test(text) && EVENT_KEYS.test(text);
const isJson = (text: string): boolean => /^[\s\uFEFF]*[[{]/.test(text);
/** A whole object on a line that holds no array of events. */
const isObjectLine = (line: string): boolean => {
  const value = line.startsWith('{') ? tryParse(line) : undefined;
  return typeof value === 'object' && value !== null && !('events' in value);
};

export const cloudwatchFormat: TraceFormat = {
  name: 'cloudwatch',
  description:
    "AWS Lambda's START and REPORT lines or platform.start and platform.report records: CloudWatch events as a JSON array or one a line, records one a line, or text with times",
  hasHeader: false,
  matches({ text }) {
    if (isLambdaRecord(text)) return true;
    if (isJson(text)) return /"message"\s*:\s*"/.test(text) && EVENT_KEYS.test(text);
    return /^.*\b(?:REPORT|START|INIT_START) (?:RequestId|Runtime Version): /m.test(text);
  },
  open: (source) =>
    isJson(source.firstLine) && !isObjectLine(source.firstLine) ? openEvents(source) : openLines(source),
};
