/** What the main thread and the threads that replay tell each other. Columns of traces are shared, all else is copied. */
import type { ErrorBody } from '../../metering/errors.ts';
import type { Planned, ReplayOutcome } from '../replay.ts';
import type { WorkloadOptions } from '../traces/load.ts';
import type { SurveyedTrace, Trace } from '../traces/trace.ts';

/** A trace in shared memory or in a file, or how a made-up workload is made; a thread keeps the last one. */
export type TraceMessage =
  | { readonly kind: 'trace'; readonly trace: Trace }
  | { readonly kind: 'stored'; readonly surveyed: SurveyedTrace }
  | { readonly kind: 'stream'; readonly options: WorkloadOptions };

export interface TaskMessage {
  readonly kind: 'task';
  /** Of this replication. */
  readonly seed: number;
  readonly planned: Planned;
}

export type ToThread = TraceMessage | TaskMessage;

export type FromThread =
  | { readonly kind: 'done'; readonly outcome: ReplayOutcome }
  | { readonly kind: 'failed'; readonly error: ErrorBody['error'] };

/** Places of the control words, which both sides see at once. */
export const STOP = 0;
/** Arrivals that the current task has replayed. */
export const ARRIVALS = 1;
export const CONTROL_WORDS = 2;
