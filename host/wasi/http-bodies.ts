/** wasi:http bodies in both directions. Incoming ones are whole when the guest starts; outgoing ones collect. */
import type { Fields } from './fields.ts';
import { InputStream, OutputStream, Pollable } from './io.ts';
import { GuestFault, ResultError } from './result-error.ts';

export class FutureTrailers {
  #taken = false;

  subscribe(): Pollable {
    return new Pollable();
  }

  /** No trailers are kept: the answer is always that there were none; a second time it is refused. */
  get(): object {
    if (this.#taken) return { tag: 'err', val: undefined };
    this.#taken = true;
    return { tag: 'ok', val: { tag: 'ok', val: undefined } };
  }
}

export class IncomingBody {
  readonly #bytes: Uint8Array;
  #streamed = false;

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.#bytes = bytes;
  }

  stream(): InputStream {
    if (this.#streamed) throw new ResultError(undefined);
    this.#streamed = true;
    return new InputStream(this.#bytes);
  }

  static finish(_body: IncomingBody): FutureTrailers {
    return new FutureTrailers();
  }
}

/** WIT's error-code; only the cases that carry a value have one. */
export interface ErrorCodeCase {
  readonly tag: string;
  readonly val?: unknown;
}

/** Bytes that an execution may have in bodies of one kind, all of them together: they are the host's memory. */
export class Allowance {
  readonly #bytesMax: number;
  readonly #onTooLarge: () => never;
  #bytes = 0;

  /** @param onTooLarge throws what ends the execution. */
  constructor(bytesMax: number, onTooLarge: () => never) {
    this.#bytesMax = bytesMax;
    this.#onTooLarge = onTooLarge;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMax) this.#onTooLarge();
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** What an outgoing body is checked against. */
export interface BodyRules {
  /** Counts what bodies of this kind hold for one execution. */
  readonly allowance: Allowance;
  /** The message's headers, for their content-length. */
  readonly headers: Fields;
  /** Whether a message without any body may declare a length all the same. */
  readonly mayOmitBody: () => boolean;
  /** Called once when the body will never be whole. */
  readonly onFailed?: (error: ErrorCodeCase) => void;
  /** The error-code case for a body that differs from its content-length. */
  readonly sizeErrorTag: 'HTTP-request-body-size' | 'HTTP-response-body-size';
}

function declaredLength(headers: Fields): number | undefined {
  const [value] = headers.get('content-length');
  const text = value && new TextDecoder().decode(value);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export class OutgoingBody {
  readonly #rules: BodyRules;
  readonly #onFinish: (body: Uint8Array) => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #written = false;

  constructor(rules?: BodyRules, onFinish: (body: Uint8Array) => void = () => undefined) {
    if (!rules) throw new GuestFault('outgoing-body has no constructor');
    this.#rules = rules;
    this.#onFinish = onFinish;
  }

  write(): OutputStream {
    if (this.#written) throw new ResultError(undefined);
    this.#written = true;
    return new OutputStream((bytes) => {
      this.#bytes += bytes.length;
      this.#rules.allowance.take(bytes.length);
      this.#chunks.push(bytes);
    });
  }

  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    const fault = body.#faultAtEnd(trailers);
    if (fault) {
      body.#rules.onFailed?.(fault);
      throw new ResultError(fault);
    }
    body.#onFinish(concatenated(body.#chunks, body.#bytes));
    body.#chunks = [];
  }

  /** Dropped without `finish`: the message ends here, unfinished. */
  [Symbol.dispose](): void {
    this.#chunks = [];
    this.#rules.allowance.giveBack(this.#bytes);
    this.#rules.onFailed?.({ tag: 'connection-terminated' });
  }

  #faultAtEnd(trailers: Fields | undefined): ErrorCodeCase | undefined {
    if (trailers && trailers.entries().length > 0) {
      return { tag: 'internal-error', val: 'this host does not send trailers' };
    }
    const { headers, sizeErrorTag, mayOmitBody } = this.#rules;
    const declared = declaredLength(headers);
    const isOmitted = this.#bytes === 0 && mayOmitBody();
    if (declared === undefined || declared === this.#bytes || isOmitted) return undefined;
    return { tag: sizeErrorTag, val: BigInt(this.#bytes) };
  }
}

function concatenated(chunks: readonly Uint8Array[], lengthBytes: number): Uint8Array {
  const whole = new Uint8Array(lengthBytes);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
