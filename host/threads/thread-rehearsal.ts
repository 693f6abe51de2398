/**
 * A request that threads run before they take any other, so that the first real one finds their code compiled. Knows
 * which of them are still to do so; must not know what they run, or how.
 */
import { CodedError } from '../../metering/errors.ts';
import { type RunEvents, type RunResult, UNHEARD } from './run-events.ts';

/** Runs it on a thread, and tells how it ended. */
export type Run<Thread> = (thread: Thread, events: RunEvents, onEnd: (result: RunResult) => void) => void;

export class ThreadRehearsal<Thread> {
  /** Resolves once no thread is left, with how it ended on the first of them. @throws CodedError `host-draining` */
  readonly ended: Promise<RunResult>;
  readonly #left: Set<Thread>;
  readonly #run: Run<Thread>;
  #events: RunEvents | undefined;
  #first: RunResult | undefined;
  #underWay = 0;
  #settle: () => void = () => undefined;

  /** @param events hears of the run on the first thread. */
  constructor(threads: Iterable<Thread>, events: RunEvents, run: Run<Thread>) {
    this.#left = new Set(threads);
    this.#run = run;
    this.#events = events;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = () => {
        if (this.#first) resolve(this.#first);
        else reject(new CodedError('host-draining', 'no thread had time for it'));
      };
    });
  }

  /** A thread has nothing else to do. @returns whether it runs it from now on. */
  take(thread: Thread): boolean {
    if (!this.#left.delete(thread)) return false;
    // For all runs but one nobody listens, since there is one caller.
    const events = this.#events ?? UNHEARD;
    this.#events = undefined;
    this.#underWay++;
    this.#run(thread, events, (result) => {
      this.#first ??= result;
      this.#underWay--;
      this.#look();
    });
    return true;
  }

  /** A thread has gone, or has something else to do. */
  leave(thread: Thread): void {
    if (this.#left.delete(thread)) this.#look();
  }

  /** Nobody asks for it any more. */
  leaveAll(): void {
    this.#left.clear();
    this.#look();
  }

  #look(): void {
    if (this.#underWay === 0 && this.#left.size === 0) this.#settle();
  }
}
