/** One execution in a worker: a fresh instance, its handler, and how it ended. Must not know how its thread waits. */
import type { ErrorCode } from '../../metering/errors.ts';
import { OUTCOMES, type Outcome } from '../../metering/execution.ts';
import { stopReason } from '../component/limit-cells.ts';
import type { GuestInstance, LinkedComponent } from '../component/link.ts';
import { Allowance } from '../wasi/http-bodies.ts';
import { IncomingRequest, ResponseOutparam } from '../wasi/http-incoming.ts';
import { type ExecutionContext, GuestExit } from '../wasi/imports.ts';
import { FRAME, type StartHead } from './frames.ts';
import { USED } from './shared-area.ts';
import type { SharedPort } from './shared-port.ts';

class ResponseTooLarge extends Error {}

/** What is told of a run that failed. */
export interface RunFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

interface Ending {
  readonly outcome: Outcome;
  readonly error?: RunFailure;
}

const OK: Ending = { outcome: 'ok' };
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

  get bytes(): Uint8Array | undefined {
    return this.#chunks.length === 0 ? undefined : Buffer.concat(this.#chunks);
  }
}

const nowUs = (): number => performance.now() * 1_000;

/** What an execution needs of its thread. */
export interface ExecutionThread {
  component(id: number): LinkedComponent;
  /** From now on the thread's processor time is the execution's. */
  enter(port: SharedPort): void;
  leave(port: SharedPort): void;
}

export class WorkerExecution {
  readonly #port: SharedPort;
  readonly #thread: ExecutionThread;
  readonly #start: StartHead;
  readonly #log: LogBuffer;
  readonly #outparam: ResponseOutparam;
  readonly #startedUs = nowUs();
  #readyUs: number | undefined;
  #instance: GuestInstance | undefined;

  constructor(port: SharedPort, thread: ExecutionThread) {
    port.slot.used[USED.startedAtMs] = performance.timeOrigin + performance.now();
    thread.enter(port);
    this.#port = port;
    this.#thread = thread;
    this.#start = port.begin();
    this.#log = new LogBuffer(this.#start.logBytesMax);
    this.#outparam = new ResponseOutparam(port);
  }

  /** Runs it to its end, whatever that is. @returns a promise where the guest had to wait for something. */
  run(): Promise<void> | undefined {
    try {
      const { component, request } = this.#start;
      this.#instance = this.#thread.component(component).instantiate(this.#context());
      this.#readyUs = nowUs();
      const handled = this.#instance.handle(
        new IncomingRequest(request, this.#port.requestBody),
        this.#outparam,
      );
      if (handled) {
        return handled.then(
          () => this.#finish(this.#ending()),
          (thrown) => this.#finish(this.#endingOfThrown(thrown)),
        );
      }
    } catch (thrown) {
      this.#finish(this.#endingOfThrown(thrown));
      return undefined;
    }
    this.#finish(this.#ending());
    return undefined;
  }

  #context(): ExecutionContext {
    const { responseBytesMax, request } = this.#start;
    const onTooLarge = (): never => {
      throw new ResponseTooLarge(
        `expected bodies of at most ${responseBytesMax} bytes from the guest, got more`,
      );
    };
    return {
      port: this.#port,
      isHead: request.method === 'HEAD',
      responseAllowance: new Allowance(responseBytesMax, onTooLarge),
      requestAllowance: new Allowance(responseBytesMax, onTooLarge),
      onLog: this.#log.write,
    };
  }

  /** What a guest that returned has left behind. */
  #ending(): Ending {
    const set = this.#outparam.value;
    if (!set)
      return failed('no-response', 'guest-no-response', 'the guest returned without setting a response');
    if (set.tag === 'err') {
      const message = `the guest answered with error ${set.val.tag}${detailOf(set.val.val)}`;
      return failed('invalid-response', 'guest-response-invalid', message);
    }
    if (set.val.close()) return OK;
    return failed('invalid-response', 'guest-response-invalid', 'the guest did not finish its response body');
  }

  #endingOfThrown(thrown: unknown): Ending {
    if (thrown instanceof GuestExit) {
      if (thrown.isSuccess && this.#outparam.value) return this.#ending();
      return failed('exit', 'guest-exit', thrown.message);
    }
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (thrown instanceof ResponseTooLarge)
      return failed('response-too-large', 'guest-response-too-large', message);
    // The serving thread knows the limit that was passed, and has the words for it.
    if (stopReason(this.#port.slot.stopReason)) return failed('time-limit', 'guest-time-limit', '');
    return failed('trap', 'guest-trap', `the guest trapped: ${message}`);
  }

  #finish({ outcome, error }: Ending): void {
    const { slot } = this.#port;
    const endedUs = nowUs();
    const readyUs = this.#readyUs ?? endedUs;
    this.#thread.leave(this.#port);
    const { used } = slot;
    used[USED.startupUs] = Math.ceil(readyUs - this.#startedUs);
    used[USED.runUs] = Math.ceil(endedUs - readyUs);
    used[USED.memoryBytesPeak] = this.#instance?.memoryBytes() ?? 0;
    slot.outcome = OUTCOMES.indexOf(outcome);
    const log = this.#log.bytes;
    if (log) this.#port.postBytes(FRAME.log, 0, log);
    if (error) this.#port.postBytes(FRAME.result, 0, Buffer.from(JSON.stringify(error)));
    else this.#port.postText(FRAME.result, 0, '');
  }

  /** Gives back what can be used again, once the result is on its way: clearing a memory takes time. */
  release(): void {
    this.#instance?.release();
  }
}
