/**
 * The AWS Lambda sweep of 2025 (github.com/ubc-cirrus-lab/demystifying-serverless-costs), joined from Lambda's
 * START and REPORT lines. Each request rate was a run of its own, so each is a function of its own, `rps-N`.
 */
import { csvReader, hasColumns } from './csv.ts';
import type { TraceFormat } from './format.ts';
import { memoryBytes } from './memory.ts';
import { durationUs, timeUs } from './time.ts';

const COLUMNS = ['rps', 'start_ms_epoch', 'duration_ms', 'memory_mb', 'max_memory_mb', 'init_ms'] as const;

export const awsSweepFormat: TraceFormat = {
  name: 'aws-sweep',
  description: `CSV with the columns ${COLUMNS.join(', ')} (AWS Lambda's logs, a run for each request rate)`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, COLUMNS),
  open(source) {
    const builder = source.builder('aws-sweep', ['startupUs', 'memoryBytesPeak', 'memoryBytesLimit']);
    const { row } = builder;
    return csvReader(
      source,
      COLUMNS,
      (field, place) => {
        row.arrivedAtUs = timeUs(field('start_ms_epoch'), 'ms', place, 'start_ms_epoch');
        row.runUs = durationUs(field('duration_ms'), 'ms', place, 'duration_ms');
        // A row without init_ms met a live instance: the log's own start-up time for it is none.
        const init = field('init_ms');
        row.startupUs = init === '' ? 0 : durationUs(init, 'ms', place, 'init_ms');
        row.memoryBytesLimit = memoryBytes(field('memory_mb'), place, 'memory_mb');
        row.memoryBytesPeak = memoryBytes(field('max_memory_mb'), place, 'max_memory_mb');
        row.functionIndex = builder.functionIndex(`rps-${field('rps')}`);
        builder.add();
      },
      () => builder.finish(),
    );
  },
};
