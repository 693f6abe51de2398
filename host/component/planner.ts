/** Plans components in worker threads of their own, one at a time, each under a time limit. */
import { Worker } from 'node:worker_threads';
import { CodedError, type ErrorCode } from '../../metering/errors.ts';
import { siblingModule } from '../sibling-module.ts';
import { checkContract } from './contract.ts';
import { parseComponent } from './parse.ts';
import type { LinkPlan, PlannedFile } from './plan.ts';

export interface PlanQuestion {
  readonly bytes: Uint8Array;
  readonly memoryBytesMax: number;
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

function ask(question: PlanQuestion, signal: AbortSignal): Promise<Planned> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(siblingModule(import.meta.url, 'plan-worker'), { workerData: question });
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      void worker.terminate();
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
    worker.on('message', (answer: PlanAnswer) => {
      if (answer.ok) finish(() => resolve({ plan: answer.plan, files: answer.files }));
      else fail(new CodedError(answer.code, answer.message, answer.details));
    });
    worker.on('error', (error) => fail(invalid(`expected a component that can be planned, got ${error}`)));
    worker.on('exit', () =>
      fail(invalid('expected a component that can be planned, got one that ends planning')),
    );
  });
}

/** Queues planning, so that many deploys at once cannot take the processors from requests. */
export class Planner {
  readonly #closing = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  /** @throws CodedError `component-*`, or `host-draining` when it is closed first. */
  async plan(question: PlanQuestion): Promise<Planned> {
    // What the outside already shows needs no thread, and no place in the queue.
    checkContract(parseComponent(question.bytes));
    const next = this.#last.then(() => {
      if (this.#closing.signal.aborted) throw new CodedError('host-draining', 'the host is stopping');
      return ask(question, this.#closing.signal);
    });
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Gives up what is being planned. */
  close(): void {
    this.#closing.abort();
  }
}
