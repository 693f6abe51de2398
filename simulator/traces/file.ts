/** Reads a trace from a file, piece by piece; the only part of the simulator that touches a disk. */
import { createReadStream } from 'node:fs';
import { CodedError } from '../../metering/errors.ts';
import type { TraceOptions } from './format.ts';
import { TraceIntake } from './read.ts';
import type { Trace } from './trace.ts';

const CHUNK_BYTES = 262_144;

function unreadable(path: string, thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  const { code, message } = thrown as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : message;
  return new CodedError('file-unreadable', `expected a trace at ${path}, but ${reason}`, { path });
}

/**
 * @param path is also the trace's name in messages and in results.
 * @throws CodedError `file-unreadable`, and what TraceIntake throws; `interrupted` when the signal aborts.
 */
export async function readTraceFile(
  path: string,
  options: TraceOptions = {},
  control: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Trace> {
  const intake = new TraceIntake(path, options);
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: CHUNK_BYTES });
  try {
    for await (const chunk of stream) {
      if (control.signal?.aborted) throw new CodedError('interrupted', `reading ${path} was interrupted`);
      intake.push(chunk as string);
    }
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
  return intake.finish();
}
