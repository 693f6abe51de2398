/**
 * Standard access logs of AWS CloudFront (docs.aws.amazon.com/AmazonCloudFront, "Standard logging reference", read
 * in November 2026): fields between tabs, named by a line `#Fields`. The time is in whole seconds and that of the
 * response; `time-taken` is how long the edge was busy with the request, as seen from the edge.
 */
import { type Place, rowFault } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { datetimeUs, durationUs } from './time.ts';
import { digitsOr0, WebLog } from './web-log.ts';

const NEEDED = ['date', 'time', 'time-taken', 'cs-uri-stem'] as const;
const NAMES = /^#Fields:\s*/;

export const cloudfrontFormat: TraceFormat = {
  name: 'cloudfront',
  description: 'a CloudFront standard log: #Version, #Fields and lines with tabs',
  hasHeader: false,
  matches: ({ text }) => text.startsWith('#') && /^#Fields:.*\bx-edge-location\b/m.test(text),
  open(source) {
    const { file } = source;
    const log = new WebLog(source, 'cloudfront');
    let names: readonly string[] = [];
    const readNames = (text: string, place: Place): void => {
      names = text.replace(NAMES, '').trim().split(/\s+/);
      const missing = NEEDED.find((name) => !names.includes(name));
      if (missing !== undefined) throw rowFault(place, null, `a field ${missing}`, names.join(' '));
    };
    return {
      line(text, line) {
        const place = { file, line };
        // Logs of several hours, put together, have their header lines in between.
        if (NAMES.test(text)) readNames(text, place);
        if (text.startsWith('#') || text.trim() === '') return;
        if (names.length === 0) throw rowFault(place, null, 'a line #Fields first', 'a row');
        const fields = text.split('\t');
        if (fields.length !== names.length) {
          throw rowFault(place, null, `${names.length} fields between tabs`, String(fields.length));
        }
        const field = (name: string): string => fields[names.indexOf(name)] ?? '';
        const endUs = datetimeUs(`${field('date')}T${field('time')}Z`);
        if (Number.isNaN(endUs)) {
          throw rowFault(place, 'time', 'a date and a time', `${field('date')} ${field('time')}`);
        }
        const runUs = durationUs(field('time-taken'), 's', place, 'time-taken');
        log.add({
          arrivedAtUs: endUs + log.withinSecond() - runUs,
          runUs,
          url: field('cs-uri-stem'),
          host: field('x-host-header') || field('cs(Host)'),
          httpStatus: digitsOr0(field('sc-status')),
          bytesIn: digitsOr0(field('cs-bytes')),
          bytesOut: digitsOr0(field('sc-bytes')),
        });
      },
      finish: () => log.builder.finish(),
    };
  },
};
