/**
 * The Azure Functions invocation trace of 2021 (github.com/Azure/AzurePublicDataset): one row an invocation with
 * the time of its end. Rows are not sorted, and a duration can be 0.
 */
import { CsvRows, formatColumn, hasColumns, headerColumns } from './csv.ts';
import { rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { scaledInteger } from './number.ts';
import { durationUs, UNIT_SHIFTS } from './time.ts';
import { TIME_US_MAX, TraceBuilder } from './trace.ts';

const COLUMNS = ['app', 'func', 'end_timestamp', 'duration'];
const PREFIX_MIN = 8;

/** How many first characters tell all names apart; names are hashes, so few do. */
function prefixLength(names: ReadonlySet<string>): number {
  const longest = Math.max(0, ...[...names].map((name) => name.length));
  for (let length = PREFIX_MIN; length < longest; length++) {
    const short = new Set([...names].map((name) => name.slice(0, length)));
    if (short.size === names.size) return length;
  }
  return longest;
}

export const azure2021Format: TraceFormat = {
  name: 'azure2021',
  description: `CSV with the columns ${COLUMNS.join(', ')}, times in seconds (Azure Functions 2021)`,
  matches: (firstLine) => hasColumns(firstLine, COLUMNS),
  open(file, firstLine, headerLine) {
    const columns = headerColumns(firstLine);
    const place = { file, line: headerLine };
    const [app, func, end, duration] = COLUMNS.map((name) => formatColumn(columns, name, place)) as [
      number,
      number,
      number,
      number,
    ];
    const builder = new TraceBuilder(file, 'azure2021', []);
    const apps = new Set<string>();
    const functions = new Set<string>();
    const rows = new CsvRows(file, columns.length, (fields, at) => {
      const appName = fields[app] as string;
      const functionName = fields[func] as string;
      apps.add(appName);
      functions.add(functionName);
      const endText = (fields[end] as string).trim();
      // An end before the trace's zero is no error of arithmetic: a start may be, and the trace is moved then.
      const endUs = scaledInteger(endText, UNIT_SHIFTS.s);
      if (!(Math.abs(endUs) <= TIME_US_MAX)) {
        throw rowFault(at, 'end_timestamp', 'a time in seconds', shown(endText));
      }
      const { row } = builder;
      row.runUs = durationUs((fields[duration] as string).trim(), 's', at, 'duration');
      row.arrivedAtUs = endUs - row.runUs;
      row.functionIndex = builder.functionIndex(`${appName}/${functionName}`);
      builder.add();
    });
    return {
      line: (text, line) => rows.line(text, line),
      finish() {
        rows.finish();
        const appLength = prefixLength(apps);
        const functionLength = prefixLength(functions);
        return builder.finish((name) => {
          const [appName = '', functionName = ''] = name.split('/');
          return `${appName.slice(0, appLength)}/${functionName.slice(0, functionLength)}`;
        });
      },
    };
  },
};
