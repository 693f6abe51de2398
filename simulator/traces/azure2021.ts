/**
 * The Azure Functions invocation trace of 2021 (github.com/Azure/AzurePublicDataset): one row an invocation with
 * the time of its end. Rows are not sorted, and a duration can be 0.
 */
import { ByteRows, KeyTable, scaledBytes } from './byte-rows.ts';
import { CsvRows, formatColumn, hasColumns, headerColumns } from './csv.ts';
import { rowFault, shown } from './fault.ts';
import type { TraceFormat, TraceSource } from './format.ts';
import { scaledInteger } from './number.ts';
import { AppFunctionNames } from './short-names.ts';
import { durationUs, UNIT_SHIFTS } from './time.ts';
import { DURATION_US_MAX, TIME_US_MAX } from './trace.ts';

const COLUMNS = ['app', 'func', 'end_timestamp', 'duration'] as const;
const SHIFT = UNIT_SHIFTS.s;
const COMMA = 44;

function openAzure2021(source: TraceSource) {
  const { file, firstLine, badRows } = source;
  const columns = headerColumns(firstLine);
  const at = (name: string): number => formatColumn(columns, name, { file, line: source.line });
  const [app, func, end, duration] = COLUMNS.map(at) as [number, number, number, number];
  const builder = source.builder('azure2021', []);
  const { row } = builder;
  const names = new AppFunctionNames();
  const nameIndex = (appName: string, functionName: string): number =>
    builder.functionIndex(names.add(appName, functionName));

  // Any row, however it is written: the one place that says what is wrong with a row.
  const rows = new CsvRows(file, columns.length, (fields, place) => {
    const endText = (fields[end] as string).trim();
    // An end before the trace's zero is no error of arithmetic: a start may be, and the trace is moved then.
    const endUs = scaledInteger(endText, SHIFT);
    if (!(Math.abs(endUs) <= TIME_US_MAX)) {
      throw rowFault(place, 'end_timestamp', 'a time in seconds', shown(endText));
    }
    row.runUs = durationUs((fields[duration] as string).trim(), 's', place, 'duration');
    row.arrivedAtUs = endUs - row.runUs;
    row.functionIndex = nameIndex(fields[app] as string, fields[func] as string);
    builder.add();
  });

  const keys = new KeyTable((key) => {
    const [appName = '', functionName = '', ...more] = key.split(',');
    const isPlain = more.length === 0 && key.includes(',') && !key.includes('"');
    return isPlain ? nameIndex(appName, functionName) : null;
  });
  /** A plain row, straight from its bytes; false leaves the row to `rows`. */
  const plain = (bytes: Uint8Array, from: number, to: number): boolean => {
    const second = bytes.lastIndexOf(COMMA, to - 1);
    const first = bytes.lastIndexOf(COMMA, second - 1);
    if (first <= from) return false;
    const endUs = scaledBytes(bytes, first + 1, second, SHIFT);
    const runUs = scaledBytes(bytes, second + 1, to, SHIFT);
    if (!(endUs <= TIME_US_MAX && runUs <= DURATION_US_MAX)) return false;
    const index = keys.index(bytes, from, first);
    if (index < 0) return false;
    row.runUs = runUs;
    row.arrivedAtUs = endUs - runUs;
    row.functionIndex = index;
    builder.add();
    return true;
  };

  const isPlainHeader = columns.join() === COLUMNS.join();
  const takes = (bytes: Uint8Array, from: number, to: number): boolean =>
    isPlainHeader && !rows.isOpen && plain(bytes, from, to);
  // The first line is the header, which `columns` has.
  const onText = (text: string, line: number): void => {
    if (line > source.line) badRows.guard(() => rows.line(text, line));
  };
  const byteRows = new ByteRows(file, source.line, takes, onText);
  return {
    push: (chunk: Uint8Array) => byteRows.push(chunk),
    finish() {
      byteRows.finish();
      badRows.guard(() => rows.finish());
      return builder.finish({ nameOf: names.shortener() });
    },
  };
}

export const azure2021Format: TraceFormat = {
  name: 'azure2021',
  description: `CSV with the columns ${COLUMNS.join(', ')}, times in seconds (Azure Functions 2021)`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, COLUMNS),
  open: openAzure2021,
};
