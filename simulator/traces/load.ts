/** One way to a workload, whatever it comes from: a trace in a file, or one that is made up. */
import { CodedError } from '../../metering/errors.ts';
import { type ReadControl, readServiceTime, readTraceFile, transformTrace } from './file.ts';
import type { TraceOptions } from './format.ts';
import { checkOptions } from './options.ts';
import { SEED_DEFAULT } from './read.ts';
import type { Trace } from './trace.ts';
import { parseSteps } from './transform.ts';
import { parseWorkload, workloadTrace } from './workload.ts';

export interface WorkloadOptions extends TraceOptions {
  /** A made-up workload instead of a file, for example `poisson:rate=10/s,duration=1h`. */
  readonly synthetic?: string | undefined;
}

/** Options of files, which a made-up workload has no use for. */
const FILE_OPTIONS = [
  'csvTime',
  'csvDuration',
  'durations',
  'memory',
  'spread',
  'functionBy',
  'maxBadRows',
] as const;

/**
 * Reads or makes up a workload, fills and transforms it.
 * @param file null for a made-up one.
 * @throws CodedError `usage` unless there is either a file or `synthetic`; else as readTraceFile.
 */
export async function loadWorkload(
  file: string | null,
  { synthetic, ...options }: WorkloadOptions = {},
  control: ReadControl = {},
): Promise<Trace> {
  if (file !== null && synthetic === undefined) return readTraceFile(file, options, control);
  if (file !== null || synthetic === undefined) {
    const got = file === null ? 'neither' : 'both';
    throw new CodedError('usage', `synthetic: expected either it or the file of a trace, got ${got}`);
  }
  checkOptions(options);
  const useless = FILE_OPTIONS.filter((key) => options[key] !== undefined);
  if (useless.length > 0) {
    throw new CodedError('usage', `synthetic: expected no options of files, got ${useless.join(', ')}`);
  }
  const workload = parseWorkload(synthetic);
  const serviceTime = await readServiceTime(options, control);
  const { seed = SEED_DEFAULT, traceMemoryMb } = options;
  const trace = workloadTrace(workload, { seed, serviceTime, memoryMb: traceMemoryMb ?? null });
  return transformTrace(trace, parseSteps(options.transform), options, serviceTime, control);
}
