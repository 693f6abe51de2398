/** One execution in a worker: a fresh instance, its handler, and how it ended. Must not know how its thread waits. */
import type { ErrorCode } from '../../metering/errors.ts';
import { OUTCOMES, type Outcome } from '../../metering/execution.ts';
import { stopReasonOf } from '../component/limit-cells.ts';
import type { GuestInstance, LinkedComponent } from '../component/link.ts';
import { LogBuffer } from '../log-buffer.ts';
import { type Answered, Execution } from '../wasi/execution.ts';
import { GuestExit } from '../wasi/imports.ts';
import { FRAME, type StartHead } from './frames.ts';
import type { IdleInstance, IdleInstances } from './idle-instances.ts';
import type { SharedPort } from './shared-port.ts';
import { USED } from './shared-slot.ts';

class ResponseTooLarge extends Error {}
/** It said that all is well, and had not answered. */
class GuestGaveUp extends Error {}

const UNFINISHED = 'the guest did not finish its response body';

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

const nowUs = (): number => performance.now() * 1_000;

/** An instance that waits for another request. */
export interface KeptInstance extends IdleInstance {
  readonly instance: GuestInstance;
}

/** What a thread has for its executions. */
export interface ExecutionSurroundings {
  /** The components that it has been given, by their numbers. */
  readonly componentOf: (id: number) => LinkedComponent;
  readonly idle: IdleInstances<KeptInstance>;
}

export class WorkerExecution {
  readonly #port: SharedPort;
  readonly #surroundings: ExecutionSurroundings;
  readonly #start: StartHead;
  readonly #log: LogBuffer;
  readonly #execution: Execution;
  readonly #startedUs = nowUs();
  #readyUs: number | undefined;
  #instance: GuestInstance | undefined;
  /** Requests that it has served before. */
  #served = 0;
  #hasExited = false;
  /** Whether it returned by itself, and nothing stopped it. */
  #isSound = false;
  #isKept = false;

  constructor(port: SharedPort, surroundings: ExecutionSurroundings) {
    port.slot.used[USED.startedAtMs] = performance.timeOrigin + performance.now();
    port.enter();
    this.#port = port;
    this.#surroundings = surroundings;
    this.#start = port.begin();
    const { responseBytesMax: bodyBytesMax, preopens, request: head } = this.#start;
    this.#log = new LogBuffer(this.#start.logBytesMax);
    const onTooLarge = (bytesMax: number): never => {
      throw new ResponseTooLarge(`expected bodies of at most ${bytesMax} bytes from the guest, got more`);
    };
    const onLog = this.#log.write;
    this.#execution = new Execution({ port, head, bodyBytesMax, onTooLarge, onLog, preopens });
  }

  /** Runs it to its end, whatever that is. @returns a promise where the guest had to wait for something. */
  run(): Promise<void> | undefined {
    try {
      const { request, outparam } = this.#execution;
      this.#instance = this.#takeInstance();
      this.#readyUs = nowUs();
      const handled = this.#instance.handle(request, outparam);
      const answered = handled ? handled.then(() => this.#execution.end()) : this.#execution.end();
      if (answered instanceof Promise) return this.#finishAfter(answered);
      this.#finish(this.#ending(answered));
    } catch (thrown) {
      if (thrown instanceof GuestExit && thrown.isSuccess) return this.#finishAfter(this.#exited(thrown));
      this.#finish(this.#endingOfThrown(thrown));
    }
    return undefined;
  }

  /** One that waits for this function, or a new one. */
  #takeInstance(): GuestInstance {
    const { lease, reuse, component } = this.#start;
    const { idle, componentOf } = this.#surroundings;
    const kept = reuse.requestsMax > 1 ? idle.take(lease) : undefined;
    if (!kept?.instance.resume) return componentOf(component).instantiate(this.#execution);
    this.#served = kept.served;
    this.#port.slot.markWarm();
    kept.instance.resume(this.#execution);
    return kept.instance;
  }

  async #finishAfter(answered: Promise<Answered>): Promise<void> {
    try {
      this.#finish(this.#ending(await answered));
    } catch (thrown) {
      if (thrown instanceof GuestExit && thrown.isSuccess && this.#readyUs !== undefined) {
        await this.#finishAfter(this.#exited(thrown));
        return;
      }
      this.#finish(this.#endingOfThrown(thrown));
    }
  }

  /** A guest that says it is done has answered as if it had returned, if it has answered at all. */
  async #exited(exit: GuestExit): Promise<Answered> {
    this.#hasExited = true;
    const { tag } = this.#execution.answered;
    if (tag === 'none') throw new GuestGaveUp(exit.message);
    return this.#execution.end();
  }

  /** What a guest that returned has left behind. */
  #ending(answered: Answered): Ending {
    switch (answered.tag) {
      case 'none':
        return failed('no-response', 'guest-no-response', 'the guest returned without setting a response');
      case 'err': {
        const { tag, val } = answered.error;
        const message = `the guest answered with error ${tag}${detailOf(val)}`;
        return failed('invalid-response', 'guest-response-invalid', message);
      }
      default:
        return answered.failure ? failed('invalid-response', 'guest-response-invalid', UNFINISHED) : OK;
    }
  }

  #endingOfThrown(thrown: unknown): Ending {
    this.#execution.abandon();
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (thrown instanceof GuestExit || thrown instanceof GuestGaveUp)
      return failed('exit', 'guest-exit', message);
    if (thrown instanceof ResponseTooLarge)
      return failed('response-too-large', 'guest-response-too-large', message);
    // The serving thread knows the limit that was passed, and has the words for it.
    if (stopReasonOf(this.#port.slot.stopReason)) return failed('time-limit', 'guest-time-limit', '');
    return failed('trap', 'guest-trap', `the guest trapped: ${message}`);
  }

  #finish({ outcome, error }: Ending): void {
    const { slot } = this.#port;
    const endedUs = nowUs();
    const readyUs = this.#readyUs ?? endedUs;
    this.#port.endTurn();
    const { used } = slot;
    used[USED.startupUs] = Math.ceil(readyUs - this.#startedUs);
    used[USED.runUs] = Math.ceil(endedUs - readyUs);
    used[USED.memoryBytesPeak] = this.#instance?.memoryBytes() ?? 0;
    slot.outcome = OUTCOMES.indexOf(outcome);
    this.#isSound = outcome === 'ok' && !this.#hasExited && slot.stopReason === 0;
    this.#isKept = this.#isSound && this.#canServeMore;
    if (this.#isKept) slot.markKept();
    const log = this.#log.bytes;
    if (log) this.#port.postBytes(FRAME.log, 0, log);
    if (error) this.#port.postBytes(FRAME.result, 0, Buffer.from(JSON.stringify(error)));
    else this.#port.postText(FRAME.result, 0, '');
  }

  get #canServeMore(): boolean {
    if (!this.#execution.isTidy) return false;
    return this.#instance?.rest !== undefined && this.#served + 1 < this.#start.reuse.requestsMax;
  }

  /** Gives back what can be used again, once the result is on its way: clearing a memory takes time. */
  release(): void {
    const instance = this.#instance;
    if (!instance) return;
    if (!this.#isKept || !instance.rest?.()) {
      instance.release(this.#isSound);
      return;
    }
    const { lease, component, reuse } = this.#start;
    const memoryBytes = instance.memoryBytes();
    const served = this.#served + 1;
    this.#surroundings.idle.give({ lease, component, served, idleMs: reuse.idleMs, memoryBytes, instance });
  }
}
