/**
 * What k6 measured of each request: `--out json` (points as JSON Lines) and `--out csv`. A point's time is that of
 * the request's end, so its duration (k6's http_req_duration: sending, waiting, receiving) is subtracted.
 */
import { csvReader, hasColumns } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat, TraceSource } from './format.ts';
import { type JsonObject, textAt, valueAt } from './json-elements.ts';
import { jsonLinesReader } from './json-reader.ts';
import { datetimeUs, durationUs, nanosecondsUs, timeUs } from './time.ts';
import { digitsOr0, WebLog } from './web-log.ts';

const METRIC = 'http_req_duration';

function openJson(source: TraceSource) {
  const log = new WebLog(source, 'k6-json');
  const onPoint = (object: JsonObject, place: Place): void => {
    if (object.type !== 'Point' || object.metric !== METRIC) return;
    const endUs = timeUs(textAt(object, 'data.time', place), 'datetime', place, 'data.time');
    const runUs = durationUs(textAt(object, 'data.value', place), 'ms', place, 'data.value');
    log.add({
      arrivedAtUs: endUs - runUs,
      runUs,
      url: String(valueAt(object, 'data.tags.url') ?? ''),
      httpStatus: digitsOr0(String(valueAt(object, 'data.tags.status') ?? '')),
      bytesIn: 0,
      bytesOut: 0,
    });
  };
  return jsonLinesReader(source, onPoint, () => log.builder.finish());
}

export const k6JsonFormat: TraceFormat = {
  name: 'k6-json',
  description: 'JSON Lines of k6 (--out json): metrics and points',
  hasHeader: false,
  matches: ({ text }) =>
    text.startsWith('{') && /^\{.*"type"\s*:\s*"(?:Point|Metric)"/.test(text) && /"metric"\s*:/.test(text),
  open: openJson,
};

const COLUMNS = ['metric_name', 'timestamp', 'metric_value', 'status', 'url'] as const;

/** k6 writes seconds unless it is told otherwise; the number of digits tells the unit. */
function endUs(text: string, place: Place, log: WebLog): number {
  const fail = () =>
    rowFault(place, 'timestamp', 'seconds to nanoseconds since 1970, or RFC 3339', shown(text));
  if (!/^\d+$/.test(text)) {
    const us = datetimeUs(text);
    if (Number.isNaN(us)) throw fail();
    return us;
  }
  if (text.length <= 10) return Number(text) * 1_000_000 + log.withinSecond();
  if (text.length <= 13) return timeUs(text, 'ms', place, 'timestamp');
  if (text.length <= 16) return timeUs(text, 'us', place, 'timestamp');
  return nanosecondsUs(text, place, 'timestamp');
}

export const k6CsvFormat: TraceFormat = {
  name: 'k6-csv',
  description: `CSV of k6 (--out csv), with the columns ${COLUMNS.join(', ')}`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, COLUMNS),
  open(source) {
    const log = new WebLog(source, 'k6-csv');
    return csvReader(
      source,
      COLUMNS,
      (field, place) => {
        if (field('metric_name') !== METRIC) return;
        const runUs = durationUs(field('metric_value'), 'ms', place, 'metric_value');
        log.add({
          arrivedAtUs: endUs(field('timestamp'), place, log) - runUs,
          runUs,
          url: field('url'),
          httpStatus: digitsOr0(field('status')),
          bytesIn: 0,
          bytesOut: 0,
        });
      },
      () => log.builder.finish(),
    );
  },
};
