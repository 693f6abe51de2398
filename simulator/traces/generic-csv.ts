/** Any CSV with a header: options say which columns are the time, the duration, the function and the memory. */
import { CodedError } from '../../metering/errors.ts';
import { BYTES_PER_MB } from '../../metering/units.ts';
import { CsvRows, headerColumns, optionColumn } from './csv.ts';
import { DurationExpression } from './duration.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat, TraceOptions } from './format.ts';
import { guessTimeUnit, type TimeUnit, timeUs } from './time.ts';
import { type OptionalColumn, TraceBuilder } from './trace.ts';

/** The function's name when no column says it. */
const FUNCTION_NAME = 'function';
const MEMORY_MB_MAX = 2 ** 24;

function needed(
  options: TraceOptions,
  option: 'csvTime' | 'csvDuration',
  columns: readonly string[],
): string {
  const value = options[option];
  if (value !== undefined) return value;
  const what = option === 'csvTime' ? 'the column of arrival times' : 'the column or expression of durations';
  throw new CodedError(
    'usage',
    `the format csv needs ${option}, ${what}; the columns are ${columns.join(', ')}`,
    {
      option,
      columns,
    },
  );
}

function memoryBytes(text: string, place: Place, column: string): number {
  const mb = text === '' ? Number.NaN : Number(text);
  if (mb >= 0 && mb <= MEMORY_MB_MAX) return Math.round(mb * BYTES_PER_MB);
  throw rowFault(place, column, `memory of 0 to ${MEMORY_MB_MAX} MB`, shown(text));
}

export const csvFormat: TraceFormat = {
  name: 'csv',
  description: 'any other CSV with a header, when csvTime and csvDuration name its columns',
  // Only options can choose this format: every header would match.
  matches: () => false,
  open(file, firstLine, _headerLine, options) {
    const columns = headerColumns(firstLine);
    const timeName = needed(options, 'csvTime', columns);
    const durationText = needed(options, 'csvDuration', columns);
    const time = optionColumn(columns, timeName, 'csvTime', file);
    const duration = new DurationExpression(durationText, columns, options.csvDurationUnit ?? 's', file);
    const { csvFunction, csvMemory } = options;
    const named = csvFunction === undefined ? null : optionColumn(columns, csvFunction, 'csvFunction', file);
    const memory = csvMemory === undefined ? null : optionColumn(columns, csvMemory, 'csvMemory', file);
    const known: OptionalColumn[] = memory === null ? [] : ['memoryBytesLimit'];
    const builder = new TraceBuilder(file, 'csv', known);
    let timeUnit: TimeUnit | undefined = options.csvTimeUnit;
    const rows = new CsvRows(file, columns.length, (fields, place) => {
      const timeText = (fields[time] as string).trim();
      timeUnit ??= guessTimeUnit(timeText);
      const { row } = builder;
      row.arrivedAtUs = timeUs(timeText, timeUnit, place, timeName);
      row.runUs = duration.us(fields, place);
      row.functionIndex = builder.functionIndex(named === null ? FUNCTION_NAME : (fields[named] as string));
      if (memory !== null) {
        row.memoryBytesLimit = memoryBytes((fields[memory] as string).trim(), place, csvMemory as string);
      }
      builder.add();
    });
    return {
      line: (text, line) => rows.line(text, line),
      finish() {
        rows.finish();
        return builder.finish();
      },
    };
  },
};
