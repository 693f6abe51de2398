/**
 * What every platform is to the run that drives it: arrivals in, execution records and instance lives out. A
 * platform decides who waits, who starts where and who is refused; it knows no money and no report.
 */
import type { ExecutionRecord } from '../../metering/execution.ts';
import type { Trace } from '../traces/trace.ts';

export const PLATFORM_NAMES = ['functions', 'vm', 'paas'] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

/** Takes what a platform emits. */
export interface Sink {
  /** @param record is reused for the next execution: read it now, never keep it. */
  execution(record: ExecutionRecord, functionIndex: number): void;
  /** One instance's whole life, told when it ends. */
  instance(startedAtUs: number, endedAtUs: number): void;
}

export interface PlatformTotals {
  /** Most instances that existed at once, starting and idle ones included. */
  readonly instancesPeak: number;
  /** The same for each function; null when functions share the instances. */
  readonly instancesPeakByFunction: readonly number[] | null;
}

/** Replays a whole trace. `progress` is called every PROGRESS_STEP arrivals and may throw to stop the replay. */
export interface Platform {
  run(trace: Trace, sink: Sink, progress: (arrivals: number) => void): PlatformTotals;
}

/** A power of two: a replay reports after each such number of arrivals. */
export const PROGRESS_STEP = 8192;
