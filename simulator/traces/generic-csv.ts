/** Any CSV with a header: options say which columns are the time, the duration, the function and the memory. */
import { CodedError } from '../../metering/errors.ts';
import { CsvRows, headerColumns, optionColumn } from './csv.ts';
import { DurationExpression } from './duration.ts';
import type { TraceFormat, TraceOptions } from './format.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { memoryBytes } from './memory.ts';
import { guessTimeUnit, type TimeUnit, timeUs } from './time.ts';
import type { OptionalColumn } from './trace.ts';

function needed(
  options: TraceOptions,
  option: 'csvTime' | 'csvDuration',
  columns: readonly string[],
): string {
  const value = options[option];
  if (value !== undefined) return value;
  const what =
    option === 'csvTime'
      ? 'the column of arrival times'
      : 'the column or expression of durations (or serviceTime, which makes them up)';
  throw new CodedError(
    'usage',
    `the format csv needs ${option}, ${what}; the columns are ${columns.join(', ')}`,
    {
      option,
      columns,
    },
  );
}

export const csvFormat: TraceFormat = {
  name: 'csv',
  description:
    'any other CSV with a header, when csvTime and csvDuration (or serviceTime) say how to read it',
  // Only options can choose this format: every header would match.
  hasHeader: true,
  matches: () => false,
  open(source) {
    const { file, firstLine, options, badRows } = source;
    const columns = headerColumns(firstLine);
    const timeName = needed(options, 'csvTime', columns);
    // Without a column of durations there must be a rule that fills them.
    const durationText =
      options.serviceTime === undefined ? needed(options, 'csvDuration', columns) : options.csvDuration;
    const time = optionColumn(columns, timeName, 'csvTime', file);
    const unit = options.csvDurationUnit ?? 's';
    const duration =
      durationText === undefined ? null : new DurationExpression(durationText, columns, unit, file);
    const { csvFunction, csvMemory } = options;
    const named = csvFunction === undefined ? null : optionColumn(columns, csvFunction, 'csvFunction', file);
    const memory = csvMemory === undefined ? null : optionColumn(columns, csvMemory, 'csvMemory', file);
    const known: OptionalColumn[] = memory === null ? [] : ['memoryBytesLimit'];
    const builder = source.builder('csv', known);
    let timeUnit: TimeUnit | undefined = options.csvTimeUnit;
    const rows = new CsvRows(file, columns.length, (fields, place) => {
      const timeText = (fields[time] as string).trim();
      timeUnit ??= guessTimeUnit(timeText);
      const { row } = builder;
      row.arrivedAtUs = timeUs(timeText, timeUnit, place, timeName);
      row.runUs = duration === null ? Number.NaN : duration.us(fields, place);
      if (memory !== null) {
        row.memoryBytesLimit = memoryBytes((fields[memory] as string).trim(), place, csvMemory as string);
      }
      row.functionIndex = builder.functionIndex(named === null ? ONE_FUNCTION : (fields[named] as string));
      builder.add();
    });
    return {
      line: (text, line) => rows.line(text, line),
      finish() {
        badRows.guard(() => rows.finish());
        return builder.finish();
      },
    };
  },
};
