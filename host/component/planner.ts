/** Plans components in worker threads of their own, one at a time, each under a time limit. */
import { Worker } from 'node:worker_threads';
import { CodedError, type ErrorCode } from '../../metering/errors.ts';
import { siblingModule } from '../sibling-module.ts';
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

function ask(question: PlanQuestion): Promise<Planned> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(siblingModule(import.meta.url, 'plan-worker'), { workerData: question });
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      void worker.terminate();
      settle();
    };
    const timer = setTimeout(() => {
      const message = `expected a component that can be planned within ${PLAN_TIME_LIMIT_MS} ms, got one that takes longer`;
      finish(() => reject(new CodedError('component-invalid', message)));
    }, PLAN_TIME_LIMIT_MS);
    worker.on('message', (answer: PlanAnswer) => {
      if (answer.ok) finish(() => resolve({ plan: answer.plan, files: answer.files }));
      else finish(() => reject(new CodedError(answer.code, answer.message, answer.details)));
    });
    worker.on('error', (error) =>
      finish(() => reject(new CodedError('component-invalid', `planning failed: ${error}`))),
    );
  });
}

/** Queues planning, so that many deploys at once cannot take the processors from requests. */
export class Planner {
  #last: Promise<unknown> = Promise.resolve();

  /** @throws CodedError `component-*` */
  plan(question: PlanQuestion): Promise<Planned> {
    const next = this.#last.then(() => ask(question));
    this.#last = next.catch(() => undefined);
    return next;
  }
}
