/**
 * Holds what runs on the serving thread to a moment: another thread, which does nothing else, looks every other
 * millisecond while there are runs, and makes a guest trap that it finds again and again.
 */
import { Worker } from 'node:worker_threads';
import { LimitCells, ROOM, ROOM_NUMBERS, type RunRoom } from '../component/limit-cells.ts';
import { siblingModule } from '../sibling-module.ts';

/** Given to the thread when it starts. */
export interface WatchStart {
  readonly limits: WebAssembly.Memory;
  readonly words: SharedArrayBuffer;
}

/** Places in the words. */
export const WATCH_WORD = {
  /** 0 while the thread sleeps until it is woken. */
  awake: 0,
  /** The number of the newest run. */
  newest: 1,
  /** Never written: what is waited for only as long as it takes. */
  never: 2,
} as const;
const WORDS = 3;

/** Runs are numbered from 0 again after so many: none lasts that long. */
const RUN_NUMBERS = 1 << 22;

const NOT_STOPPED = (): number => 0;

export class InlineWatch {
  readonly cells = new LimitCells();
  readonly #words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
  readonly #room: RunRoom = new BigInt64Array(ROOM_NUMBERS);
  #worker: Worker | undefined;
  #isReady = false;
  #newest = 0;

  /** Whether a run would be watched; the first question starts the thread. */
  get isReady(): boolean {
    if (!this.#worker) this.#start();
    return this.#isReady;
  }

  /** A run begins, with this much fuel. */
  begin(fuel: number): void {
    this.#newest = (this.#newest + 1) % RUN_NUMBERS;
    this.#room[ROOM.fuel] = BigInt(fuel);
    this.cells.enter(this.#newest, this.#room, NOT_STOPPED);
    Atomics.store(this.#words, WATCH_WORD.newest, this.#newest);
    if (Atomics.load(this.#words, WATCH_WORD.awake) === 1) return;
    Atomics.store(this.#words, WATCH_WORD.awake, 1);
    Atomics.notify(this.#words, WATCH_WORD.awake);
  }

  /** The run has ended. @returns the fuel that is left. */
  end(): bigint {
    this.cells.leave();
    return this.#room[ROOM.fuel] as bigint;
  }

  async close(): Promise<void> {
    this.#isReady = false;
    await this.#worker?.terminate();
  }

  #start(): void {
    const workerData: WatchStart = {
      limits: this.cells.memory,
      words: this.#words.buffer as SharedArrayBuffer,
    };
    const worker = new Worker(siblingModule(import.meta.url, 'watch-worker'), { workerData });
    worker.once('message', () => {
      this.#isReady = true;
    });
    const gone = () => {
      if (this.#worker === worker) this.#isReady = false;
    };
    worker.on('error', gone);
    worker.on('exit', gone);
    worker.unref();
    this.#worker = worker;
  }
}
