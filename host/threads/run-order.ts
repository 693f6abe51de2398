/** What is to be run: as it is asked of the pool, and as the pool gives it to a thread. */
import type { CompiledComponent } from '../component/module-cache.ts';
import type { RunLimits } from '../run-limits.ts';
import type { RequestHead } from '../wasi/execution-port.ts';
import type { SendOutbound } from './outbound-streams.ts';
import type { RunEvents } from './run-events.ts';

/** Who waits for a run. */
export interface Caller {
  /** How many functions of this host wait for this one: 0 for a request from outside. */
  readonly level: number;
  /** Takes the request out of the queue again; a run that has begun is told that nobody takes its response. */
  readonly signal?: AbortSignal;
}

/** One request to run. */
export interface RunOrder extends Caller {
  readonly functionName: string;
  /** Tells the function as it is deployed and set now from what it was before. */
  readonly lease: number;
  readonly limits: RunLimits;
  readonly request: RequestHead;
  /** The request's body where it is small and all of it is there, trailers included; it comes by events as well. */
  readonly wholeBody: readonly Uint8Array[] | undefined;
  readonly events: RunEvents;
}

/** One request that has left the queue. */
export interface ExecutionOrder {
  readonly functionName: string;
  /** Instances are kept under it. */
  readonly lease: number;
  readonly request: RequestHead;
  readonly limits: RunLimits;
  /** How many functions of this host wait for this one. */
  readonly level: number;
  readonly events: RunEvents;
  readonly compiled: CompiledComponent;
  /** The component by its number, which threads know it by. */
  readonly component: number;
  /** When it came, by `performance.now()`. */
  readonly enqueuedMs: number;
  /** Whether the guest comes to checks, where it can be stopped without its thread. */
  readonly hasChecks: boolean;
  /** Whether it has to have its thread for itself. */
  readonly isExclusive: boolean;
  readonly sendOutbound: SendOutbound;
}
