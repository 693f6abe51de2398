/** A body that comes in, as it is read in a worker: what has arrived by frames and was not read yet. */
import { WINDOW_BYTES } from '../body-window.ts';
import type { BufferStock, StockedCopy } from '../buffer-stock.ts';
import type { BodySource, ErrorCodeCase } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';
import { FRAME } from './frames.ts';

/** What a reader takes before it says so: often enough that the sender never runs dry. */
const TAKEN_BYTES = WINDOW_BYTES / 4;

const NOTHING = new Uint8Array(0);

export class FramedSource implements BodySource {
  availableBytes = 0;
  state: BodySource['state'] = 'open';
  failure: ErrorCodeCase | undefined;
  trailers: WireHeaders | undefined;
  readonly #chunks: StockedCopy[] = [];
  readonly #tell: (type: number, text: string) => void;
  readonly #stock: BufferStock;
  /** Read to its end by the last read, whose caller may still look at it. */
  #spent: StockedCopy | undefined;
  #offset = 0;
  #untold = 0;
  #isCancelled = false;

  /** @param tell sends a frame about this body. */
  constructor(stock: BufferStock, tell: (type: number, text: string) => void) {
    this.#stock = stock;
    this.#tell = tell;
  }

  read(lengthMax: number): Uint8Array {
    if (this.#spent) this.#stock.giveBack(this.#spent);
    this.#spent = undefined;
    const chunk = this.#chunks[0];
    if (!chunk) return NOTHING;
    const bytes = chunk.bytes.subarray(this.#offset, this.#offset + lengthMax);
    this.#offset += bytes.length;
    this.availableBytes -= bytes.length;
    if (this.#offset === chunk.bytes.length) {
      this.#spent = this.#chunks.shift();
      this.#offset = 0;
    }
    this.#take(bytes.length);
    return bytes;
  }

  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#chunks.length = 0;
    this.availableBytes = 0;
    if (this.state === 'open') this.#tell(FRAME.cancel, '');
  }

  /** Takes what has arrived; the bytes are copied. */
  add(bytes: Uint8Array): void {
    if (this.#isCancelled || bytes.length === 0) return;
    this.#chunks.push(this.#stock.copyOf(bytes));
    this.availableBytes += bytes.length;
  }

  end(trailers: WireHeaders): void {
    this.trailers = trailers;
    this.state = 'ended';
  }

  fail(error: ErrorCodeCase): void {
    if (this.state !== 'open') return;
    this.failure = error;
    this.state = 'failed';
  }

  #take(bytes: number): void {
    this.#untold += bytes;
    if (this.#untold < TAKEN_BYTES || this.state !== 'open') return;
    this.#tell(FRAME.taken, String(this.#untold));
    this.#untold = 0;
  }
}
