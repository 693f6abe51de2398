/**
 * The AWS Lambda sweep of 2025 (github.com/ubc-cirrus-lab/demystifying-serverless-costs), joined from Lambda's
 * START and REPORT lines. Each request rate was a run of its own, so each is a function of its own, `rps-N`.
 */
import { BYTES_PER_MB } from '../../metering/units.ts';
import { CsvRows, formatColumn, hasColumns, headerColumns } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { scaledInteger } from './number.ts';
import { durationUs, timeUs } from './time.ts';
import { TraceBuilder } from './trace.ts';

const COLUMNS = ['rps', 'start_ms_epoch', 'duration_ms', 'memory_mb', 'max_memory_mb', 'init_ms'] as const;
type Column = (typeof COLUMNS)[number];

const MEMORY_MB_MAX = 2 ** 24;

function memoryBytes(text: string, place: Place, column: Column): number {
  const mb = scaledInteger(text, 0);
  if (mb >= 0 && mb <= MEMORY_MB_MAX) return mb * BYTES_PER_MB;
  throw rowFault(place, column, `memory of 0 to ${MEMORY_MB_MAX} MB`, shown(text));
}

export const awsSweepFormat: TraceFormat = {
  name: 'aws-sweep',
  description: `CSV with the columns ${COLUMNS.join(', ')} (AWS Lambda's logs, a run for each request rate)`,
  matches: (firstLine) => hasColumns(firstLine, COLUMNS),
  open(file, firstLine, headerLine) {
    const columns = headerColumns(firstLine);
    const place = { file, line: headerLine };
    const at = Object.fromEntries(
      COLUMNS.map((name) => [name, formatColumn(columns, name, place)]),
    ) as Record<Column, number>;
    const known = ['startupUs', 'memoryBytesPeak', 'memoryBytesLimit'] as const;
    const builder = new TraceBuilder(file, 'aws-sweep', known);
    const rows = new CsvRows(file, columns.length, (fields, where) => {
      const field = (column: Column): string => (fields[at[column]] as string).trim();
      const { row } = builder;
      row.arrivedAtUs = timeUs(field('start_ms_epoch'), 'ms', where, 'start_ms_epoch');
      row.runUs = durationUs(field('duration_ms'), 'ms', where, 'duration_ms');
      // A row without init_ms met a live instance: the log's own start-up time for it is none.
      const init = field('init_ms');
      row.startupUs = init === '' ? 0 : durationUs(init, 'ms', where, 'init_ms');
      row.memoryBytesLimit = memoryBytes(field('memory_mb'), where, 'memory_mb');
      row.memoryBytesPeak = memoryBytes(field('max_memory_mb'), where, 'max_memory_mb');
      row.functionIndex = builder.functionIndex(`rps-${field('rps')}`);
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
