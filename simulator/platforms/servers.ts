/**
 * Equal servers behind one first-come-first-served queue, without events: the next to start takes the first server to
 * be free. It decides who starts when; what runs is its owner's affair.
 */
import { type AdmissionState, admit, waitedTooLong } from '../../metering/policy.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { Fifo } from '../kernel/fifo.ts';

/** What `startOf` answers instead of a time. */
export const QUEUE_FULL = Number.NEGATIVE_INFINITY;
export const QUEUE_TIMEOUT = Number.POSITIVE_INFINITY;

export class Servers {
  readonly #freeAt = new EventQueue();
  /** When each of those that wait leaves the queue; never falls. */
  readonly #leaves = new Fifo();
  readonly #state: { -readonly [Key in keyof AdmissionState]: AdmissionState[Key] };
  readonly #queueTimeoutUs: number;

  /** @param queueTimeoutUs longest wait; may be Infinity. */
  constructor(servers: number, queueLimit: number, queueTimeoutUs = Number.POSITIVE_INFINITY) {
    for (let server = 0; server < servers; server++) this.#freeAt.push(Number.NEGATIVE_INFINITY, server);
    this.#state = { running: 0, concurrencyLimit: servers, queued: 0, queueLimit };
    this.#queueTimeoutUs = queueTimeoutUs;
  }

  /** When a request that arrives now will start, or why it never will. Calls must not go back in time. */
  startOf(nowUs: number): number {
    const leaves = this.#leaves;
    while (leaves.length > 0 && leaves.first <= nowUs) leaves.shift();
    const freeAtUs = this.#freeAt.nextKey;
    const state = this.#state;
    // Whoever was let in and has not started is waiting. One free server is as good as many to the decision.
    state.queued = leaves.length;
    state.running = freeAtUs <= nowUs ? state.concurrencyLimit - 1 : state.concurrencyLimit;
    switch (admit(state)) {
      case 'start':
        return nowUs;
      case 'queue': {
        // Whoever loses its chance takes no server, so those behind it know their start already.
        const isTooLong = waitedTooLong(freeAtUs - nowUs, this.#queueTimeoutUs);
        leaves.push(isTooLong ? nowUs + this.#queueTimeoutUs : freeAtUs);
        return isTooLong ? QUEUE_TIMEOUT : freeAtUs;
      }
      case 'reject':
        return QUEUE_FULL;
    }
  }

  /** The request that `startOf` let in last occupies its server until then. */
  occupy(untilUs: number): void {
    this.#freeAt.push(untilUs, this.#freeAt.pop());
  }
}
