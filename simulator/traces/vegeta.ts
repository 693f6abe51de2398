/**
 * What vegeta measured of each request, as `vegeta encode --to csv` and `--to json` write it: the time at which it
 * was sent and its latency, both in nanoseconds in CSV.
 */
import { splitRow } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { type JsonObject, textAt, valueAt } from './json-elements.ts';
import { jsonLinesReader } from './json-reader.ts';
import { nanosecondsUs, timeUs } from './time.ts';
import { digitsOr0, WebLog } from './web-log.ts';

export const vegetaJsonFormat: TraceFormat = {
  name: 'vegeta-json',
  description: 'JSON Lines of vegeta (vegeta encode --to json)',
  hasHeader: false,
  matches: ({ firstLine }) => firstLine.startsWith('{"attack"') && firstLine.includes('"latency"'),
  open(source) {
    const log = new WebLog(source, 'vegeta-json');
    const onResult = (object: JsonObject, place: Place): void => {
      const size = (path: string): number => digitsOr0(String(valueAt(object, path) ?? ''));
      log.add({
        arrivedAtUs: timeUs(textAt(object, 'timestamp', place), 'datetime', place, 'timestamp'),
        runUs: nanosecondsUs(textAt(object, 'latency', place), place, 'latency'),
        url: String(valueAt(object, 'url') ?? ''),
        httpStatus: size('code'),
        // vegeta's "out" is what it sent: the function's "in".
        bytesIn: size('bytes_out'),
        bytesOut: size('bytes_in'),
      });
    };
    return jsonLinesReader(source, onResult, () => log.builder.finish());
  },
};

/** Columns by place, for there is no header: vegeta's README, "encode command" (v12). */
const CSV_COLUMNS = 12;
const AT = { timestamp: 0, code: 1, latency: 2, bytesOut: 3, bytesIn: 4, url: 10 } as const;
const FIRST_ROW = /^\d{16,19},\d{1,3},\d+,\d+,\d+,/;

export const vegetaCsvFormat: TraceFormat = {
  name: 'vegeta-csv',
  description: 'CSV of vegeta (vegeta encode --to csv), which has no header',
  hasHeader: false,
  matches: ({ firstLine }) => FIRST_ROW.test(firstLine) && firstLine.split(',').length >= CSV_COLUMNS,
  open(source) {
    const log = new WebLog(source, 'vegeta-csv');
    return {
      line(text, line) {
        if (text.trim() === '') return;
        const place = { file: source.file, line };
        const fields = splitRow(text, place);
        if (fields === null || fields.length < CSV_COLUMNS) {
          throw rowFault(
            place,
            null,
            `${CSV_COLUMNS} fields`,
            fields === null ? shown(text) : String(fields.length),
          );
        }
        const field = (name: keyof typeof AT): string => fields[AT[name]] as string;
        log.add({
          arrivedAtUs: nanosecondsUs(field('timestamp'), place, 'timestamp'),
          runUs: nanosecondsUs(field('latency'), place, 'latency'),
          url: field('url'),
          httpStatus: digitsOr0(field('code')),
          bytesIn: digitsOr0(field('bytesOut')),
          bytesOut: digitsOr0(field('bytesIn')),
        });
      },
      finish: () => log.builder.finish(),
    };
  },
};
