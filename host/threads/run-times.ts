/** How long the runs of each function take, as far as is known: what placement tells short runs from long ones by. */
import type { Execution } from './execution.ts';
import { SLOT_STATE } from './shared-slot.ts';

/** Runs shorter than this may wait behind each other in a thread: less than it takes to wake another. */
export const SHORT_RUN_US = 500;
/** Runs shorter than this wait for one another even where a thread sleeps: waking it takes as long as several of them. */
const TINY_RUN_US = 100;
/** How much the newest run counts in the mean. */
const NEWEST_WEIGHT = 0.2;
/** Functions whose runs are remembered. */
const FUNCTIONS_MAX = 10_000;

export class RunTimes {
  /** Mean time of a function's runs, newest counting most. */
  readonly #meanUs = new Map<string, number>();

  /** A run of the function took that long. */
  add(functionName: string, runUs: number): void {
    const before = this.#meanUs.get(functionName) ?? runUs;
    this.#meanUs.set(functionName, before + (runUs - before) * NEWEST_WEIGHT);
    if (this.#meanUs.size <= FUNCTIONS_MAX) return;
    const [oldest] = this.#meanUs.keys();
    this.#meanUs.delete(oldest as string);
  }

  isTiny(functionName: string): boolean {
    return this.meanUs(functionName) < TINY_RUN_US;
  }

  isShort(functionName: string): boolean {
    return this.meanUs(functionName) < SHORT_RUN_US;
  }

  /** Whether all of these are short, and none must have its thread for itself. */
  areShort(executions: Iterable<Execution>): boolean {
    for (const { order } of executions)
      if (order.isExclusive || !this.isShort(order.functionName)) return false;
    return true;
  }

  /** How long those that have not ended take, one after the other. */
  sumUs(executions: Iterable<Execution>): number {
    let sumUs = 0;
    for (const { slot, order } of executions)
      if (slot.state !== SLOT_STATE.done) sumUs += this.meanUs(order.functionName);
    return sumUs;
  }

  /** Infinity where nothing is known. */
  meanUs(functionName: string): number {
    return this.#meanUs.get(functionName) ?? Number.POSITIVE_INFINITY;
  }
}
