/** Clients that try again when they are refused: exponential backoff with full jitter, at most so many attempts. */
import { EventQueue } from '../kernel/event-queue.ts';
import type { RandomStream } from '../kernel/random.ts';

export interface RetrySettings {
  /** Of one request, the first included. */
  readonly attemptsMax: number;
  /** The first pause is drawn between 0 and this; each next range is twice as wide. */
  readonly backoffUs: number;
}

/** Widest range of a pause, as the standard mode of boto3 has it (its guide "Retries", 2025). */
const BACKOFF_US_MAX = 20_000_000;

export class Retries {
  readonly #settings: RetrySettings;
  readonly #random: RandomStream;
  readonly #queue = new EventQueue();
  /** Of the requests that will come again. */
  readonly #attempts = new Map<number, number>();
  #throttled = 0;
  #retried = 0;

  constructor(settings: RetrySettings, random: RandomStream) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Attempts that were refused. */
  get throttled(): number {
    return this.#throttled;
  }

  /** Attempts after the first. */
  get retried(): number {
    return this.#retried;
  }

  /** When the next client tries again; Infinity when none will. */
  get nextUs(): number {
    return this.#queue.nextKey;
  }

  /** Which request that is. */
  take(): number {
    return this.#queue.pop();
  }

  /** A request that came again was let in: its attempts count no more. */
  settled(at: number): void {
    this.#attempts.delete(at);
  }

  /** An attempt was refused; false when it was the last one. */
  refused(at: number, nowUs: number): boolean {
    this.#throttled++;
    const { attemptsMax, backoffUs } = this.#settings;
    if (attemptsMax <= 1) return false;
    const attempts = (this.#attempts.get(at) ?? 0) + 1;
    if (attempts >= attemptsMax) return false;
    this.#attempts.set(at, attempts);
    this.#retried++;
    const rangeUs = Math.min(BACKOFF_US_MAX, backoffUs * 2 ** (attempts - 1));
    // At least a microsecond, so that a client never meets itself.
    this.#queue.push(nowUs + 1 + Math.floor(this.#random.uniform() * rangeUs), at);
    return true;
  }
}
