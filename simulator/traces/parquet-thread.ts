/**
 * Parquet is read on a thread of its own, because the library believes what a file says of itself: a damaged one can
 * make it count without end or take all memory there is. Whoever waits here looks at its progress, and ends it.
 */
import { Worker } from 'node:worker_threads';
import { CodedError } from '../../metering/errors.ts';

export interface ThreadStart {
  readonly path: string;
  /** One number, which changes whenever bytes are read, a page is decoded or a piece of text is made. */
  readonly progress: Int32Array;
}

export type FromThread =
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | {
      readonly kind: 'failed';
      readonly code: 'trace-invalid' | 'trace-format-unknown' | 'internal';
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

export interface ReadingLimits {
  /** Looks in a row that may find the same progress. Looks are a quarter of a second apart. */
  readonly looks: number;
  /** Memory that the process may take meanwhile. */
  readonly bytes: number;
}

const LOOK_MS = 250;
/** Half a minute for one page, which is some megabytes; and several times what a row group may have. */
const LIMITS: ReadingLimits = { looks: 120, bytes: 2 ** 32 };

/** The module of the thread: `.ts` in a checkout, `.js` in a package. */
const ENTRY = new URL(`./parquet-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

function damaged(path: string, got: string): CodedError {
  const expected = 'a whole Parquet file';
  return new CodedError('trace-invalid', `${path}: expected ${expected}, got ${got}`, {
    file: path,
    expected,
    got,
  });
}

/** Looks at the thread until it is stopped; calls once when the thread makes no progress or takes too much memory. */
function watch({ progress, path }: ThreadStart, limits: ReadingLimits, stuck: (error: CodedError) => void) {
  let seen = -1;
  let looks = 0;
  let bytes = 0;
  const timer = setInterval(() => {
    const now = Atomics.load(progress, 0);
    const { rss } = process.memoryUsage();
    if (now !== seen) {
      seen = now;
      looks = 0;
      bytes = rss;
    } else if (++looks >= limits.looks) {
      const seconds = (limits.looks * LOOK_MS) / 1_000;
      stuck(damaged(path, `one with a page that is not decoded in ${seconds} s`));
    } else if (rss - bytes > limits.bytes) {
      stuck(damaged(path, `one with a page that takes more than ${limits.bytes} bytes of memory`));
    }
  }, LOOK_MS);
  return () => clearInterval(timer);
}

/** Asks the thread for its next piece of text. */
function ask(worker: Worker, start: ThreadStart, limits: ReadingLimits): Promise<FromThread> {
  const { promise, resolve, reject } = Promise.withResolvers<FromThread>();
  const failed = (thrown: Error): void => reject(damaged(start.path, thrown.message));
  const exited = (): void => reject(damaged(start.path, 'one that ended its reader'));
  const stop = watch(start, limits, reject);
  worker.once('message', resolve).once('error', failed).once('exit', exited);
  worker.postMessage('next');
  return promise.finally(() => {
    stop();
    worker.off('message', resolve).off('error', failed).off('exit', exited);
  });
}

/**
 * A Parquet file as a CSV with a header, where row N is line N + 1. A column of lists, structures or bytes keeps its
 * place, and its fields say what it is: `(nested)`.
 * @throws CodedError `trace-invalid` for a file that is broken, `trace-format-unknown` for an unknown codec.
 */
export async function* parquetAsCsv(path: string, limits = LIMITS): AsyncGenerator<Uint8Array> {
  const start: ThreadStart = { path, progress: new Int32Array(new SharedArrayBuffer(4)) };
  const worker = new Worker(ENTRY, { workerData: start });
  // What happens while nobody asks is told to whoever asks next.
  worker.on('error', () => {});
  try {
    for (;;) {
      const answer = await ask(worker, start, limits);
      if (answer.kind === 'end') return;
      if (answer.kind === 'failed') throw new CodedError(answer.code, answer.message, answer.details);
      yield answer.bytes;
    }
  } finally {
    await worker.terminate();
  }
}
