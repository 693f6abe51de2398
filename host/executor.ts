/** One request of one function, from arrival to its record in the ledger. */
import { asCodedError, CodedError, type ErrorCode } from '../metering/errors.ts';
import type { ExecutionRecord, Outcome, Warmth } from '../metering/execution.ts';
import type { ModuleCache } from './component/module-cache.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { Registry } from './registry.ts';
import { runnableOf } from './run-limits.ts';
import type { SettingsStore } from './settings-store.ts';
import type { WorkerPool } from './threads/pool.ts';
import type { RunEvents, RunResult } from './threads/run-events.ts';
import type { Caller, RunOrder } from './threads/run-order.ts';
import { wallMs } from './wall-clock.ts';
import type { RequestHead } from './wasi/execution-port.ts';

/** A request and its way back, as far as executing and recording it concerns. */
export interface Exchange {
  readonly request: RequestHead;
  readonly wholeBody: RunOrder['wholeBody'];
  readonly events: RunEvents;
  /** Of the request's body, by now. */
  readonly bytesIn: number;
  /** Of the response's body: what was sent, or would be if it were sent now. */
  readonly bytesOut: number;
  /** What the client was sent, or what the guest has answered; undefined while it has not. */
  readonly status: number | undefined;
  /** Whether the client was sent the head, and so cannot be told of an error any more. */
  readonly isAnswered: boolean;
  /** The id that the client was told; undefined while it was told none. */
  readonly executionId: number | undefined;
  /** Whether nobody waits for the response any more. */
  readonly isAbandoned: boolean;
  /** Why the request could not be taken whole. */
  readonly fault: CodedError | undefined;
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
  'functionName' | 'version' | 'arrivedAtUs' | 'memoryBytesLimit' | 'warmth'
>;

/** What a guest makes of a client that is gone is no fault of the guest. */
const AFTER_CLIENT: ReadonlySet<Outcome> = new Set(['ok', 'no-response', 'invalid-response']);

const inUs = (ms: number): number => Math.max(0, Math.ceil(ms * 1_000));
const statusOf = (code: ErrorCode = 'internal'): number => new CodedError(code, '').httpStatus;

export class Executor {
  readonly #registry: Pick<Registry, 'get' | 'leaseOf'>;
  readonly #cache: ModuleCache;
  readonly #pool: Pick<WorkerPool, 'run'>;
  readonly #ledger: Ledger;
  readonly #settings: SettingsStore;
  #underWay = 0;
  #whenIdle: (() => void) | undefined;

  constructor(parts: {
    readonly registry: Pick<Registry, 'get' | 'leaseOf'>;
    readonly cache: ModuleCache;
    readonly pool: Pick<WorkerPool, 'run'>;
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
   * Runs a function once and records it.
   * @returns the execution's id in the ledger.
   * @throws ExecutionError when the guest failed, CodedError when the request was refused.
   */
  async execute(functionName: string, exchange: Exchange, caller: Caller): Promise<number> {
    this.#underWay++;
    try {
      return await this.#execute(functionName, exchange, caller);
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#whenIdle?.();
    }
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Resolves once nothing is under way: a run may go on after its response has left. */
  async idle(): Promise<void> {
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  async #execute(functionName: string, exchange: Exchange, caller: Caller): Promise<number> {
    const arrivedMs = performance.now();
    const { version } = this.#registry.get(functionName);
    const lease = this.#registry.leaseOf(functionName);
    const limits = this.#settings.limits(functionName);
    const { memoryBytesMax } = limits;
    const runnable = runnableOf(version, limits);
    const warmth: Warmth = this.#cache.has(runnable) ? 'cached' : 'cold';
    // In one turn with the look-up: a deploy takes a version away only when no name runs it and nobody loads it.
    const compiling = this.#cache.get(runnable);
    const arrival: Arrival = {
      functionName,
      version,
      arrivedAtUs: Math.round(wallMs(arrivedMs) * 1_000),
      memoryBytesLimit: memoryBytesMax,
      warmth,
    };
    let loadedMs: number;
    let result: RunResult;
    try {
      const component = await compiling;
      loadedMs = performance.now();
      const { request, wholeBody, events } = exchange;
      const order = { ...caller, functionName, lease, limits, request, wholeBody, events };
      result = await this.#pool.run(component, order);
    } catch (thrown) {
      const refusal = asCodedError(thrown);
      await this.#recordRefusal(arrival, exchange, inUs(performance.now() - arrivedMs), refusal);
      throw thrown;
    }
    const queueUs = inUs(result.startedAtMs - performance.timeOrigin - loadedMs);
    return this.#recordRun(arrival, exchange, result, queueUs, inUs(loadedMs - arrivedMs));
  }

  async #recordRefusal(
    arrival: Arrival,
    { bytesIn }: Exchange,
    queueUs: number,
    refusal: CodedError,
  ): Promise<void> {
    const nothing = { startupUs: 0, runUs: 0, cpuUs: 0, fuelUsed: 0, memoryBytesPeak: 0, bytesOut: 0 };
    const ending = { outcome: 'rejected', httpStatus: refusal.httpStatus } as const;
    await this.#ledger.append({ ...arrival, ...nothing, bytesIn, queueUs, ...ending }, refusal.message);
  }

  async #recordRun(
    arrival: Arrival,
    exchange: Exchange,
    result: RunResult,
    queueUs: number,
    loadUs: number,
  ): Promise<number> {
    const { outcome, error } = endingOf(exchange, result);
    const record: ExecutionRecord = {
      ...arrival,
      warmth: result.isWarm ? 'warm' : arrival.warmth,
      queueUs,
      startupUs: loadUs + result.startupUs,
      runUs: result.runUs,
      cpuUs: result.cpuUs,
      fuelUsed: result.fuelUsed,
      memoryBytesPeak: result.memoryBytesPeak,
      bytesIn: exchange.bytesIn,
      outcome,
      bytesOut: outcome === 'ok' || exchange.isAnswered ? exchange.bytesOut : 0,
      httpStatus: statusToRecord(exchange, error),
    };
    const executionId = await this.#ledger.append(record, result.log, exchange.executionId);
    if (!error) return executionId;
    throw new ExecutionError(error.code, error.message, executionId);
  }
}

function statusToRecord({ isAnswered, status = 0 }: Exchange, error: RunResult['error']): number {
  if (isAnswered || !error) return status;
  return statusOf(error.code);
}

/** How a run ended, in view of what became of its request and its client. */
function endingOf(
  { fault, isAbandoned, isAnswered }: Exchange,
  { outcome, error }: RunResult,
): Pick<RunResult, 'outcome' | 'error'> {
  if (isAbandoned && AFTER_CLIENT.has(outcome)) {
    const message = 'the client closed the connection before it had the whole response';
    return { outcome: 'client-closed', error: { code: 'client-closed', message } };
  }
  if (fault && !isAnswered)
    return { outcome: 'interrupted', error: { code: fault.code as ErrorCode, message: fault.message } };
  if (outcome === 'ok') return { outcome };
  return { outcome, error: error ?? { code: 'internal', message: 'the run gave no reason for its failure' } };
}
