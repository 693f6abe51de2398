/**
 * Gives memory back to the system once deploys have come to rest. V8 keeps the pages of heaps that have shrunk, and of
 * threads that have ended, for the next burst of work, and lets go of them only when it is told that memory is short.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Longer than the planner keeps a thread that it has used. */
export const REST_MS = 15_000;

/** Nothing else runs on the thread meanwhile: 0.5 s with 10,000 functions and a machine busy with other things. */
export function releaseMemory(): void {
  // Contexts made from now on have the function; those that run guests are made in other threads, and never see it.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', flavor: 'last-resort' });
}

export interface Activity {
  /** Grows with everything that the host does for callers. */
  readonly count: () => number;
  readonly isIdle: () => boolean;
}

export class MemoryRelief {
  readonly #activity: Activity;
  readonly #release: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(activity: Activity, release: () => void = releaseMemory) {
    this.#activity = activity;
    this.#release = release;
  }

  /** Something was deployed. Nothing is released before nothing at all has been asked of the host for `REST_MS`. */
  expect(): void {
    clearTimeout(this.#timer);
    const countBefore = this.#activity.count();
    this.#timer = setTimeout(() => {
      if (this.#activity.isIdle() && this.#activity.count() === countBefore) this.#release();
      else this.expect();
    }, REST_MS).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
