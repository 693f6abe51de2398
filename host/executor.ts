/** One request of one function, from arrival to its record in the ledger. */
import { asCodedError, CodedError, type ErrorCode } from '../metering/errors.ts';
import type { ExecutionRecord, Outcome, Warmth } from '../metering/execution.ts';
import type { ModuleCache } from './component/module-cache.ts';
import type { Ledger } from './ledger.ts';
import type { DeployedFunction } from './registry.ts';
import type { RequestData, ResponseData } from './wasi/http-incoming.ts';
import type { PoolRun, WorkerPool } from './worker-pool.ts';

/** A response that may be released: its record is committed under `executionId`. */
export interface Executed {
  readonly executionId: number;
  readonly response: ResponseData;
}

/** A failed execution that is in the ledger. */
export class ExecutionError extends CodedError {
  readonly executionId: number;

  constructor(code: ErrorCode, message: string, executionId: number) {
    super(code, message);
    this.executionId = executionId;
  }
}

const inUs = (ms: number): number => Math.max(0, Math.ceil(ms * 1_000));
const REFUSALS: readonly ErrorCode[] = ['queue-full', 'queue-timeout'];

export class Executor {
  readonly #cache: ModuleCache;
  readonly #pool: WorkerPool;
  readonly #ledger: Ledger;
  readonly #memoryBytesLimit: number;

  constructor(cache: ModuleCache, pool: WorkerPool, ledger: Ledger, memoryBytesLimit: number) {
    this.#cache = cache;
    this.#pool = pool;
    this.#ledger = ledger;
    this.#memoryBytesLimit = memoryBytesLimit;
  }

  /**
   * Runs a function once in a fresh instance and records it.
   * @throws ExecutionError when the guest failed, CodedError when the request was refused.
   */
  async execute(target: DeployedFunction, request: RequestData, signal?: AbortSignal): Promise<Executed> {
    const arrivedMs = performance.now();
    const base = {
      functionName: target.name,
      version: target.version,
      arrivedAtUs: Math.round((performance.timeOrigin + arrivedMs) * 1_000),
      memoryBytesLimit: this.#memoryBytesLimit,
      bytesIn: request.body.length,
    };
    const warmth: Warmth = this.#cache.has(target.version) ? 'cached' : 'cold';
    const component = await this.#cache.get(target.version);
    const loadedMs = performance.now();
    let ran: PoolRun;
    try {
      ran = await this.#pool.run(component, request, signal);
    } catch (thrown) {
      const refusal = asCodedError(thrown);
      if (!REFUSALS.includes(refusal.code)) throw refusal;
      const waitedUs = inUs(performance.now() - arrivedMs);
      await this.#ledger.append(
        { ...base, ...rejected(waitedUs, refusal.httpStatus), warmth },
        refusal.message,
      );
      throw refusal;
    }
    const { result, dispatchedMs } = ran;
    const record: ExecutionRecord = {
      ...base,
      queueUs: inUs(dispatchedMs - loadedMs),
      startupUs: inUs(loadedMs - arrivedMs) + result.startupUs,
      runUs: result.runUs,
      cpuUs: result.cpuUs,
      memoryBytesPeak: result.memoryBytesPeak,
      bytesOut: result.response?.body.length ?? 0,
      httpStatus: result.response?.status ?? statusOf(result.error?.code),
      outcome: result.outcome,
      warmth,
    };
    const executionId = await this.#ledger.append(record, result.log);
    if (result.response) return { executionId, response: result.response };
    const { code, message } = result.error ?? {
      code: 'internal',
      message: 'the run gave neither response nor error',
    };
    throw new ExecutionError(code, message, executionId);
  }
}

const statusOf = (code: ErrorCode = 'internal'): number => new CodedError(code, '').httpStatus;

function rejected(queueUs: number, httpStatus: number) {
  const nothing = { startupUs: 0, runUs: 0, cpuUs: 0, memoryBytesPeak: 0, bytesOut: 0 };
  return { ...nothing, queueUs, httpStatus, outcome: 'rejected' as Outcome };
}
