/**
 * HTTP Archives (HAR 1.2, as browsers save them): a request's start, and of its timings the wait for the first
 * byte, which is the server's share; without timings all of its time.
 */
import { type Place, rowFault } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { type JsonObject, textAt, valueAt } from './json-elements.ts';
import { jsonArrayReader } from './json-reader.ts';
import { timeUs } from './time.ts';
import { DURATION_US_MAX } from './trace.ts';
import { digitsOr0, WebLog } from './web-log.ts';

/** Milliseconds of any precision; −1 stands for what does not apply. */
function waitUs(entry: JsonObject, place: Place): number {
  const wait = valueAt(entry, 'timings.wait');
  const path = typeof wait === 'number' && wait >= 0 ? 'timings.wait' : 'time';
  const ms = valueAt(entry, path);
  const us = typeof ms === 'number' ? Math.round(ms * 1_000) : Number.NaN;
  if (us >= 0 && us <= DURATION_US_MAX) return us;
  throw rowFault(place, path, 'milliseconds of 0 or more', JSON.stringify(ms) ?? 'nothing');
}

export const harFormat: TraceFormat = {
  name: 'har',
  description: 'an HTTP Archive: {"log": {"entries": […]}}',
  hasHeader: false,
  matches: ({ text }) => /^[\s\uFEFF]*\{\s*"log"\s*:\s*\{/.test(text),
  open(source) {
    const log = new WebLog(source, 'har');
    const onEntry = (entry: JsonObject, place: Place, key: string): void => {
      if (key !== 'entries') return;
      // What Chrome took from its cache reached no server.
      if (typeof valueAt(entry, '_fromCache') === 'string') {
        log.builder.skippedRejected++;
        return;
      }
      const size = (path: string): number => digitsOr0(String(valueAt(entry, path) ?? ''));
      log.add({
        arrivedAtUs: timeUs(textAt(entry, 'startedDateTime', place), 'datetime', place, 'startedDateTime'),
        runUs: waitUs(entry, place),
        url: textAt(entry, 'request.url', place),
        httpStatus: size('response.status'),
        bytesIn: size('request.bodySize'),
        bytesOut: size('response.bodySize') || size('response.content.size'),
      });
    };
    return jsonArrayReader(source, onEntry, () => log.builder.finish());
  },
};
