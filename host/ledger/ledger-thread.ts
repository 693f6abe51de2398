/** A thread that writes a ledger's database, so that the thread that serves does not. It starts when it is first asked. */
import { Worker } from 'node:worker_threads';
import { siblingModule } from '../sibling-module.ts';
import type { Sweep, Swept } from './ledger-store.ts';

/** Given to the thread when it starts: the database's file, and the journal's folder. */
export interface LedgerThreadStart {
  readonly path: string;
  readonly journal: string;
}

/** `takeIn`: all lines of the journal that are there. */
export type LedgerQuestion = 'takeIn' | Sweep | 'close';

/** One for each question but `close`, in the same order; an error's own class and code would not come through. */
export type LedgerAnswer = { readonly swept: Swept | undefined } | { readonly error: string };

interface Asked {
  readonly resolve: (swept: Swept | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** What was made last in its heap, garbage mostly: it has a piece of the journal in memory at a time. */
const YOUNG_MB = 2;

export class LedgerThread {
  readonly #start: LedgerThreadStart;
  #worker: Worker | undefined;
  #isAwake = false;
  #asked: Asked[] = [];

  constructor(start: LedgerThreadStart) {
    this.#start = start;
  }

  /** Whether it would answer soon. */
  get isAwake(): boolean {
    return this.#isAwake;
  }

  /** Rejects with what the database has to say against it, or when the thread dies. The next question starts another. */
  ask(question: Exclude<LedgerQuestion, 'close'>): Promise<Swept | undefined> {
    this.#worker ??= this.#open();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      worker.ref();
      worker.postMessage(question satisfies LedgerQuestion);
    });
  }

  /** Resolves when all is answered and the thread has let go of the database. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    worker.ref();
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage('close' satisfies LedgerQuestion);
    await gone;
  }

  #open(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, 'ledger-worker'), {
      workerData: this.#start,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    let reason = 'it ended by itself';
    worker.once('message', () => {
      this.#isAwake = true;
      worker.on('message', (answer: LedgerAnswer) => this.#settle(worker, answer));
    });
    worker.on('error', (error) => {
      reason = String(error);
    });
    worker.once('exit', () => {
      this.#worker = undefined;
      this.#isAwake = false;
      const error = new Error(`the thread that writes the ledger has died: ${reason}`);
      for (const { reject } of this.#asked.splice(0)) reject(error);
    });
    return worker;
  }

  #settle(worker: Worker, answer: LedgerAnswer): void {
    const asked = this.#asked.shift();
    // It must not keep a process alive that has nothing else to do.
    if (this.#asked.length === 0) worker.unref();
    if ('error' in answer) asked?.reject(new Error(answer.error));
    else asked?.resolve(answer.swept);
  }
}
