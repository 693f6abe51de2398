/**
 * The Cloud Run sweep of 2025 (github.com/ubc-cirrus-lab/demystifying-serverless-costs), made from Cloud Logging's
 * request log: times are arrivals, latencies are as Cloud Run saw them. Each request rate is a function, `rps-N`.
 */
import { csvReader, hasColumns } from './csv.ts';
import type { TraceFormat } from './format.ts';
import { durationUs, timeUs } from './time.ts';

const COLUMNS = ['rps', 'timestamp', 'latency_ms', 'status', 'instance'] as const;

export const cloudRunSweepFormat: TraceFormat = {
  name: 'cloud-run-sweep',
  description: `CSV with the columns ${COLUMNS.join(', ')} (Cloud Run's request log, a run for each request rate)`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, COLUMNS),
  open(source) {
    const builder = source.builder('cloud-run-sweep', []);
    const { row } = builder;
    return csvReader(
      source,
      COLUMNS,
      (field, place) => {
        row.arrivedAtUs = timeUs(field('timestamp'), 'datetime', place, 'timestamp');
        row.runUs = durationUs(field('latency_ms'), 'ms', place, 'latency_ms');
        row.functionIndex = builder.functionIndex(`rps-${field('rps')}`);
        builder.add();
      },
      () => builder.finish(),
    );
  },
};
