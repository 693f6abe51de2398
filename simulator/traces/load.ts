/** One way to a workload, whatever it comes from: a trace in a file, or one that is made up. */
import { CodedError } from '../../metering/errors.ts';
import { type ReadControl, readServiceTime, readTraceFile, transformTrace } from './file.ts';
import type { TraceOptions } from './format.ts';
import { checkOptions } from './options.ts';
import { SEED_DEFAULT } from './read.ts';
import { sharedTrace } from './shared.ts';
import { isStream, type Replayable, type Trace } from './trace.ts';
import { parseSteps } from './transform.ts';
import { parseWorkload } from './workload.ts';
import { inMemory, workloadStream } from './workload-stream.ts';

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

/** A made-up workload of more requests than this is made piece by piece, each time that it is replayed. */
const IN_MEMORY_MAX = 2 ** 22;

/**
 * Reads or makes up a workload, fills and transforms it. All of it is in shared memory.
 * @param file null for a made-up one.
 * @throws CodedError `usage` unless there is either a file or `synthetic`; `trace-too-large`; else as readTraceFile.
 */
export async function loadWorkload(
  file: string | null,
  options: WorkloadOptions = {},
  control: ReadControl = {},
): Promise<Trace> {
  const workload = await openWorkload(file, options, control, Number.POSITIVE_INFINITY);
  return isStream(workload) ? inMemory(workload) : workload;
}

/** The stream of a made-up workload, however short. @throws CodedError as `openWorkload`. */
export const openStream = (options: WorkloadOptions): Promise<Replayable> =>
  openWorkload(null, options, {}, 0);

/**
 * The same, but a made-up workload that is long and not transformed stays a stream.
 * @param inMemoryMax more requests than this are long.
 */
export async function openWorkload(
  file: string | null,
  { synthetic, ...options }: WorkloadOptions = {},
  control: ReadControl = {},
  inMemoryMax = IN_MEMORY_MAX,
): Promise<Replayable> {
  if (file !== null && synthetic === undefined) {
    return sharedTrace(await readTraceFile(file, options, control));
  }
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
  const stream = workloadStream(workload, { seed, serviceTime, memoryMb: traceMemoryMb ?? null });
  const steps = parseSteps(options.transform);
  if (steps.length === 0 && stream.expected > inMemoryMax) return stream;
  const trace = inMemory(stream);
  if (steps.length === 0) return trace;
  return sharedTrace(await transformTrace(trace, steps, options, serviceTime, control));
}
