/** The thread of `LedgerThread`: answers its questions one after the other. */
import os from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { openLedgerDatabase } from './ledger-database.ts';
import { LedgerStore, type Swept } from './ledger-store.ts';
import type { LedgerAnswer, LedgerQuestion, LedgerThreadStart } from './ledger-thread.ts';

const { path, journal } = workerData as LedgerThreadStart;
const database = openLedgerDatabase(path);
const store = new LedgerStore(database);

function carryOut(question: Exclude<LedgerQuestion, 'close'>): Swept | undefined {
  if (question !== 'takeIn') return store.sweep(question);
  store.takeIn(journal);
  return undefined;
}

function answer(question: Exclude<LedgerQuestion, 'close'>): LedgerAnswer {
  try {
    return { swept: carryOut(question) };
  } catch (thrown) {
    const { code, message } = thrown as Error & { readonly code?: string };
    return { error: code === undefined ? message : `${message} (${code})` };
  }
}

parentPort?.on('message', (question: LedgerQuestion) => {
  if (question !== 'close') {
    parentPort?.postMessage(answer(question));
    return;
  }
  database.close();
  parentPort?.close();
});
// Nobody waits for it but who reads, while others wait for the threads that answer. Elsewhere than on Linux a thread has
// no priority of its own, and this would be the whole process's.
if (process.platform === 'linux') os.setPriority(0, os.constants.priority.PRIORITY_BELOW_NORMAL);
parentPort?.postMessage('ready');
