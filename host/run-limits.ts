/** What one execution is held to: a function's settings in the units that the running code counts in. */
import type { Runnable } from './component/module-cache.ts';
import { toBytes } from './config.ts';
import type { FunctionSettings } from './function-settings.ts';
import type { OutboundAccess } from './outbound-access.ts';
import type { Preopen } from './preopens.ts';

const BYTES_PER_KB = 1_024;

/** How often an instance may be used, and how long it waits for that. */
export interface Reuse {
  /** Requests that one instance serves, one after the other; 1 is a fresh instance for each. */
  readonly requestsMax: number;
  readonly idleMs: number;
}

export interface RunLimits {
  readonly timeLimitMs: number;
  readonly cpuLimitMs: number;
  /** Most fuel that one execution may use; 0 where fuel is not counted. */
  readonly fuelMax: number;
  readonly reuse: Reuse;
  /** Largest linear memory of an instance. */
  readonly memoryBytesMax: number;
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
  readonly concurrency: number;
  readonly queueLimit: number;
  readonly queueTimeoutMs: number;
  readonly outboundRequestsMax: number;
  readonly logBytesMax: number;
  readonly outbound: OutboundAccess;
  readonly preopens: readonly Preopen[];
}

/** @param preopens all folders of the host, of which the settings name those that the function has. */
export function runLimits(
  settings: FunctionSettings,
  outbound: OutboundAccess,
  preopens: readonly Preopen[],
): RunLimits {
  return Object.freeze({
    timeLimitMs: settings.timeLimitMs,
    cpuLimitMs: settings.cpuLimitMs,
    fuelMax: settings.fuelLimit,
    reuse: Object.freeze({ requestsMax: settings.reuseRequests, idleMs: settings.reuseIdleMs }),
    memoryBytesMax: toBytes(settings.memoryMb),
    requestBytesMax: toBytes(settings.requestMb),
    responseBytesMax: toBytes(settings.responseMb),
    concurrency: settings.concurrency,
    queueLimit: settings.queueLimit,
    queueTimeoutMs: settings.queueTimeoutMs,
    outboundRequestsMax: settings.outboundRequests,
    logBytesMax: settings.logKb * BYTES_PER_KB,
    outbound,
    preopens: preopens.filter(({ guestPath }) => settings.preopens.includes(guestPath)),
  });
}

/** In which form a version is compiled for a function with these limits. */
export const runnableOf = (version: string, { memoryBytesMax, fuelMax }: RunLimits): Runnable => ({
  version,
  memoryBytesMax,
  countsFuel: fuelMax > 0,
});

/** @param left of the fuel, below 0 for a guest that ran into its limit; undefined where nobody knows. */
export function fuelUsed({ fuelMax }: RunLimits, left: bigint | undefined): number {
  if (fuelMax === 0 || left === undefined) return 0;
  return Math.min(Number(BigInt(fuelMax) - left), Number.MAX_SAFE_INTEGER);
}
