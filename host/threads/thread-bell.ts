/**
 * What one worker thread is told by: an inbox of entries for slots, and a counter of news that it sleeps on. Knows
 * neither what the entries are for nor what the news say.
 */
import { GENERATION_MASK, SLOTS_MAX } from './shared-slot.ts';

/** Words of a thread. */
const NEWS = 0;
const SLEEPS = 1;
/** How a worker sleeps: for a short time on the counter, and then, so that nothing at all runs, until a message. */
const AWAKE = 0;
const SHORT_SLEEP = 1;
const LONG_SLEEP = 2;
const INBOX_HEAD = 2;
const INBOX = 16;
/** More than there are slots: each may be in it once, and once more for each time it was taken back. */
const INBOX_ENTRIES = 4_096;
const THREAD_WORDS = INBOX + INBOX_ENTRIES;

export class ThreadBell {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  #tail = 0;

  constructor(memory = new SharedArrayBuffer(THREAD_WORDS * 4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** Serving thread: puts an entry into the inbox. @returns whether the thread needs a message to wake. */
  push(entry: number): boolean {
    const head = Atomics.load(this.#words, INBOX_HEAD);
    Atomics.store(this.#words, INBOX + (head & (INBOX_ENTRIES - 1)), entry);
    Atomics.store(this.#words, INBOX_HEAD, head + 1);
    return this.ring();
  }

  /** Serving thread: there is something new. @returns whether the thread needs a message to wake. */
  ring(): boolean {
    Atomics.add(this.#words, NEWS, 1);
    // It takes a while to wake, and is woken once: waking costs as much as a small guest's run.
    const slept = Atomics.exchange(this.#words, SLEEPS, AWAKE);
    if (slept === SHORT_SLEEP) Atomics.notify(this.#words, NEWS);
    return slept === LONG_SLEEP;
  }

  /** Worker: the next entry; undefined when there is none. */
  take(): { readonly index: number; readonly generation: number } | undefined {
    if (this.#tail === Atomics.load(this.#words, INBOX_HEAD)) return undefined;
    const entry = Atomics.load(this.#words, INBOX + (this.#tail & (INBOX_ENTRIES - 1)));
    this.#tail = (this.#tail + 1) | 0;
    return { index: entry & (SLOTS_MAX - 1), generation: (entry >>> 9) & GENERATION_MASK };
  }

  /** Worker: how many news there were; to be read before looking. */
  get news(): number {
    return Atomics.load(this.#words, NEWS);
  }

  /** Worker: sleeps until there are more news than `seen`, at most `timeoutMs`. @returns false after the time. */
  sleep(seen: number, timeoutMs: number): boolean {
    Atomics.store(this.#words, SLEEPS, SHORT_SLEEP);
    const woken = Atomics.wait(this.#words, NEWS, seen, timeoutMs);
    Atomics.store(this.#words, SLEEPS, AWAKE);
    return woken !== 'timed-out';
  }

  /** Worker: from now on a message wakes it. @returns false when there is news by now. */
  beginLongSleep(seen: number): boolean {
    Atomics.store(this.#words, SLEEPS, LONG_SLEEP);
    return Atomics.load(this.#words, NEWS) === seen;
  }

  /** Worker: it was woken, or need not sleep. */
  endLongSleep(): void {
    Atomics.store(this.#words, SLEEPS, AWAKE);
  }
}
