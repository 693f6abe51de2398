/** A thread that replays: it is given a trace and then tasks, one at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { asCodedError } from '../../metering/errors.ts';
import { replay } from '../replay.ts';
import type { WorkloadOptions } from '../traces/load.ts';
import { streamOf } from '../traces/stored.ts';
import type { Replayable } from '../traces/trace.ts';
import { ARRIVALS, type FromThread, STOP, type TaskMessage, type ToThread } from './messages.ts';

const port = parentPort;
if (port === null) throw new Error('this module is the entry of a worker thread');
const control = workerData as Int32Array;

/** Messages come in order, but a stream is opened asynchronously: a task waits for it. */
let current: Promise<Replayable> | null = null;

/** The readers of traces are loaded where a stream is made, and nowhere else. */
async function opened(options: WorkloadOptions): Promise<Replayable> {
  const { openStream } = await import('../traces/load.ts');
  return openStream(options);
}

async function replayed({ planned, seed }: TaskMessage): Promise<FromThread> {
  try {
    const trace = await (current as Promise<Replayable>);
    const outcome = replay(planned, trace, seed, (arrivals) => {
      Atomics.store(control, ARRIVALS, arrivals);
      return Atomics.load(control, STOP) === 0;
    });
    return { kind: 'done', outcome };
  } catch (thrown) {
    return { kind: 'failed', error: asCodedError(thrown).toBody().error };
  }
}

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'trace':
      current = Promise.resolve(message.trace);
      return;
    case 'stored':
      current = Promise.resolve(streamOf(message.surveyed));
      return;
    case 'stream':
      current = opened(message.options);
      // Its failure is told by the task that needs it.
      current.catch(() => {});
      return;
    case 'task':
      void replayed(message).then((answer) => port.postMessage(answer));
  }
});
