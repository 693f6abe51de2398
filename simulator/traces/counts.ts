/**
 * Counts per interval, `timestamp,value` (for example the request counts of github.com/numenta/NAB): each time is
 * the beginning of an interval, which lasts until the next, but never longer than the first one did.
 */
import { csvReader, headerColumns } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { Spreader } from './spread.ts';
import { guessTimeUnit, type TimeUnit, timeUs } from './time.ts';

const COLUMNS = ['timestamp', 'value'] as const;

function readCount(text: string, place: Place): number {
  const count = text === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw rowFault(place, 'value', 'a whole number of requests', shown(text));
}

export const countsFormat: TraceFormat = {
  name: 'counts',
  description: `CSV with the columns ${COLUMNS.join(' and ')} alone: requests per interval`,
  hasHeader: true,
  matches: ({ firstLine }) => {
    const hasQuote = firstLine.includes('"');
    return !hasQuote && headerColumns(firstLine).join() === COLUMNS.join();
  },
  open(source) {
    const { file, options, seed, line: headerLine } = source;
    const spreader = new Spreader(options.spread ?? 'uniform', seed, 'their interval');
    const builder = source.builder('counts', []);
    builder.filled.push(spreader.said);
    const { row } = builder;
    row.runUs = Number.NaN;
    let unit: TimeUnit | null = null;
    let firstLengthUs: number | null = null;
    let open: { readonly fromUs: number; readonly count: number } | null = null;
    const close = (lengthUs: number): void => {
      if (open === null) return;
      row.functionIndex = builder.functionIndex(ONE_FUNCTION);
      for (let index = 0; index < open.count; index++) {
        row.arrivedAtUs = spreader.place(index, open.count, open.fromUs, lengthUs);
        builder.add();
      }
    };
    return csvReader(
      source,
      COLUMNS,
      (field, place) => {
        const text = field('timestamp');
        unit ??= guessTimeUnit(text);
        const fromUs = timeUs(text, unit, place, 'timestamp');
        const count = readCount(field('value'), place);
        if (open !== null) {
          const lengthUs = fromUs - open.fromUs;
          if (lengthUs <= 0) throw rowFault(place, 'timestamp', 'a time after the one before', shown(text));
          firstLengthUs ??= lengthUs;
          close(Math.min(lengthUs, firstLengthUs));
        }
        open = { fromUs, count };
      },
      () => {
        if (open !== null && firstLengthUs === null) {
          const place = { file, line: headerLine + 1 };
          throw rowFault(place, null, 'two rows or more, whose distance is the interval', 'one');
        }
        close(firstLengthUs ?? 0);
        return builder.finish();
      },
    );
  },
};
