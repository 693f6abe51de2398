/** wasi:http bodies that go out: held while nobody takes them, then passed on as fast as they are taken. */
import { BytePile } from '../byte-pile.ts';
import type { Allowance } from './allowance.ts';
import type { BodySink, ErrorCodeCase, News } from './execution-port.ts';
import { type Fields, trailersToWire, type WireHeaders } from './fields.ts';
import { streamFailure } from './io.ts';
import type { Flowing, Outflow } from './outflow.ts';
import { type ByteTarget, OutputStream } from './output-stream.ts';
import { GuestFault, ResultError } from './result-error.ts';

/** What an outgoing body is checked against, and what it works with. */
export interface BodyRules {
  /** Counts what is held: bytes that have left make room for others. */
  readonly heldAllowance: Allowance;
  /** Counts all that is written, where that is limited. */
  readonly totalAllowance?: Allowance;
  /** The message's headers, for their content-length. */
  readonly headers: Fields;
  /** Whether a message without any body may declare a length all the same. */
  readonly mayOmitBody: () => boolean;
  /** The error-code case for a body that differs from its content-length. */
  readonly sizeErrorTag: 'HTTP-request-body-size' | 'HTTP-response-body-size';
  readonly outflow: Outflow;
  readonly news: News;
}

/** The length that headers declare. @throws ResultError when it is none. */
function declaredLength(headers: Fields): number | undefined {
  const [value] = headers.get('content-length');
  if (value === undefined) return undefined;
  const text = new TextDecoder().decode(value);
  if (!/^\d{1,15}$/.test(text)) throw new ResultError(undefined);
  return Number(text);
}

/** A body's content on its way out, as the host has it. */
export class BodyOutlet implements ByteTarget, Flowing {
  readonly #rules: BodyRules;
  readonly #declaredBytes: number | undefined;
  #state: 'open' | 'finished' | 'failed' = 'open';
  #failure: ErrorCodeCase | undefined;
  #trailers: WireHeaders = [];
  #writtenBytes = 0;
  readonly #held = new BytePile();
  #sink: BodySink | undefined;
  /** Whether the sink has been told of the end. */
  #isOver = false;

  constructor(rules: BodyRules) {
    this.#rules = rules;
    this.#declaredBytes = declaredLength(rules.headers);
  }

  get state(): 'open' | 'finished' | 'failed' {
    return this.#state;
  }

  /** Why it will never be complete. */
  get failure(): ErrorCodeCase | undefined {
    return this.#failure;
  }

  /** What the guest has written so far. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The whole length where it is known. */
  get knownBytes(): number | undefined {
    return this.#declaredBytes ?? (this.#state === 'finished' ? this.#writtenBytes : undefined);
  }

  /** From here on it flows. */
  open(sink: BodySink): void {
    this.#sink = sink;
    this.#rules.outflow.add(this);
  }

  get budgetBytes(): number {
    if (!this.#sink) return Number.POSITIVE_INFINITY;
    this.pour();
    return this.#held.bytes > 0 ? 0 : this.#sink.budgetBytes;
  }

  get isClosed(): boolean {
    return this.#state !== 'open' || this.#sink?.isClosed === true;
  }

  write(bytes: Uint8Array): void {
    this.#writtenBytes += bytes.length;
    if (this.#declaredBytes !== undefined && this.#writtenBytes > this.#declaredBytes) {
      const error = this.#sizeError();
      this.abort(error);
      throw streamFailure(error);
    }
    this.#rules.totalAllowance?.take(bytes.length);
    if (this.#sink && this.#held.bytes === 0) {
      this.#sink.write(bytes);
      return;
    }
    this.#rules.heldAllowance.take(bytes.length);
    this.#held.push(bytes);
  }

  flush(): void {
    this.pour();
    this.#sink?.flush();
  }

  /** Gives why it is not complete, if it is not. */
  finish(trailers: WireHeaders): ErrorCodeCase | undefined {
    if (this.#state !== 'open') return this.#failure;
    const isOmitted = this.#writtenBytes === 0 && this.#rules.mayOmitBody();
    if (this.#declaredBytes !== undefined && this.#declaredBytes !== this.#writtenBytes && !isOmitted) {
      const error = this.#sizeError();
      this.abort(error);
      return error;
    }
    this.#state = 'finished';
    this.#trailers = trailers;
    this.pour();
    return undefined;
  }

  abort(error: ErrorCodeCase): void {
    if (this.#isOver || this.#state === 'failed') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#forget();
    this.pour();
  }

  pour(): boolean {
    const sink = this.#sink;
    if (!sink || this.#isOver) return this.#isOver;
    if (sink.isClosed) this.#forget();
    while (this.#held.bytes > 0 && sink.budgetBytes > 0) {
      const part = this.#held.take(sink.budgetBytes);
      sink.write(part);
      this.#rules.heldAllowance.giveBack(part.length);
    }
    if (this.#held.bytes > 0 || this.#state === 'open') return false;
    this.#isOver = true;
    if (this.#failure) sink.abort(this.#failure);
    else sink.finish(this.#trailers);
    return true;
  }

  #sizeError(): ErrorCodeCase {
    return { tag: this.#rules.sizeErrorTag, val: BigInt(this.#writtenBytes) };
  }

  #forget(): void {
    this.#rules.heldAllowance.giveBack(this.#held.bytes);
    this.#held.clear();
  }
}

/** The guest's handle of a body. */
export class OutgoingBody {
  readonly #outlet: BodyOutlet;
  readonly #news: News;
  #isStreamed = false;

  constructor(outlet?: BodyOutlet, news?: News) {
    if (!outlet || !news) throw new GuestFault('outgoing-body has no constructor');
    this.#outlet = outlet;
    this.#news = news;
  }

  write(): OutputStream {
    if (this.#isStreamed) throw new ResultError(undefined);
    this.#isStreamed = true;
    return new OutputStream(this.#outlet, this.#news);
  }

  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    const fault = body.#outlet.finish(trailers ? trailersToWire(trailers) : []);
    trailers?.[Symbol.dispose]();
    if (fault) throw new ResultError(fault);
  }

  /** Dropped without `finish`: the message ends here, unfinished. */
  [Symbol.dispose](): void {
    if (this.#outlet.state === 'open') this.#outlet.abort({ tag: 'connection-terminated' });
  }
}
