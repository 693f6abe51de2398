/**
 * Access logs of AWS Application Load Balancers (docs.aws.amazon.com/elasticloadbalancing, "Access logs", read in
 * November 2026). The time is that of the response, so the processing times before it are subtracted; the target's
 * is how long the request ran. A request that reached no target (−1) never ran.
 */
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { durationUs, timeUs } from './time.ts';
import { digitsOr0, WebLog } from './web-log.ts';

/** The first fields, in order; later ones have been added over the years and are not read. */
const NAMES = [
  'type',
  'time',
  'elb',
  'client:port',
  'target:port',
  'request_processing_time',
  'target_processing_time',
  'response_processing_time',
  'elb_status_code',
  'target_status_code',
  'received_bytes',
  'sent_bytes',
] as const;
type Name = (typeof NAMES)[number];
const AT = Object.fromEntries(NAMES.map((name, at) => [name, at + 1])) as Record<Name, number>;
const ROW = new RegExp(`^${'(\\S+) '.repeat(NAMES.length)}"([^"]*)"`);
const HEAD = /^(?:https?|h2|grpcs|wss?) \d{4}-\d\d-\d\dT\S+(?: \S+){3}(?: (?:-1|[\d.]+)){3} /;

export const albFormat: TraceFormat = {
  name: 'alb',
  description: 'lines of an AWS Application Load Balancer access log',
  hasHeader: false,
  matches: ({ firstLine }) => HEAD.test(firstLine),
  open(source) {
    const log = new WebLog(source, 'alb');
    return {
      line(text, line) {
        if (text.trim() === '') return;
        const place: Place = { file: source.file, line };
        const row = ROW.exec(text);
        if (row === null) throw rowFault(place, null, `${NAMES.join(' ')} "request"`, shown(text));
        const field = (name: Name): string => row[AT[name]] as string;
        const endUs = timeUs(field('time'), 'datetime', place, 'time');
        const spans = (['request', 'target', 'response'] as const).map((which) => {
          const name = `${which}_processing_time` as const;
          return field(name) === '-1' ? -1 : durationUs(field(name), 's', place, name);
        });
        const [requestUs = -1, targetUs = -1, responseUs = -1] = spans;
        if (targetUs < 0) {
          log.builder.skippedRejected++;
          return;
        }
        const request = row[NAMES.length + 1] as string;
        const url = request.split(' ')[1];
        if (url === undefined)
          throw rowFault(place, 'request', 'a method, a URL and a version', shown(request));
        log.add({
          arrivedAtUs: endUs - Math.max(requestUs, 0) - targetUs - Math.max(responseUs, 0),
          runUs: targetUs,
          url,
          httpStatus: digitsOr0(field('elb_status_code')),
          bytesIn: digitsOr0(field('received_bytes')),
          bytesOut: digitsOr0(field('sent_bytes')),
        });
      },
      finish: () => log.builder.finish(),
    };
  },
};
