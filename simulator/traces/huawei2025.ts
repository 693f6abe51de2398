/**
 * The Huawei traces of 2025 (github.com/sir-lab/data-release): each cold start with its time, without how long the
 * request ran; and one day of requests with theirs. A function is a name and a user.
 */
import { csvReader, hasColumns } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { memoryBytes } from './memory.ts';
import { durationUs, timeUs } from './time.ts';

const COLD_STARTS = ['time', 'funcName', 'userID', 'totalCost_cold_start', 'podID'] as const;
const REQUESTS = [
  'time_frontend',
  'funcName',
  'userID',
  'podID',
  'totalCost_frontend',
  'runtimeCost',
  'memory_usage',
] as const;

/** The memory that a pod has stands in its name: pool24-600-512-… is of 600 millicores and 512 MB. */
function poolBytes(pod: string, place: Place): number {
  const [, , mb] = /^pool\d+-(\d+)-(\d+)-/.exec(pod) ?? [];
  if (mb === undefined) throw rowFault(place, 'podID', 'a pod such as pool24-600-512-0000577863', shown(pod));
  return memoryBytes(mb, place, 'podID');
}

export const huawei2025ColdStartsFormat: TraceFormat = {
  name: 'huawei2025-cold-starts',
  description: `CSV with the columns ${COLD_STARTS.join(', ')} (Huawei 2025, cold starts)`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, COLD_STARTS),
  open(source) {
    const builder = source.builder('huawei2025-cold-starts', ['startupUs', 'memoryBytesLimit']);
    const { row } = builder;
    return csvReader(
      source,
      COLD_STARTS,
      (field, place) => {
        row.arrivedAtUs = timeUs(field('time'), 's', place, 'time');
        row.startupUs = durationUs(field('totalCost_cold_start'), 's', place, 'totalCost_cold_start');
        row.memoryBytesLimit = poolBytes(field('podID'), place);
        row.runUs = Number.NaN;
        row.functionIndex = builder.functionIndex(`${field('userID')}/${field('funcName')}`);
        builder.add();
      },
      () => builder.finish(),
    );
  },
};

export const huawei2025RequestsFormat: TraceFormat = {
  name: 'huawei2025-requests',
  description: `CSV with the columns ${REQUESTS.join(', ')} (Huawei 2025, requests)`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, REQUESTS),
  open(source) {
    const builder = source.builder('huawei2025-requests', ['memoryBytesPeak', 'memoryBytesLimit']);
    const { row } = builder;
    return csvReader(
      source,
      REQUESTS,
      (field, place) => {
        // The frontend's time is the end: it lies after the worker's, by which the request has been served.
        const endUs = timeUs(field('time_frontend'), 's', place, 'time_frontend');
        const totalUs = durationUs(field('totalCost_frontend'), 's', place, 'totalCost_frontend');
        row.arrivedAtUs = endUs - totalUs;
        row.runUs = durationUs(field('runtimeCost'), 's', place, 'runtimeCost');
        row.memoryBytesLimit = poolBytes(field('podID'), place);
        row.memoryBytesPeak = memoryBytes(field('memory_usage'), place, 'memory_usage');
        row.functionIndex = builder.functionIndex(`${field('userID')}/${field('funcName')}`);
        builder.add();
      },
      () => builder.finish(),
    );
  },
};
