/**
 * Plans components in a worker thread, one at a time, each under a time limit. From the first one on, which is that of
 * the rehearsal, a thread waits for the next component; one that a component has failed in is never used again.
 */
import { Worker } from 'node:worker_threads';
import { CodedError, type ErrorCode } from '../../metering/errors.ts';
import { siblingModule } from '../sibling-module.ts';
import { checkContract } from './contract.ts';
import type { PlannedFile } from './generated-plan.ts';
import { parseComponent } from './parse.ts';
import type { LinkPlan } from './plan.ts';

export interface PlanQuestion {
  readonly bytes: Uint8Array;
  readonly memoryBytesMax: number;
  readonly countsFuel: boolean;
}

export interface Planned {
  readonly plan: LinkPlan;
  readonly files: readonly PlannedFile[];
}

export type PlanAnswer =
  | ({ readonly ok: true } & Planned)
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly details?: Readonly<Record<string, unknown>>;
    };

/** A component that is still not planned after this long is refused: it would block every later deploy. */
const PLAN_TIME_LIMIT_MS = 60_000;

const invalid = (message: string): CodedError => new CodedError('component-invalid', message);

/** How long a thread that was used waits for the next component before a new one takes its place: memory only grows. */
const IDLE_MS = 10_000;

/** What was made last in its heap, garbage mostly: left to itself, it grows with each component of a long row of them. */
const YOUNG_MB = 6;

function ask(worker: Worker, question: PlanQuestion, signal: AbortSignal): Promise<Planned> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      worker.off('message', onAnswer);
      worker.off('error', onError);
      worker.off('exit', onExit);
      settle();
    };
    const fail = (error: CodedError) => finish(() => reject(error));
    const stop = () =>
      fail(new CodedError('host-draining', 'the host stopped before the component was planned'));
    const timer = setTimeout(() => {
      fail(
        invalid(`expected a component that can be planned within ${PLAN_TIME_LIMIT_MS} ms, got a slower one`),
      );
    }, PLAN_TIME_LIMIT_MS);
    signal.addEventListener('abort', stop);
    const onAnswer = (answer: PlanAnswer) => {
      if (answer.ok) finish(() => resolve({ plan: answer.plan, files: answer.files }));
      else fail(new CodedError(answer.code, answer.message, answer.details));
    };
    const onError = (error: unknown) =>
      fail(invalid(`expected a component that can be planned, got ${String(error)}`));
    const onExit = () =>
      fail(invalid('expected a component that can be planned, got one that ends planning'));
    worker.on('message', onAnswer);
    worker.on('error', onError);
    worker.on('exit', onExit);
    worker.postMessage(question);
  });
}

/** Queues planning, so that many deploys at once cannot take the processors from requests. */
export class Planner {
  readonly #closing = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #idle: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @throws CodedError `component-*`, or `host-draining` when it is closed first. */
  async plan(question: PlanQuestion): Promise<Planned> {
    // What the outside already shows needs no thread, and no place in the queue.
    checkContract(parseComponent(question.bytes));
    const next = this.#last.then(() => {
      if (this.#closing.signal.aborted) throw new CodedError('host-draining', 'the host is stopping');
      return this.#ask(question);
    });
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Gives up what is being planned. */
  close(): void {
    this.#closing.abort();
    void this.#takeIdle()?.terminate();
  }

  async #ask(question: PlanQuestion): Promise<Planned> {
    const worker = this.#takeIdle() ?? this.#start();
    worker.ref();
    try {
      const planned = await ask(worker, question, this.#closing.signal);
      this.#keep(worker);
      this.#timer = setTimeout(() => this.#renew(), IDLE_MS).unref();
      return planned;
    } catch (thrown) {
      // A generator that has failed once may be in any state.
      void worker.terminate();
      this.#renew();
      throw thrown;
    }
  }

  #start(): Worker {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    const worker = new Worker(siblingModule(import.meta.url, 'plan-worker'), { resourceLimits });
    // What goes wrong while it idles is nobody's fault: the next component gets another thread.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.#idle === worker) this.#takeIdle();
    });
    return worker;
  }

  #takeIdle(): Worker | undefined {
    const idle = this.#idle;
    this.#idle = undefined;
    clearTimeout(this.#timer);
    return idle;
  }

  #keep(worker: Worker): void {
    if (this.#closing.signal.aborted) {
      void worker.terminate();
      return;
    }
    // It must not keep a process alive that has nothing else to do.
    worker.unref();
    this.#idle = worker;
  }

  /** Lets the idle thread go, and its memory with it; another one starts in time for the next component. */
  #renew(): void {
    void this.#takeIdle()?.terminate();
    if (!this.#closing.signal.aborted) this.#keep(this.#start());
  }
}
