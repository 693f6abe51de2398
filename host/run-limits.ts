/** What one execution is held to: a function's settings in the units that the running code counts in. */
import { toBytes } from './config.ts';
import type { FunctionSettings } from './function-settings.ts';
import type { OutboundAccess } from './outbound-access.ts';

const BYTES_PER_KB = 1_024;

export interface RunLimits {
  readonly timeLimitMs: number;
  readonly cpuLimitMs: number;
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
}

export function runLimits(settings: FunctionSettings, outbound: OutboundAccess): RunLimits {
  return Object.freeze({
    timeLimitMs: settings.timeLimitMs,
    cpuLimitMs: settings.cpuLimitMs,
    memoryBytesMax: toBytes(settings.memoryMb),
    requestBytesMax: toBytes(settings.requestMb),
    responseBytesMax: toBytes(settings.responseMb),
    concurrency: settings.concurrency,
    queueLimit: settings.queueLimit,
    queueTimeoutMs: settings.queueTimeoutMs,
    outboundRequestsMax: settings.outboundRequests,
    logBytesMax: settings.logKb * BYTES_PER_KB,
    outbound,
  });
}
