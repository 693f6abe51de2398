/** wasi:http, the side that a function serves: the request it gets and the response it gives. */
import { Fields, type WireHeaders } from './fields.ts';
import { type BodyRules, IncomingBody, OutgoingBody } from './http-bodies.ts';
import { GuestFault, ResultError } from './result-error.ts';

/** WIT's `method`: known ones by their own case, any other as text. */
export type Method = { readonly tag: string; readonly val?: string };

const KNOWN_METHODS = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'];

/** Methods are case-sensitive: `get` in small letters is another method than `GET`. */
export function toMethod(method: string): Method {
  const tag = KNOWN_METHODS.find((known) => known.toUpperCase() === method);
  return tag ? { tag } : { tag: 'other', val: method };
}

/** A request as it crosses into the worker. */
export interface RequestData {
  readonly method: string;
  readonly pathWithQuery: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}

export class IncomingRequest {
  readonly #data: RequestData;
  readonly #headers: Fields;
  #consumed = false;

  constructor(data?: RequestData) {
    if (!data) throw new GuestFault('incoming-request has no constructor');
    this.#data = data;
    this.#headers = Fields.received(data.headers);
  }

  method(): Method {
    return toMethod(this.#data.method);
  }

  pathWithQuery(): string {
    return this.#data.pathWithQuery;
  }

  scheme(): { readonly tag: 'HTTP' | 'HTTPS' } {
    return { tag: this.#data.scheme === 'https' ? 'HTTPS' : 'HTTP' };
  }

  authority(): string {
    return this.#data.authority;
  }

  headers(): Fields {
    return this.#headers;
  }

  consume(): IncomingBody {
    if (this.#consumed) throw new ResultError(undefined);
    this.#consumed = true;
    return new IncomingBody(this.#data.body);
  }
}

/** A response as it crosses out of the worker. */
export interface ResponseData {
  readonly status: number;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}

/** Statuses whose responses never have a body (RFC 9110, 6.4.1, and 15.3.6 for 205). */
export const BODILESS_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * A response as it leaves: without the body that HTTP does not send, but with the length that it would have had
 * where HTTP may still say it.
 */
export function asSent(method: string, response: ResponseData): ResponseData {
  const { status, headers } = response;
  if (method !== 'HEAD' && !BODILESS_STATUSES.has(status)) return response;
  const others = headers.filter((_text, index) => !isLength(headers, index - (index % 2)));
  const declaredAt = headers.findIndex((_text, index) => index % 2 === 0 && isLength(headers, index));
  const withLength = (length: string): WireHeaders => [...others, 'content-length', length];
  const body = new Uint8Array();
  if (status === 205) return { status, headers: withLength('0'), body };
  if (status === 204 || (status === 304 && declaredAt < 0)) return { status, headers: others, body };
  const length = declaredAt < 0 ? String(response.body.length) : (headers[declaredAt + 1] as string);
  return { status, headers: withLength(length), body };
}

/** Whether the name at this index is content-length's. */
const isLength = (headers: WireHeaders, index: number): boolean =>
  headers[index]?.toLowerCase() === 'content-length';

/** What limits a response, set for one execution. */
export interface ResponseRules extends Pick<BodyRules, 'allowance'> {
  /** Whether the request was HEAD, so that a response may declare a length without a body. */
  readonly isHead: boolean;
}

/** Made anew for each execution, so that a response knows the limits it was made under. */
export function outgoingResponseClass(rules: ResponseRules) {
  return class OutgoingResponse {
    readonly #headers: Fields;
    #status = 200;
    #body: OutgoingBody | undefined;
    #finished: Uint8Array | undefined;

    constructor(headers: Fields) {
      this.#headers = headers.frozen();
    }

    statusCode(): number {
      return this.#status;
    }

    setStatusCode(status: number): void {
      if (status < 200 || status > 599) throw new ResultError(undefined);
      this.#status = status;
    }

    headers(): Fields {
      return this.#headers;
    }

    body(): OutgoingBody {
      if (this.#body) throw new ResultError(undefined);
      const sizeErrorTag = 'HTTP-response-body-size';
      const mayOmitBody = () => rules.isHead || this.#status === 304;
      const bodyRules = { ...rules, headers: this.#headers, sizeErrorTag, mayOmitBody } as const;
      this.#body = new OutgoingBody(bodyRules, (bytes) => {
        this.#finished = bytes;
      });
      return this.#body;
    }

    /** The whole response, or undefined when the guest began a body and did not finish it. */
    collect(): ResponseData | undefined {
      if (this.#body && !this.#finished) return undefined;
      return {
        status: this.#status,
        headers: this.#headers.toWire(),
        body: this.#finished ?? new Uint8Array(),
      };
    }
  };
}

/** What a guest set through its out-parameter. */
export type SetResponse =
  | { readonly tag: 'ok'; readonly val: { collect(): ResponseData | undefined } }
  | { readonly tag: 'err'; readonly val: { readonly tag: string; readonly val?: unknown } };

export class ResponseOutparam {
  value: SetResponse | undefined;

  static set(outparam: ResponseOutparam, response: SetResponse): void {
    if (outparam.value)
      throw new GuestFault('response-outparam: expected to be set once, got a second response');
    outparam.value = response;
  }
}
