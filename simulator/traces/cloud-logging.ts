/**
 * Google Cloud's request log, as `gcloud logging read --format=json` writes it (an array) or an export to a bucket
 * (an object a line). The time is the request's arrival, and its latency a text such as `0.244768516s`.
 */
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { type JsonObject, textAt, valueAt } from './json-elements.ts';
import { jsonArrayReader, jsonLinesReader } from './json-reader.ts';
import { durationUs, timeUs } from './time.ts';
import { digitsOr0 } from './web-log.ts';

const LATENCY = 'httpRequest.latency';
/** Who served it, by kind of resource. */
const NAMES = ['service_name', 'function_name', 'module_id', 'backend_service_name'] as const;

const textOr = (value: unknown, fallback: string): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : fallback;

export const cloudLoggingFormat: TraceFormat = {
  name: 'cloud-logging',
  description: "Google Cloud's request log: JSON with httpRequest.latency, an array or an object a line",
  hasHeader: false,
  matches: ({ text }) =>
    /^[\s\uFEFF]*[[{]/.test(text) && /"httpRequest"\s*:/.test(text) && /"logName"\s*:/.test(text),
  open(source) {
    const builder = source.builder('cloud-logging', ['bytesIn', 'bytesOut', 'httpStatus', 'outcomeIndex']);
    const { row } = builder;
    const onEntry = (entry: JsonObject, place: Place): void => {
      // The service's own lines stand in the same log.
      if (valueAt(entry, 'httpRequest') === undefined) return;
      const latency = textAt(entry, LATENCY, place);
      if (!latency.endsWith('s'))
        throw rowFault(place, LATENCY, 'seconds such as "0.244768516s"', shown(latency));
      row.arrivedAtUs = timeUs(textAt(entry, 'timestamp', place), 'datetime', place, 'timestamp');
      row.runUs = durationUs(latency.slice(0, -1), 's', place, LATENCY);
      row.httpStatus = digitsOr0(textOr(valueAt(entry, 'httpRequest.status'), ''));
      row.bytesIn = digitsOr0(textOr(valueAt(entry, 'httpRequest.requestSize'), ''));
      row.bytesOut = digitsOr0(textOr(valueAt(entry, 'httpRequest.responseSize'), ''));
      const name = NAMES.map((key) => valueAt(entry, `resource.labels.${key}`)).find(
        (value) => value !== undefined,
      );
      row.functionIndex = builder.functionIndex(textOr(name, ONE_FUNCTION));
      builder.add();
    };
    const isLines = source.firstLine.startsWith('{') && source.firstLine.trimEnd().endsWith('}');
    const finish = () => builder.finish();
    return isLines ? jsonLinesReader(source, onEntry, finish) : jsonArrayReader(source, onEntry, finish);
  },
};
