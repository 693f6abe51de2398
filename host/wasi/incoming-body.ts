/** wasi:http bodies that come in, and the trailers behind them. */
import type { Allowance } from './allowance.ts';
import type { BodySource, News } from './execution-port.ts';
import { Fields } from './fields.ts';
import { InputStream, NO_NEWS, Pollable } from './io.ts';
import { GuestFault, ResultError } from './result-error.ts';
import { byNews } from './waiting.ts';

/** Reads to the end and throws it away, since the trailers come behind it. */
class Trailing {
  readonly #source: BodySource;
  readonly #allowance: Allowance | undefined;

  constructor(source: BodySource, allowance: Allowance | undefined) {
    this.#source = source;
    this.#allowance = allowance;
  }

  get isThere(): boolean {
    const source = this.#source;
    while (source.availableBytes > 0) source.read(source.availableBytes);
    return source.state !== 'open';
  }

  /** Only once it is there. */
  result(): object {
    const { failure, trailers } = this.#source;
    if (failure) return { tag: 'err', val: failure };
    const some = trailers && trailers.length > 0 ? Fields.received(trailers, this.#allowance) : undefined;
    return { tag: 'ok', val: some };
  }

  cancel(): void {
    this.#source.cancel();
  }
}

export class FutureTrailers {
  readonly #trailing: Trailing;
  readonly #news: News;
  #isTaken = false;

  constructor(source?: BodySource, news: News = NO_NEWS, allowance?: Allowance) {
    if (!source) throw new GuestFault('future-trailers has no constructor');
    this.#trailing = new Trailing(source, allowance);
    this.#news = news;
  }

  subscribe(): Pollable {
    return new Pollable(
      byNews(() => this.#trailing.isThere),
      this.#news,
    );
  }

  /** A second time it is refused. */
  get(): object | undefined {
    if (!this.#trailing.isThere) return undefined;
    if (this.#isTaken) return { tag: 'err', val: undefined };
    this.#isTaken = true;
    return { tag: 'ok', val: this.#trailing.result() };
  }

  [Symbol.dispose](): void {
    this.#trailing.cancel();
  }
}

export class IncomingBody {
  readonly #source: BodySource;
  readonly #news: News;
  readonly #allowance: Allowance | undefined;
  #isStreamed = false;
  /** Of the body's handle and its stream's, those that the guest still has. */
  #handles = 1;

  constructor(source?: BodySource, news: News = NO_NEWS, allowance?: Allowance) {
    if (!source) throw new GuestFault('incoming-body has no constructor');
    this.#allowance = allowance;
    this.#source = source;
    this.#news = news;
  }

  stream(): InputStream {
    if (this.#isStreamed) throw new ResultError(undefined);
    this.#isStreamed = true;
    this.#handles++;
    return new InputStream(this.#source, this.#news, () => this.#drop());
  }

  static finish(body: IncomingBody): FutureTrailers {
    return new FutureTrailers(body.#source, body.#news, body.#allowance);
  }

  [Symbol.dispose](): void {
    this.#drop();
  }

  #drop(): void {
    this.#handles--;
    if (this.#handles === 0) this.#source.cancel();
  }
}
