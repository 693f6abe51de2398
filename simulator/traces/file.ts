/**
 * Reads a trace from a file, piece by piece, with the files that belong to it; the only part of the simulator
 * that touches a disk.
 */
import { createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { CodedError } from '../../metering/errors.ts';
import { decompressed } from './compression.ts';
import { rowFault, shown } from './fault.ts';
import { COMPANIONS, type TraceOptions } from './format.ts';
import { LineCutter } from './lines.ts';
import { optionFault, spanUs } from './quantity.ts';
import { type IntakeRules, SEED_DEFAULT, TraceIntake } from './read.ts';
import { empiricalFile, empiricalServiceTime, parseServiceTime, type ServiceTime } from './service-time.ts';
import { whole } from './stored.ts';
import type { Spilling } from './temp-files.ts';
import type { ReadTrace, Trace } from './trace.ts';
import { applySteps, mixedPaths, parseSteps, type Step, stepsAfterReading } from './transform.ts';
import { inTurns, interruptedWhile, type ReadControl, type Work } from './turns.ts';

const CHUNK_BYTES = 1_048_576;

function unreadable(path: string, thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  const { code, message } = thrown as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : message;
  return new CodedError('file-unreadable', `expected a trace at ${path}, but ${reason}`, { path });
}

/** Hands a file's bytes on, unpacked if it is compressed. @param settle what is to be done after each piece, in turns. */
async function feed(
  path: string,
  take: (chunk: Uint8Array) => void,
  control: ReadControl,
  settle?: () => Work<void>,
): Promise<void> {
  const { signal, onProgress } = control;
  const doing = `reading ${path}`;
  try {
    const { size } = await stat(path);
    const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    for await (const chunk of decompressed(path, stream)) {
      if (signal?.aborted) throw interruptedWhile(doing);
      take(chunk);
      // What is no plain file, a pipe for example, has no size.
      if (size > 0) onProgress?.(doing, Math.min(1, stream.bytesRead / size));
      if (settle !== undefined) await inTurns(settle(), control);
    }
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Reads the files of durations and memory that a format has, where they are named or lie beside the trace. */
async function feedCompanions(intake: TraceIntake, control: ReadControl): Promise<void> {
  for (const which of COMPANIONS) {
    const found = intake.companionPath(which);
    if (found === null || !(found.isNamed || (await exists(found.path)))) continue;
    const reader = intake.companion(which, found.path);
    await feed(found.path, (chunk) => reader.push(chunk), control);
    reader.finish();
  }
}

/** One time a line, each with its unit. */
async function readSample(path: string, option: string, control: ReadControl): Promise<ServiceTime> {
  const times: number[] = [];
  const lines = new LineCutter(path, (text, line) => {
    const trimmed = text.trim();
    if (trimmed === '') return;
    const us = spanUs(trimmed);
    if (Number.isNaN(us))
      throw rowFault({ file: path, line }, null, 'a time with its unit such as 120ms', shown(text));
    times.push(us);
  });
  await feed(path, (chunk) => lines.push(chunk), control);
  lines.finish();
  if (times.length === 0)
    throw optionFault('serviceTime', option, 'a file with one time a line', 'an empty one');
  return empiricalServiceTime(Float64Array.from(times), path);
}

/** The service time that the options ask for, its file read; null for none. @throws CodedError */
export async function readServiceTime(
  { serviceTime: text }: TraceOptions,
  control: ReadControl = {},
): Promise<ServiceTime | null> {
  if (text === undefined) return null;
  const sample = empiricalFile(text);
  return sample === null ? parseServiceTime(text) : readSample(sample, text, control);
}

async function readOne(
  path: string,
  options: TraceOptions,
  rules: IntakeRules,
  control: ReadControl,
): Promise<ReadTrace> {
  const intake = new TraceIntake(path, options, rules);
  const push = (chunk: Uint8Array): void => intake.push(chunk);
  await feed(path, push, control, () => intake.settle());
  await feedCompanions(intake, control);
  return inTurns(intake.finish(), control);
}

/** Applies a trace's transformations, reading the files that are mixed in. */
export async function transformTrace(
  trace: ReadTrace,
  steps: readonly Step[],
  options: TraceOptions,
  { serviceTime, spilling = null }: Pick<IntakeRules, 'serviceTime' | 'spilling'>,
  control: ReadControl = {},
): Promise<ReadTrace> {
  const mixes = new Map<string, ReadTrace>();
  for (const path of mixedPaths(steps)) {
    // The other trace is found out for itself: what says how to read this one need not fit it.
    const { seed, serviceTime: text, traceMemoryMb, maxBadRows } = options;
    const own: TraceOptions = { seed, serviceTime: text, traceMemoryMb, maxBadRows };
    const rules = { serviceTime, mayIdle: true, spilling };
    if (!mixes.has(path)) mixes.set(path, await readOne(path, own, rules, control));
  }
  const mixOf = (path: string): ReadTrace => mixes.get(path) as ReadTrace;
  return inTurns(applySteps(trace, steps, options.seed ?? SEED_DEFAULT, mixOf, spilling), control);
}

/**
 * @param path is also the trace's name in messages and in results.
 * @param spilling where a long trace goes; null to have all of it in memory, or not at all.
 * @throws CodedError `file-unreadable`, and what TraceIntake throws; `interrupted` when the signal aborts.
 */
export async function openTraceFile(
  path: string,
  options: TraceOptions,
  control: ReadControl,
  spilling: Spilling | null,
): Promise<ReadTrace> {
  const steps = parseSteps(options.transform);
  const mayIdle = mixedPaths(steps).length > 0;
  const serviceTime = await readServiceTime(options, control);
  const rules = { serviceTime: serviceTime ?? undefined, mayIdle, spilling };
  const trace = await readOne(path, options, rules, control);
  return transformTrace(trace, stepsAfterReading(steps), options, rules, control);
}

/** The same, all of it in memory. */
export async function readTraceFile(
  path: string,
  options: TraceOptions = {},
  control: ReadControl = {},
): Promise<Trace> {
  return whole(await openTraceFile(path, options, control, null));
}
