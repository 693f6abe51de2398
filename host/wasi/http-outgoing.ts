/** wasi:http, the side that a function calls: outgoing requests, their options and the future of a response. */
import type { WireHeaders } from './fields.ts';
import { Fields } from './fields.ts';
import { type BodyRules, type ErrorCodeCase, IncomingBody, OutgoingBody } from './http-bodies.ts';
import { type Method, toMethod } from './http-incoming.ts';
import { Pollable, type Readiness, type WaitForNews } from './io.ts';
import { GuestFault, ResultError } from './result-error.ts';

/** An outbound request as it leaves the worker. Absent timeouts mean the host's own. */
export interface OutboundRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly pathWithQuery: string;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
  readonly connectTimeoutMs: number | undefined;
  readonly firstByteTimeoutMs: number | undefined;
  readonly betweenBytesTimeoutMs: number | undefined;
}

export type OutboundAnswer =
  | {
      readonly tag: 'ok';
      readonly status: number;
      readonly headers: WireHeaders;
      readonly body: Uint8Array;
    }
  | { readonly tag: 'err'; readonly error: ErrorCodeCase };

/** Sends a request without waiting; the answer may be asked for at any time. */
export interface Outbound {
  send(request: OutboundRequest): { answer(): OutboundAnswer | undefined };
  readonly wait: WaitForNews;
}

type Scheme = { readonly tag: string; readonly val?: string };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
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

/** Made anew for each execution, so that a request knows the limits it was made under. */
export function outgoingRequestClass(rules: Pick<BodyRules, 'allowance'>) {
  return class OutgoingRequest {
    readonly #headers: Fields;
    #method: Method = { tag: 'get' };
    #path: string | undefined;
    #scheme: Scheme | undefined;
    #authority: string | undefined;
    #body: OutgoingBody | undefined;
    #finished: Uint8Array | undefined;
    #onFinish: (() => void) | undefined;
    #failure: ErrorCodeCase | undefined;

    constructor(headers: Fields) {
      this.#headers = headers.frozen();
    }

    method(): Method {
      return this.#method;
    }
    setMethod(method: Method): void {
      if (method.tag === 'other' && !TOKEN.test(method.val ?? '')) throw new ResultError(undefined);
      this.#method = method.tag === 'other' ? toMethod(method.val ?? '') : method;
    }
    pathWithQuery(): string | undefined {
      return this.#path;
    }
    setPathWithQuery(path: string | undefined): void {
      if (path !== undefined && /[^\x21-\x7e]/.test(path)) throw new ResultError(undefined);
      this.#path = path;
    }
    scheme(): Scheme | undefined {
      return this.#scheme;
    }
    setScheme(scheme: Scheme | undefined): void {
      this.#scheme = scheme;
    }
    authority(): string | undefined {
      return this.#authority;
    }
    setAuthority(authority: string | undefined): void {
      if (authority !== undefined && /[^\x21-\x7e]|[/?#]/.test(authority)) throw new ResultError(undefined);
      this.#authority = authority;
    }
    headers(): Fields {
      return this.#headers;
    }
    body(): OutgoingBody {
      if (this.#body) throw new ResultError(undefined);
      const sizeErrorTag = 'HTTP-request-body-size';
      const onFailed = (error: ErrorCodeCase) => {
        this.#failure = error;
      };
      const mayOmitBody = () => false;
      const bodyRules = { ...rules, headers: this.#headers, sizeErrorTag, mayOmitBody, onFailed } as const;
      this.#body = new OutgoingBody(bodyRules, (bytes) => {
        this.#finished = bytes;
        this.#onFinish?.();
      });
      return this.#body;
    }

    /** Calls back once the body is complete, at once when there is none; false when it is still being written. */
    whenComplete(send: () => void): boolean {
      const complete = this.#body === undefined || this.#finished !== undefined;
      if (complete) send();
      else this.#onFinish = send;
      return complete;
    }

    /** Lets the body go once it is on its way. */
    release(): void {
      if (this.#finished) rules.allowance.giveBack(this.#finished.length);
      this.#finished = new Uint8Array();
    }

    /** Why its body will never be complete. */
    get failure(): ErrorCodeCase | undefined {
      return this.#failure;
    }

    toData(options: RequestOptions | undefined): OutboundRequest {
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
        body: this.#finished ?? new Uint8Array(),
        connectTimeoutMs: toMs(options?.connectNs),
        firstByteTimeoutMs: toMs(options?.firstByteNs),
        betweenBytesTimeoutMs: toMs(options?.betweenBytesNs),
      };
    }
  };
}

export type OutgoingRequest = InstanceType<ReturnType<typeof outgoingRequestClass>>;

export class IncomingResponse {
  readonly #status: number;
  readonly #headers: Fields;
  readonly #body: Uint8Array;
  #consumed = false;

  constructor(answer?: Extract<OutboundAnswer, { tag: 'ok' }>) {
    if (!answer) throw new GuestFault('incoming-response has no constructor');
    this.#status = answer.status;
    this.#headers = Fields.received(answer.headers);
    this.#body = answer.body;
  }

  status(): number {
    return this.#status;
  }

  headers(): Fields {
    return this.#headers;
  }

  consume(): IncomingBody {
    if (this.#consumed) throw new ResultError(undefined);
    this.#consumed = true;
    return new IncomingBody(this.#body);
  }
}

export class FutureIncomingResponse {
  readonly #readiness: Readiness;
  readonly #answer: () => OutboundAnswer | undefined;
  readonly #wait: WaitForNews;
  #taken = false;

  constructor(answer?: () => OutboundAnswer | undefined, wait?: WaitForNews) {
    if (!answer || !wait) throw new GuestFault('future-incoming-response has no constructor');
    this.#answer = answer;
    this.#wait = wait;
    this.#readiness = {
      isReady: () => answer() !== undefined,
      remainingMs: () => Number.POSITIVE_INFINITY,
    };
  }

  subscribe(): Pollable {
    return new Pollable(this.#readiness, this.#wait);
  }

  get(): object | undefined {
    const answer = this.#answer();
    if (!answer) return undefined;
    if (this.#taken) return { tag: 'err', val: undefined };
    this.#taken = true;
    const result =
      answer.tag === 'ok'
        ? { tag: 'ok', val: new IncomingResponse(answer) }
        : { tag: 'err', val: answer.error };
    return { tag: 'ok', val: result };
  }
}

const failedWith = (error: ErrorCodeCase): OutboundAnswer => ({ tag: 'err', error });

/** wasi:http/outgoing-handler.handle */
export function handleOutgoing(
  outbound: Outbound,
  request: OutgoingRequest,
  options: RequestOptions | undefined,
): FutureIncomingResponse {
  let sent: { answer(): OutboundAnswer | undefined } | undefined;
  // Checked before the body is complete, so that the guest gets the error where it made it.
  request.toData(options);
  request.whenComplete(() => {
    sent = outbound.send(request.toData(options));
    request.release();
  });
  const answer = () => (request.failure ? failedWith(request.failure) : sent?.answer());
  return new FutureIncomingResponse(answer, outbound.wait);
}
