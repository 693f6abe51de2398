/** The thread that reads a Parquet file: gives one piece of text whenever it is asked. */
import { parentPort, workerData } from 'node:worker_threads';
import { asCodedError } from '../../metering/errors.ts';
import { parquetTexts } from './parquet.ts';
import type { FromThread, ThreadStart } from './parquet-thread.ts';

const port = parentPort;
if (port === null) throw new Error('this module is the entry of a worker thread');
const { path, progress } = workerData as ThreadStart;
const pieces = parquetTexts(path, () => void Atomics.add(progress, 0, 1));

async function next(): Promise<FromThread> {
  try {
    const { done, value } = await pieces.next();
    return done ? { kind: 'end' } : { kind: 'piece', bytes: value };
  } catch (thrown) {
    const { code, message, details } = asCodedError(thrown);
    return { kind: 'failed', code, message, details } as FromThread;
  }
}

port.on('message', () => void next().then((answer) => port.postMessage(answer)));
