/** The thread of `InlineWatch`. It sleeps for good where nothing runs, and never goes back to its event loop. */
import { parentPort, workerData } from 'node:worker_threads';
import { LimitCells } from '../component/limit-cells.ts';
import { WATCH_WORD, type WatchStart } from './inline-watch.ts';

const TICK_MS = 2;
/**
 * Ticks at which a run is found before it is stopped, which is after 4 to 6 ms: runs are to take some microseconds, but
 * the system may give the processor to others meanwhile for a few milliseconds.
 */
const TICKS_MAX = 3;
/** Ticks without a run after which it sleeps. */
const QUIET_TICKS = 25;

const { limits, words: buffer } = workerData as WatchStart;
const cells = new LimitCells(limits);
const words = new Int32Array(buffer);

/** Looks until nothing has run for a while. @returns the newest run by then. */
function look(): number {
  let newest = Atomics.load(words, WATCH_WORD.newest);
  let before: number | undefined;
  let found = 0;
  for (let quiet = 0; quiet < QUIET_TICKS; ) {
    Atomics.wait(words, WATCH_WORD.never, 0, TICK_MS);
    const current = cells.current;
    found = current !== undefined && current === before ? found + 1 : 1;
    if (current !== undefined && found === TICKS_MAX) cells.stop(current, 'time');
    before = current;
    const latest = Atomics.load(words, WATCH_WORD.newest);
    quiet = latest === newest && current === undefined ? quiet + 1 : 0;
    newest = latest;
  }
  return newest;
}

parentPort?.postMessage('ready');
for (;;) {
  Atomics.wait(words, WATCH_WORD.awake, 0);
  const newest = look();
  Atomics.store(words, WATCH_WORD.awake, 0);
  // One that began before that has seen the thread awake.
  if (Atomics.load(words, WATCH_WORD.newest) !== newest) Atomics.store(words, WATCH_WORD.awake, 1);
}
