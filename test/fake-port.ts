/**
 * The outside of an execution, in memory: what comes in is given, what goes out is kept, and what happens meanwhile is
 * a list of events, each of which is the next news that anyone waits for. Waiting for more than that is a fault.
 */
import type {
  BodySink,
  BodySource,
  ErrorCodeCase,
  ExecutionPort,
  News,
  OutboundAnswer,
  OutboundCall,
  OutboundHead,
  ResponseHead,
} from '../host/wasi/execution-port.ts';
import type { WireHeaders } from '../host/wasi/fields.ts';

const bytesOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value;

/** A body that comes in, piece by piece. */
export class FakeSource implements BodySource {
  state: BodySource['state'] = 'open';
  failure: ErrorCodeCase | undefined;
  trailers: WireHeaders | undefined;
  isCancelled = false;
  #bytes = new Uint8Array();

  /** One that is there from the start. */
  static whole(body: string | Uint8Array, trailers: WireHeaders = []): FakeSource {
    const source = new FakeSource();
    source.push(body);
    source.end(trailers);
    return source;
  }

  push(piece: string | Uint8Array): void {
    this.#bytes = new Uint8Array(Buffer.concat([this.#bytes, bytesOf(piece)]));
  }

  end(trailers: WireHeaders = []): void {
    this.state = 'ended';
    this.trailers = trailers;
  }

  fail(failure: ErrorCodeCase): void {
    this.state = 'failed';
    this.failure = failure;
  }

  get availableBytes(): number {
    return this.#bytes.length;
  }

  read(lengthMax: number): Uint8Array {
    const read = this.#bytes.slice(0, lengthMax);
    this.#bytes = this.#bytes.slice(lengthMax);
    return read;
  }

  cancel(): void {
    this.isCancelled = true;
  }
}

/** A body that goes out. */
export class FakeSink implements BodySink {
  budgetBytes: number;
  isClosed = false;
  flushes = 0;
  trailers: WireHeaders | undefined;
  aborted: ErrorCodeCase | undefined;
  readonly pieces: string[] = [];

  constructor(budgetBytes = Number.POSITIVE_INFINITY) {
    this.budgetBytes = budgetBytes;
  }

  get text(): string {
    return this.pieces.join('');
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > this.budgetBytes) {
      throw new Error(`expected at most ${this.budgetBytes} bytes, got ${bytes.length}`);
    }
    this.budgetBytes -= bytes.length;
    if (bytes.length > 0) this.pieces.push(Buffer.from(bytes).toString('latin1'));
  }

  flush(): void {
    this.flushes++;
  }

  finish(trailers: WireHeaders): void {
    if (this.trailers || this.aborted) throw new Error('expected one end of a body, got another');
    this.trailers = trailers;
  }

  abort(error: ErrorCodeCase): void {
    if (this.trailers || this.aborted) throw new Error('expected one end of a body, got another');
    this.aborted = error;
  }
}

/** The guest was stopped while it waited. */
export class FakeStop extends Error {}

/** A clock is waited for no longer, as a limit of time would have it. */
const LONGEST_WAIT_MS = 10_000;

export class FakeNews implements News {
  readonly canSuspend: boolean;
  readonly #events: (() => void)[];
  /** How often anyone waited. */
  waits = 0;

  /** @param events what happens, one for each time that anyone waits without a timeout. */
  constructor(events: readonly (() => void)[] = [], canSuspend = false) {
    this.#events = [...events];
    this.canSuspend = canSuspend;
  }

  wait(timeoutMs: number): void {
    this.waits++;
    const event = this.#events.shift();
    if (event) event();
    else if (timeoutMs > LONGEST_WAIT_MS) throw new FakeStop('nothing more will happen for a long time');
  }

  async next(timeoutMs: number): Promise<void> {
    // A turn of the event loop later, as news from another thread.
    await new Promise((resolve) => setImmediate(resolve));
    this.wait(timeoutMs);
  }
}

export interface FakeCall {
  readonly head: OutboundHead;
  readonly body: FakeSink;
  answer: OutboundAnswer | undefined;
  isCancelled: boolean;
}

export interface FakePortOptions {
  readonly requestBody?: FakeSource;
  readonly news?: News;
  /** Where the response's body goes. */
  readonly sink?: FakeSink;
  /** Answers a request when it is sent, or leaves that to an event. */
  readonly upstream?: (head: OutboundHead) => OutboundAnswer | undefined;
  readonly upstreamSink?: FakeSink;
  /** Told `enter` and `leave`. */
  readonly onTurn?: (what: 'enter' | 'leave') => void;
}

export class FakePort implements ExecutionPort {
  readonly news: News;
  readonly requestBody: FakeSource;
  readonly sink: FakeSink;
  readonly informed: ResponseHead[] = [];
  readonly calls: FakeCall[] = [];
  head: ResponseHead | undefined;
  readonly #options: FakePortOptions;

  constructor(options: FakePortOptions = {}) {
    this.#options = options;
    this.news = options.news ?? new FakeNews();
    this.requestBody = options.requestBody ?? FakeSource.whole('');
    this.sink = options.sink ?? new FakeSink();
  }

  beforeBlocking(): void {}

  enter(): void {
    this.#options.onTurn?.('enter');
  }

  leave(): void {
    this.#options.onTurn?.('leave');
  }

  inform(head: ResponseHead): void {
    this.informed.push(head);
  }

  respond(head: ResponseHead): BodySink {
    if (this.head) throw new Error('expected one response, got another');
    this.head = head;
    return this.sink;
  }

  send(head: OutboundHead): OutboundCall {
    const { upstream, upstreamSink = new FakeSink() } = this.#options;
    const call: FakeCall = { head, body: upstreamSink, answer: upstream?.(head), isCancelled: false };
    this.calls.push(call);
    return {
      body: call.body,
      answer: () => call.answer,
      cancel: () => {
        call.isCancelled = true;
      },
    };
  }
}
