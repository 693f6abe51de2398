/** One request of one function, from arrival to its record in the ledger. */
import { asCodedError, CodedError, type ErrorCode } from '../metering/errors.ts';
import type { ExecutionRecord, Warmth } from '../metering/execution.ts';
import type { CompiledComponent, ModuleCache } from './component/module-cache.ts';
import type { Ledger } from './ledger.ts';
import type { Registry } from './registry.ts';
import type { SettingsStore } from './settings-store.ts';
import type { RequestData, ResponseData } from './wasi/http-incoming.ts';
import type { Caller, PoolRun, WorkerPool } from './worker-pool.ts';

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

/** What is known of an execution before it runs. */
type Arrival = Pick<
  ExecutionRecord,
  'functionName' | 'version' | 'arrivedAtUs' | 'memoryBytesLimit' | 'bytesIn' | 'warmth'
>;

const inUs = (ms: number): number => Math.max(0, Math.ceil(ms * 1_000));
const statusOf = (code: ErrorCode = 'internal'): number => new CodedError(code, '').httpStatus;

export class Executor {
  readonly #registry: Registry;
  readonly #cache: ModuleCache;
  readonly #pool: WorkerPool;
  readonly #ledger: Ledger;
  readonly #settings: SettingsStore;

  constructor(parts: {
    readonly registry: Registry;
    readonly cache: ModuleCache;
    readonly pool: WorkerPool;
    readonly ledger: Ledger;
    readonly settings: SettingsStore;
  }) {
    this.#registry = parts.registry;
    this.#cache = parts.cache;
    this.#pool = parts.pool;
    this.#ledger = parts.ledger;
    this.#settings = parts.settings;
  }

  /**
   * Runs a function once in a fresh instance and records it.
   * @throws ExecutionError when the guest failed, CodedError when the request was refused.
   */
  async execute(functionName: string, request: RequestData, caller: Caller): Promise<Executed> {
    const arrivedMs = performance.now();
    const { version } = this.#registry.get(functionName);
    const limits = this.#settings.limits(functionName);
    const { memoryBytesMax } = limits;
    const warmth: Warmth = this.#cache.has(version, memoryBytesMax) ? 'cached' : 'cold';
    // In one turn with the look-up: a deploy takes a version away only when no name runs it and nobody loads it.
    const compiling = this.#cache.get(version, memoryBytesMax);
    const arrival: Arrival = {
      functionName,
      version,
      arrivedAtUs: Math.round((performance.timeOrigin + arrivedMs) * 1_000),
      memoryBytesLimit: memoryBytesMax,
      bytesIn: request.body.length,
      warmth,
    };
    let loadedMs: number;
    let ran: PoolRun;
    try {
      const component: CompiledComponent = await compiling;
      loadedMs = performance.now();
      ran = await this.#pool.run(component, request, { ...caller, functionName, limits });
    } catch (thrown) {
      await this.#recordRefusal(arrival, inUs(performance.now() - arrivedMs), asCodedError(thrown));
      throw thrown;
    }
    return this.#recordRun(arrival, ran, inUs(ran.dispatchedMs - loadedMs), inUs(loadedMs - arrivedMs));
  }

  async #recordRefusal(arrival: Arrival, queueUs: number, refusal: CodedError): Promise<void> {
    const nothing = { startupUs: 0, runUs: 0, cpuUs: 0, memoryBytesPeak: 0, bytesOut: 0 };
    const ending = { outcome: 'rejected', httpStatus: refusal.httpStatus } as const;
    await this.#ledger.append({ ...arrival, ...nothing, queueUs, ...ending }, refusal.message);
  }

  async #recordRun(arrival: Arrival, ran: PoolRun, queueUs: number, loadUs: number): Promise<Executed> {
    const { response, error, log, ...used } = ran.result;
    const record: ExecutionRecord = {
      ...arrival,
      queueUs,
      startupUs: loadUs + used.startupUs,
      runUs: used.runUs,
      cpuUs: used.cpuUs,
      memoryBytesPeak: used.memoryBytesPeak,
      outcome: used.outcome,
      bytesOut: response?.body.length ?? 0,
      httpStatus: response?.status ?? statusOf(error?.code),
    };
    const executionId = await this.#ledger.append(record, log);
    if (response) return { executionId, response };
    const message = error?.message ?? 'the run gave neither response nor error';
    throw new ExecutionError(error?.code ?? 'internal', message, executionId);
  }
}
