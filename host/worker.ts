/** Worker thread that runs guests, one execution at a time, each in an instance of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ErrorCode } from '../metering/errors.ts';
import type { Outcome } from '../metering/execution.ts';
import { LimitCells } from './component/limit-cells.ts';
import { type GuestInstance, type LinkedComponent, linkComponent } from './component/link.ts';
import { MemoryPool } from './component/memory-pool.ts';
import { Allowance } from './wasi/http-bodies.ts';
import {
  asSent,
  IncomingRequest,
  type RequestData,
  type ResponseData,
  ResponseOutparam,
} from './wasi/http-incoming.ts';
import { type ExecutionContext, GuestExit } from './wasi/imports.ts';
import { Mailbox } from './worker-mailbox.ts';
import {
  CPU_STARTED_INDEX,
  type FromWorker,
  limitMessage,
  type RunResult,
  type ToWorker,
  type WorkerLimits,
  type WorkerStart,
} from './worker-messages.ts';

const start = workerData as WorkerStart;
const post = (message: FromWorker): void => parentPort?.postMessage(message);
const cells = new LimitCells(start.limits);
const mailbox = new Mailbox(
  start.answers,
  start.shared,
  (id, request) => post({ type: 'outbound', id, request }),
  () => cells.stopReason !== undefined,
);
const cpuStarted = new Float64Array(start.shared);
const components = new Map<string, LinkedComponent>();
const memoryPool = new MemoryPool();

class ResponseTooLarge extends Error {}

type Ending =
  | { readonly outcome: 'ok'; readonly response: ResponseData }
  | { readonly outcome: Outcome; readonly error: { readonly code: ErrorCode; readonly message: string } };

const failed = (outcome: Outcome, code: ErrorCode, message: string): Ending => ({
  outcome,
  error: { code, message },
});

/** What an error case carries, in words. */
function detailOf(value: unknown): string {
  if (value === undefined) return '';
  const json = JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? Number(part) : part));
  return ` (${typeof value === 'string' ? value : json})`;
}

/** What a guest that returned has left behind. */
function endingOf(outparam: ResponseOutparam, method: string): Ending {
  const set = outparam.value;
  if (!set)
    return failed('no-response', 'guest-no-response', 'the guest returned without setting a response');
  if (set.tag === 'err') {
    const message = `the guest answered with error ${set.val.tag}${detailOf(set.val.val)}`;
    return failed('invalid-response', 'guest-response-invalid', message);
  }
  const response = set.val.collect();
  if (response) return { outcome: 'ok', response: asSent(method, response) };
  return failed('invalid-response', 'guest-response-invalid', 'the guest did not finish its response body');
}

function endingOfThrown(
  thrown: unknown,
  outparam: ResponseOutparam,
  method: string,
  limits: WorkerLimits,
): Ending {
  if (thrown instanceof GuestExit) {
    if (thrown.isSuccess && outparam.value) return endingOf(outparam, method);
    return failed('exit', 'guest-exit', thrown.message);
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof ResponseTooLarge)
    return failed('response-too-large', 'guest-response-too-large', message);
  const passed = cells.stopReason;
  if (passed) return failed('time-limit', 'guest-time-limit', limitMessage(passed, limits));
  return failed('trap', 'guest-trap', `the guest trapped: ${message}`);
}

/** Collects what a guest prints, up to a limit. */
class LogBuffer {
  readonly #chunks: Uint8Array[] = [];
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  readonly write = (bytes: Uint8Array): void => {
    const kept = bytes.subarray(0, this.#bytesMax - this.#bytes);
    this.#bytes += kept.length;
    if (kept.length > 0) this.#chunks.push(kept);
  };

  toString(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

function contextFor(log: LogBuffer, isHead: boolean, bytesMax: number): ExecutionContext {
  const onTooLarge = (): never => {
    throw new ResponseTooLarge(`expected bodies of at most ${bytesMax} bytes from the guest, got more`);
  };
  const responseRules = { allowance: new Allowance(bytesMax, onTooLarge), isHead };
  const requestAllowance = new Allowance(bytesMax, onTooLarge);
  return { responseRules, requestAllowance, outbound: mailbox, onLog: log.write };
}

const nowUs = (): number => performance.now() * 1_000;
const cpuNowUs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};

/** One run, and the instance that is to be released once the result is on its way. */
interface Ran {
  readonly result: RunResult;
  readonly instance: GuestInstance | undefined;
}

function run(key: string, request: RequestData, limits: WorkerLimits): Ran {
  const log = new LogBuffer(limits.logBytesMax);
  const outparam = new ResponseOutparam();
  const startedUs = nowUs();
  const cpuStartedUs = cpuNowUs();
  cpuStarted[CPU_STARTED_INDEX] = cpuStartedUs;
  let instance: GuestInstance | undefined;
  let readyUs: number | undefined;
  let ending: Ending;
  mailbox.beginExecution();
  try {
    const context = contextFor(log, request.method === 'HEAD', limits.responseBytesMax);
    instance = (components.get(key) as LinkedComponent).instantiate(context);
    readyUs = nowUs();
    instance.handle(new IncomingRequest(request), outparam);
    ending = endingOf(outparam, request.method);
  } catch (thrown) {
    ending = endingOfThrown(thrown, outparam, request.method, limits);
  }
  const endedUs = nowUs();
  readyUs ??= endedUs;
  const result: RunResult = {
    ...ending,
    startupUs: Math.ceil(readyUs - startedUs),
    runUs: Math.ceil(endedUs - readyUs),
    // The kernel counts in ticks: what it adds at once may belong to the time before.
    cpuUs: Math.ceil(Math.min(cpuNowUs() - cpuStartedUs, endedUs - startedUs)),
    memoryBytesPeak: instance?.memoryBytes() ?? 0,
    log: log.toString(),
  };
  return { result, instance };
}

parentPort?.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'load': {
      const { component } = message;
      components.set(component.key, linkComponent(component, { pool: memoryPool, cells }));
      return;
    }
    case 'unload':
      components.delete(message.key);
      return;
    case 'run': {
      const { result, instance } = run(message.key, message.request, message.limits);
      post({ type: 'done', result });
      // Clearing a memory takes time that the caller need not wait for.
      instance?.release();
      return;
    }
    default:
      message satisfies never;
  }
});

post({ type: 'ready' });
