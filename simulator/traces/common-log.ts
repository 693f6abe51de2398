/**
 * The Common and the Combined Log Format of web servers: a time in whole seconds, a request line, a status and a
 * size; no durations. A request is put anywhere inside its second.
 */
import { rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { utcUs, zoneUs } from './time.ts';
import { digitsOr0, WebLog } from './web-log.ts';

// host ident user [time] "request" status size; a quote inside the request line is written \".
const LINE = /^\S+ \S+ (?:\S+|".*?") \[([^\]]*)\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)(?= |$)/;
const TIME = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `17/May/2015:10:05:03 +0000` in microseconds since the epoch; NaN if it is none. */
function logTimeUs(text: string): number {
  const [, day, month = '', year, hour, minute, second, zone = ''] = TIME.exec(text) ?? [];
  const monthNumber = MONTHS.indexOf(month) + 1;
  return (
    utcUs(Number(year), monthNumber, Number(day), Number(hour), Number(minute), Number(second)) - zoneUs(zone)
  );
}

export const commonLogFormat: TraceFormat = {
  name: 'common-log',
  description: "lines of a web server's Common or Combined Log Format",
  hasHeader: false,
  matches: ({ firstLine }) => LINE.test(firstLine),
  open(source) {
    const log = new WebLog(source, 'common-log');
    return {
      line(text, line) {
        if (text.trim() === '') return;
        const place = { file: source.file, line };
        const match = LINE.exec(text);
        if (match === null) {
          throw rowFault(place, null, 'host ident user [time] "request" status size', shown(text));
        }
        const [, timeText = '', request = '', status = '', size = ''] = match;
        const secondUs = logTimeUs(timeText);
        if (Number.isNaN(secondUs)) {
          throw rowFault(place, 'time', 'a time such as 17/May/2015:10:05:03 +0000', shown(timeText));
        }
        log.add({
          arrivedAtUs: secondUs + log.withinSecond(),
          runUs: Number.NaN,
          url: request.split(' ')[1] ?? '',
          httpStatus: digitsOr0(status),
          bytesIn: 0,
          bytesOut: digitsOr0(size),
        });
      },
      finish: () => log.builder.finish(),
    };
  },
};
