/**
 * Requests to AWS Lambda measured by a client in 2020 (github.com/pacslab/serverless-performance-modeling): a row
 * a request. The client's clock says when it arrived, Lambda's own duration how long it ran.
 */
import { csvReader, hasColumns } from './csv.ts';
import { rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { memoryBytes } from './memory.ts';
import { durationUs, timeUs } from './time.ts';

const COLUMNS = ['is_cold', 'exist_id', 'aws_duration', 'aws_max_mem', 'client_start_time'] as const;

export const awsMeasuredFormat: TraceFormat = {
  name: 'aws-measured',
  description: `CSV with the columns ${COLUMNS.join(', ')} (AWS Lambda measured by a client, 2020)`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, COLUMNS),
  open(source) {
    const builder = source.builder('aws-measured', ['memoryBytesPeak']);
    const { row } = builder;
    return csvReader(
      source,
      COLUMNS,
      (field, place) => {
        row.arrivedAtUs = timeUs(field('client_start_time'), 's', place, 'client_start_time');
        row.runUs = durationUs(field('aws_duration'), 'ms', place, 'aws_duration');
        row.memoryBytesPeak = memoryBytes(field('aws_max_mem'), place, 'aws_max_mem');
        // Read only to be checked: whether a replay starts cold is its platform's affair.
        const isCold = field('is_cold');
        if (isCold !== 'True' && isCold !== 'False') {
          throw rowFault(place, 'is_cold', 'True or False', shown(isCold));
        }
        row.functionIndex = builder.functionIndex(ONE_FUNCTION);
        builder.add();
      },
      () => builder.finish(),
    );
  },
};
