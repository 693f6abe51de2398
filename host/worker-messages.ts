/** What crosses between the serving thread and a worker thread that runs guests. */
import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode } from '../metering/errors.ts';
import type { Outcome } from '../metering/execution.ts';
import type { StopReason } from './component/limit-cells.ts';
import type { CompiledComponent } from './component/module-cache.ts';
import type { RequestData, ResponseData } from './wasi/http-incoming.ts';
import type { OutboundAnswer, OutboundRequest } from './wasi/http-outgoing.ts';

/** The memory that a worker shares: a 32-bit counter of news, and the processor time when its run began. */
export const SHARED_BYTES = 16;
export const NEWS_INDEX = 0;
/** Index among 64-bit floats, in microseconds; read when a run has to be cut off. */
export const CPU_STARTED_INDEX = 1;

/** Given to a worker when it starts. */
export interface WorkerStart {
  /** Answers to outbound requests; read while the worker is blocked. */
  readonly answers: MessagePort;
  /** `NEWS_INDEX` as 32-bit integers: raised after each answer, and what a blocked worker waits on. */
  readonly shared: SharedArrayBuffer;
  /** The cells through which what it runs is limited. */
  readonly limits: WebAssembly.Memory;
}

/** What a thread itself holds one execution to, and the limits that it names when they were passed. */
export interface WorkerLimits {
  readonly responseBytesMax: number;
  /** What is kept of what the guest prints. */
  readonly logBytesMax: number;
  readonly timeLimitMs: number;
  readonly cpuLimitMs: number;
}

export type ToWorker =
  | { readonly type: 'load'; readonly component: CompiledComponent }
  | { readonly type: 'unload'; readonly key: string }
  | {
      readonly type: 'run';
      readonly key: string;
      readonly request: RequestData;
      readonly limits: WorkerLimits;
    };

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly result: RunResult }
  | { readonly type: 'outbound'; readonly id: number; readonly request: OutboundRequest };

export interface AnswerMessage {
  readonly id: number;
  readonly answer: OutboundAnswer;
}

/** How one run in a worker ended and what it used. */
export interface RunResult {
  readonly outcome: Outcome;
  /** Present exactly when the outcome is `ok`. */
  readonly response?: ResponseData;
  /** Present whenever it is not. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  readonly startupUs: number;
  readonly runUs: number;
  readonly cpuUs: number;
  readonly memoryBytesPeak: number;
  /** What the guest wrote to stdout and stderr, cut at a limit. */
  readonly log: string;
}

/** What a caller is told of a guest that was stopped. */
export function limitMessage(
  passed: StopReason,
  { timeLimitMs, cpuLimitMs }: { readonly timeLimitMs: number; readonly cpuLimitMs: number },
): string {
  if (passed === 'time') return `the guest ran longer than its time limit of ${timeLimitMs} ms`;
  return `the guest used more processor time than its limit of ${cpuLimitMs} ms`;
}
