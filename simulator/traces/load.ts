/** One way to a workload, whatever it comes from: a trace in a file, or one that is made up. */
import { CodedError } from '../../metering/errors.ts';
import { openTraceFile, readServiceTime, transformTrace } from './file.ts';
import type { TraceOptions } from './format.ts';
import { checkOptions } from './options.ts';
import { SEED_DEFAULT } from './read.ts';
import { sharedTrace } from './shared.ts';
import { stored, streamOf, surveyed } from './stored.ts';
import type { Spilling, TempFiles } from './temp-files.ts';
import { isStored, isStream, type ReadTrace, type Replayable } from './trace.ts';
import { applySteps, parseSteps, stepsAfterReading } from './transform.ts';
import { inTurns, type ReadControl } from './turns.ts';
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

/** A trace of more requests than this is not in memory: it comes from a file, or is made anew, piece by piece. */
const IN_MEMORY_MAX = 2 ** 22;

/** Where a replay and its threads find it. */
const replayable = async (trace: ReadTrace, control: ReadControl): Promise<Replayable> =>
  isStored(trace) ? streamOf(await inTurns(surveyed(trace), control)) : sharedTrace(trace);

/**
 * Another trace made by more transformations of one that was opened, which stays as it is: the very trace that
 * `openWorkload` would give with these steps after its own, but for a first scale below 1, which draws otherwise where it
 * thins a file that is read.
 * @param source what `opened` was opened by; its files are not touched.
 * @param more steps that are no mix. @param files must stay until the last replay of the new trace is over.
 * @throws CodedError `usage`, `trace-empty`, `trace-too-large`, `file-unwritable`; `interrupted`.
 */
export async function openChanged(
  opened: Replayable,
  source: { readonly file: string | null; readonly options: WorkloadOptions },
  more: readonly string[],
  control: ReadControl,
  inMemoryMax: number | undefined,
  files: TempFiles,
): Promise<Replayable> {
  const spilling: Spilling = { files, inMemoryMax: inMemoryMax ?? IN_MEMORY_MAX };
  const own = parseSteps(source.options.transform);
  const done = source.file === null ? own : stepsAfterReading(own);
  const steps = [...done, ...parseSteps(more)];
  const read = isStream(opened)
    ? (opened.stored?.trace ?? (await inTurns(stored(opened, spilling), control)))
    : opened;
  const mixOf = (): never => {
    throw new Error('a mix is no change of a trace that is open');
  };
  const seed = source.options.seed ?? SEED_DEFAULT;
  return replayable(
    await inTurns(applySteps(read, steps, seed, mixOf, spilling, done.length), control),
    control,
  );
}

/** The stream of a made-up workload, however short. @throws CodedError as `openWorkload`. */
export const openStream = (options: WorkloadOptions): Promise<Replayable> =>
  openWorkload(null, options, {}, 0);

/**
 * Reads or makes up a workload, fills and transforms it. What is in memory is in shared memory. A long one is a stream: a
 * made-up workload that is not transformed is made anew for each replay, and all else lies in temporary files, if there
 * are any to take it.
 * @param file null for a made-up one.
 * @param inMemoryMax more requests than this are long.
 * @param files must stay until the last replay is over. Without them all but made-up workloads is in memory.
 * @throws CodedError `usage` unless there is either a file or `synthetic`; `trace-too-large`; `file-unwritable`; else as
 * readTraceFile.
 */
export async function openWorkload(
  file: string | null,
  { synthetic, ...options }: WorkloadOptions = {},
  control: ReadControl = {},
  inMemoryMax = IN_MEMORY_MAX,
  files: TempFiles | null = null,
): Promise<Replayable> {
  const spilling: Spilling | null = files === null ? null : { files, inMemoryMax };
  if (file !== null && synthetic === undefined) {
    return replayable(await openTraceFile(file, options, control, spilling), control);
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
  const isLong = stream.expected > inMemoryMax;
  if (steps.length === 0) return isLong ? stream : inTurns(inMemory(stream), control);
  const trace =
    isLong && spilling !== null
      ? await inTurns(stored(stream, spilling), control)
      : await inTurns(inMemory(stream), control);
  const rules = { serviceTime: serviceTime ?? undefined, spilling };
  return replayable(await transformTrace(trace, steps, options, rules, control), control);
}
