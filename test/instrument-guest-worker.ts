/** Worker for tests: runs guests that never return, one after the other, until their cells stop them. */
import { parentPort, workerData } from 'node:worker_threads';
import { LimitCells } from '../host/component/limit-cells.ts';
import { instantiated, outcomeOf, type Rewritten } from './instrument-kit.ts';

/** A guest to run, as which execution, and whether that was stopped before. */
export interface ToGuestWorker {
  readonly guest: Rewritten;
  readonly execution: number;
  readonly stop: number;
}

const cells = new LimitCells(workerData as WebAssembly.Memory);

parentPort?.on('message', ({ guest, execution, stop }: ToGuestWorker) => {
  cells.enter(execution, () => stop);
  const host = {
    begun: () => parentPort?.postMessage({ type: 'begun' }),
    nothing: () => undefined,
    fails: () => {
      throw new Error('the host function failed');
    },
  };
  const outcome = outcomeOf(() => instantiated(guest, cells, { host }).run?.());
  parentPort?.postMessage({ type: 'ended', outcome, stopReason: cells.stopReason });
});
