/** The other thread of tests of the shared memory: each part plays one side of what two threads do at once. */
import { parentPort, workerData } from 'node:worker_threads';
import { FrameWriter } from '../host/threads/frame-ring.ts';
import { SharedArea } from '../host/threads/shared-area.ts';
import { OUT_HEAD, OUT_TAIL, SLOT_STATE } from '../host/threads/shared-slot.ts';
import { ThreadBell } from '../host/threads/thread-bell.ts';
import { byteOf, lengthOf, type ThreadTask } from './threads-kit.ts';

const { part, area: memory, bell: bellMemory, times } = workerData as ThreadTask;

/** Announces slots in turn, and wakes the other side where it has to be woken. */
function announces(): void {
  const area = new SharedArea(memory);
  for (let count = 0; count < times; count++) {
    const slot = area.slot((count * 37) % 512);
    slot.used[7] = (slot.used[7] as number) + 1;
    if (area.announce(slot)) parentPort?.postMessage('news');
  }
}

/** Claims what comes through the inbox until it is told that nothing more comes; sleeps in between. */
async function takes(): Promise<number[]> {
  const area = new SharedArea(memory);
  const bell = new ThreadBell(bellMemory);
  const claimed: number[] = [];
  let wake = () => {};
  parentPort?.on('message', () => wake());
  for (;;) {
    const seen = bell.news;
    const entry = bell.take();
    if (entry) {
      const slot = area.slot(entry.index);
      if (entry.index === 511) return claimed;
      if (slot.claim(entry.generation, SLOT_STATE.running)) {
        claimed.push(slot.used[7] as number);
        slot.become(SLOT_STATE.done);
      }
    } else if (!bell.sleep(seen, claimed.length % 3)) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (bell.beginLongSleep(seen)) await woken;
      bell.endLongSleep();
    }
  }
}

/** Writes messages through a ring, as fast as there is room. */
function writes(): void {
  const { words, outRing } = new SharedArea(memory).slot(3);
  const writer = new FrameWriter(outRing, { words, headAt: OUT_HEAD, tailAt: OUT_TAIL });
  for (let message = 0; message < times; message++) {
    const bytes = Buffer.alloc(lengthOf(message), byteOf(message));
    let isWhole = false;
    for (let from = 0; !isWhole; ) {
      const { room } = writer;
      if (room < Math.min(1, bytes.length)) continue;
      const to = Math.min(bytes.length, from + room);
      isWhole = to === bytes.length;
      writer.write(1 + (message % 100), message, bytes.subarray(from, to), !isWhole);
      writer.publish();
      from = to;
    }
  }
}

if (part === 'announces') parentPort?.postMessage({ done: announces() });
if (part === 'takes') void takes().then((claimed) => parentPort?.postMessage({ claimed }));
if (part === 'writes') writes();
