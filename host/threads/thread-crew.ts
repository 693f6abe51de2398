/**
 * The threads of a pool: starts them, puts others in the place of those that end, and ends them with what is on them.
 * Must not know what waits for them.
 */
import { CodedError } from '../../metering/errors.ts';
import type { SharedArea } from './shared-area.ts';
import type { SlotStock } from './slot-stock.ts';
import { GuestThread } from './thread.ts';

/** Threads that may fail to start in a row before requests are refused rather than kept waiting. */
const FAILED_STARTS_MAX = 5;

export interface CrewEvents {
  /** A thread takes executions from now on. */
  readonly onReady: (thread: GuestThread) => void;
  /** One has taken the place of a thread that has gone. */
  readonly onReplaced: () => void;
  /** There is news in the shared area. */
  readonly onNews: () => void;
  /** No thread can start: what waits for one is to be refused. */
  readonly onHopeless: (error: CodedError) => void;
  /** A thread is about to be ended: what it has not begun can be taken back. */
  readonly onEnding: (thread: GuestThread) => void;
}

export class ThreadCrew {
  readonly threads = new Set<GuestThread>();
  readonly #workers: number;
  readonly #area: SharedArea;
  readonly #stock: SlotStock;
  readonly #events: CrewEvents;
  #failedStarts = 0;
  #closed = false;

  /** @param workers how many threads there are always. */
  constructor(workers: number, area: SharedArea, stock: SlotStock, events: CrewEvents) {
    this.#workers = workers;
    this.#area = area;
    this.#stock = stock;
    this.#events = events;
  }

  /** Starts the threads that there always are. */
  open(): void {
    for (let count = 0; count < this.#workers; count++) this.#add();
  }

  /** Starts threads until as many as are missing are about to be ready, and there are no more than `threadsMax`. */
  grow(missing: number, threadsMax: number): void {
    const starting = [...this.threads].filter(({ isStarting }) => isStarting).length;
    const room = threadsMax - this.threads.size;
    for (let count = Math.min(missing - starting, room); count > 0; count--) this.#add();
  }

  /** Starts one where there are too few. */
  keep(): void {
    if (!this.#closed && this.threads.size < this.#workers) this.#add();
  }

  /** Ends a thread and what is on it; what it has not begun goes elsewhere. @param first is done before the rest. */
  async interrupt(thread: GuestThread, reason: string, first?: () => void): Promise<void> {
    this.threads.delete(thread);
    this.#events.onEnding(thread);
    const letGo = this.#stock.hold(
      thread,
      [...thread.executions].map(({ slot }) => slot),
    );
    first?.();
    for (const execution of [...thread.executions]) {
      execution.end({ outcome: 'interrupted', error: { code: 'internal', message: reason } });
    }
    await thread.terminate();
    letGo();
  }

  /** Ends all threads; none is started any more. */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.threads].map((thread) => this.interrupt(thread, reason)));
  }

  #add(): void {
    try {
      const thread = new GuestThread(this.#area, {
        onReady: (ready) => {
          this.#failedStarts = 0;
          this.#events.onReady(ready);
        },
        onNews: () => this.#events.onNews(),
        onGone: (gone, reason) => this.#replace(gone, reason),
      });
      this.threads.add(thread);
    } catch {
      // The system gives no more threads now; the next look tries again.
      this.#startFailed();
    }
  }

  /** A thread has ended by itself. */
  #replace(thread: GuestThread, reason: string): void {
    const wasReady = thread.wasReady;
    void this.interrupt(thread, reason);
    if (this.#closed) return;
    if (!wasReady && this.#startFailed()) return;
    this.keep();
    this.#events.onReplaced();
  }

  /** @returns whether it failed so often that what waits was refused. */
  #startFailed(): boolean {
    this.#failedStarts++;
    if (this.#failedStarts < FAILED_STARTS_MAX) return false;
    this.#failedStarts = 0;
    const message = `no worker thread can start: ${FAILED_STARTS_MAX} failed in a row`;
    this.#events.onHopeless(new CodedError('internal', message));
    return true;
  }
}
