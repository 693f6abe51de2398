/**
 * What every platform is to the run that drives it: arrivals in, execution records and instance lives out. A
 * platform decides who waits, who starts where and who is refused; it knows no money and no report.
 */
import type { ExecutionRecord } from '../../metering/execution.ts';
import type { ArrivalPiece, OptionalColumns } from '../traces/trace.ts';

export const PLATFORM_NAMES = ['functions', 'vm', 'paas', 'vm-group', 'containers', 'ebb'] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

/** Simulated when a scenario names none. */
export const PLATFORMS_DEFAULT: readonly PlatformName[] = ['functions', 'vm', 'paas'];

/** What an instance did in its life, for books that bill more than the life itself. */
export interface InstanceWork {
  /** Each span in which it had a request in flight, its start-up included where that belongs to a request. */
  readonly busySpansUs: readonly number[];
  readonly busyUs: number;
  /** Idle as one of the minimum instances. */
  readonly keptUs: number;
  readonly cpuUs: number;
  readonly requests: number;
  /** The configured memory; null when its size says. */
  readonly memoryBytes: number | null;
  /** Paid for by the instance in a book of instances, beside a platform that bills executions. */
  readonly isProvisioned: boolean;
  /** Not paid for: its provider took it too soon. Default false. */
  readonly isFree?: boolean;
}

/** Takes what a platform emits. */
export interface Sink {
  /**
   * @param record is reused for the next execution: read it now, never keep it.
   * @param isProvisioned ran on an instance that is paid for as such.
   */
  execution(record: ExecutionRecord, functionIndex: number, isProvisioned?: boolean): void;
  /** One instance's whole life, told when it ends; `work` where the platform knows it. */
  instance(startedAtUs: number, endedAtUs: number, work?: InstanceWork): void;
}

export interface PlatformTotals {
  /** Most instances that existed at once, starting and idle ones included. */
  readonly instancesPeak: number;
  /** The same for each function; null when functions share the instances. */
  readonly instancesPeakByFunction: readonly number[] | null;
  /** Attempts that were refused; a client that tries again makes several of one request. Default: the rejected. */
  readonly throttled?: number;
  /** Attempts after the first. Default 0. */
  readonly retried?: number;
  /** Machines that their provider took. Default 0. */
  readonly interruptions?: number;
  /** Attempts that ran on them then. Default 0. */
  readonly lost?: number;
}

/** What a replay knows of its trace before the first request. */
export interface ReplayHead {
  readonly functionNames: readonly string[];
  readonly versions: readonly string[];
  readonly columns: OptionalColumns;
  /** Whether the one piece that comes is the whole trace, so that its arrivals stay where they are. */
  readonly isWhole: boolean;
  /** The first arrival. */
  readonly firstUs: number;
  /** What the trace says of a function's configured memory. */
  memoryBytesOf(functionIndex: number): number | undefined;
}

/** One replay, from the first request on. */
export interface Replay {
  /**
   * Takes the requests of a piece from the place `from` to before `to`, going on where the last call ended. A piece that
   * is not the whole trace is taken at once, and may be overwritten afterwards.
   */
  feed(piece: ArrivalPiece, from: number, to: number): void;
  /** Nothing arrives any more: what is under way comes to its end. */
  finish(): PlatformTotals;
}

export interface Platform {
  begin(head: ReplayHead, sink: Sink): Replay;
}
