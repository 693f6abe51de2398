/** wasi:http, the side that a function calls: outgoing requests, their options and the future of a response. */
import type { Allowance } from './allowance.ts';
import type { ErrorCodeCase, News, OutboundAnswer, OutboundCall, OutboundHead } from './execution-port.ts';
import { Fields } from './fields.ts';
import { type Method, toMethod } from './http-incoming.ts';
import type { ExecutionContext } from './imports.ts';
import { IncomingBody } from './incoming-body.ts';
import { Pollable } from './io.ts';
import { BodyOutlet, OutgoingBody } from './outgoing-body.ts';
import { GuestFault, ResultError } from './result-error.ts';
import { byNews } from './waiting.ts';

type Scheme = { readonly tag: string; readonly val?: string };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 3986, 3.1 */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
/** A host at least; RFC 3986, 3.2. What else it has is looked at when the request is sent. */
const AUTHORITY = /^(?:(?![/?#])[\x21-\x7e])+$/;
const toMs = (ns: bigint | undefined): number | undefined =>
  ns === undefined ? undefined : Number(ns / 1_000_000n);

export class RequestOptions {
  connectNs: bigint | undefined;
  firstByteNs: bigint | undefined;
  betweenBytesNs: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.connectNs;
  }
  setConnectTimeout(durationNs: bigint | undefined): void {
    this.connectNs = durationNs;
  }
  firstByteTimeout(): bigint | undefined {
    return this.firstByteNs;
  }
  setFirstByteTimeout(durationNs: bigint | undefined): void {
    this.firstByteNs = durationNs;
  }
  betweenBytesTimeout(): bigint | undefined {
    return this.betweenBytesNs;
  }
  setBetweenBytesTimeout(durationNs: bigint | undefined): void {
    this.betweenBytesNs = durationNs;
  }
}

/** Made for a binding or an execution, so that a request knows the limits it was made under. */
export function outgoingRequestClass(context: ExecutionContext) {
  return class OutgoingRequest {
    readonly #headers: Fields;
    #method: Method = { tag: 'get' };
    #path: string | undefined;
    #scheme: Scheme | undefined;
    #authority: string | undefined;
    outlet: BodyOutlet | undefined;
    readonly #allowance = context.fieldsAllowance;
    /** Of its own texts. */
    #takenBytes = 0;

    constructor(headers: Fields) {
      this.#headers = headers.frozen();
    }

    #count(text: string, before: string): void {
      this.#allowance.take(text.length);
      this.#allowance.giveBack(before.length);
      this.#takenBytes += text.length - before.length;
    }

    [Symbol.dispose](): void {
      this.#headers[Symbol.dispose]();
      this.#allowance.giveBack(this.#takenBytes);
      this.#takenBytes = 0;
    }

    method(): Method {
      return this.#method;
    }
    setMethod(method: Method): void {
      if (method.tag === 'other' && !TOKEN.test(method.val ?? '')) throw new ResultError(undefined);
      this.#count(method.val ?? '', this.#method.val ?? '');
      this.#method = method.tag === 'other' ? toMethod(method.val ?? '') : method;
    }
    pathWithQuery(): string | undefined {
      return this.#path;
    }
    setPathWithQuery(path: string | undefined): void {
      if (path !== undefined && /[^\x21-\x7e]/.test(path)) throw new ResultError(undefined);
      this.#count(path ?? '', this.#path ?? '');
      this.#path = path;
    }
    scheme(): Scheme | undefined {
      return this.#scheme;
    }
    setScheme(scheme: Scheme | undefined): void {
      if (scheme?.tag === 'other' && !SCHEME.test(scheme.val ?? '')) throw new ResultError(undefined);
      this.#count(scheme?.val ?? '', this.#scheme?.val ?? '');
      this.#scheme = scheme;
    }
    authority(): string | undefined {
      return this.#authority;
    }
    setAuthority(authority: string | undefined): void {
      if (authority !== undefined && !AUTHORITY.test(authority)) throw new ResultError(undefined);
      this.#count(authority ?? '', this.#authority ?? '');
      this.#authority = authority;
    }
    headers(): Fields {
      return this.#headers.shared();
    }
    body(): OutgoingBody {
      if (this.outlet) throw new ResultError(undefined);
      const { news, outflow, heldAllowance } = context;
      this.outlet = new BodyOutlet({
        heldAllowance,
        headers: this.#headers,
        mayOmitBody: () => false,
        sizeErrorTag: 'HTTP-request-body-size',
        outflow,
        news,
      });
      return new OutgoingBody(this.outlet, news);
    }

    /** @throws ResultError when it cannot be sent. */
    toHead(options: RequestOptions | undefined): OutboundHead {
      const scheme = this.#scheme?.tag ?? 'HTTPS';
      if (scheme !== 'HTTP' && scheme !== 'HTTPS') throw new ResultError({ tag: 'HTTP-protocol-error' });
      if (!this.#authority) throw new ResultError({ tag: 'HTTP-request-URI-invalid' });
      const { tag, val } = this.#method;
      return {
        method: tag === 'other' ? (val ?? '') : tag.toUpperCase(),
        scheme: scheme === 'HTTP' ? 'http' : 'https',
        authority: this.#authority,
        pathWithQuery: this.#path ?? '/',
        headers: this.#headers.toWire(),
        bodyBytes: this.outlet ? this.outlet.knownBytes : 0,
        connectTimeoutMs: toMs(options?.connectNs),
        firstByteTimeoutMs: toMs(options?.firstByteNs),
        betweenBytesTimeoutMs: toMs(options?.betweenBytesNs),
      };
    }
  };
}

export type OutgoingRequest = InstanceType<ReturnType<typeof outgoingRequestClass>>;

export class IncomingResponse {
  readonly #answer: Extract<OutboundAnswer, { tag: 'ok' }>;
  readonly #news: News;
  readonly #headers: Fields;
  readonly #allowance: Allowance | undefined;
  #isConsumed = false;

  constructor(answer?: Extract<OutboundAnswer, { tag: 'ok' }>, news?: News, allowance?: Allowance) {
    if (!answer || !news) throw new GuestFault('incoming-response has no constructor');
    this.#answer = answer;
    this.#news = news;
    this.#allowance = allowance;
    this.#headers = Fields.received(answer.headers, allowance);
  }

  status(): number {
    return this.#answer.status;
  }

  headers(): Fields {
    return this.#headers.shared();
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw new ResultError(undefined);
    this.#isConsumed = true;
    return new IncomingBody(this.#answer.body, this.#news, this.#allowance);
  }

  [Symbol.dispose](): void {
    this.#headers[Symbol.dispose]();
    if (!this.#isConsumed) this.#answer.body.cancel();
  }
}

/** What a future asks; its answer may be there at any time. */
type Pending = Pick<OutboundCall, 'answer' | 'cancel'>;

export class FutureIncomingResponse {
  readonly #pending: Pending;
  readonly #news: News;
  readonly #allowance: Allowance | undefined;
  #isTaken = false;

  constructor(pending?: Pending, news?: News, allowance?: Allowance) {
    if (!pending || !news) throw new GuestFault('future-incoming-response has no constructor');
    this.#allowance = allowance;
    this.#pending = pending;
    this.#news = news;
  }

  subscribe(): Pollable {
    return new Pollable(
      byNews(() => this.#pending.answer() !== undefined),
      this.#news,
    );
  }

  get(): object | undefined {
    const answer = this.#pending.answer();
    if (!answer) return undefined;
    if (this.#isTaken) return { tag: 'err', val: undefined };
    this.#isTaken = true;
    const result =
      answer.tag === 'ok'
        ? { tag: 'ok', val: new IncomingResponse(answer, this.#news, this.#allowance) }
        : { tag: 'err', val: answer.error };
    return { tag: 'ok', val: result };
  }

  [Symbol.dispose](): void {
    if (!this.#isTaken) this.#pending.cancel();
  }
}

const failedWith = (error: ErrorCodeCase): OutboundAnswer => ({ tag: 'err', error });

/** The request's head, after which nobody has the request any more. */
function headOf(request: OutgoingRequest, options: RequestOptions | undefined): OutboundHead {
  try {
    return request.toHead(options);
  } finally {
    request[Symbol.dispose]();
  }
}

/** wasi:http/outgoing-handler.handle: the head leaves at once, the body as it is written. */
export function handleOutgoing(
  { port, news, fieldsAllowance }: ExecutionContext,
  request: OutgoingRequest,
  options: RequestOptions | undefined,
): FutureIncomingResponse {
  const head = headOf(request, options);
  const { outlet } = request;
  if (outlet?.failure) {
    const answer = failedWith(outlet.failure);
    return new FutureIncomingResponse(
      { answer: () => answer, cancel: () => undefined },
      news,
      fieldsAllowance,
    );
  }
  const call = port.send(head);
  if (outlet) outlet.open(call.body);
  else call.body.finish([]);
  const answer = () => call.answer() ?? (outlet?.failure && failedWith(outlet.failure));
  return new FutureIncomingResponse({ answer, cancel: () => call.cancel() }, news, fieldsAllowance);
}
