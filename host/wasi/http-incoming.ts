/** wasi:http, the side that a function serves: the request it gets and the response it gives. */
import type { Allowance } from './allowance.ts';
import type { BodySource, ErrorCodeCase, ExecutionPort, News, RequestHead } from './execution-port.ts';
import { Fields } from './fields.ts';
import type { ExecutionContext } from './imports.ts';
import { IncomingBody } from './incoming-body.ts';
import { BodyOutlet, OutgoingBody } from './outgoing-body.ts';
import { GuestFault, ResultError } from './result-error.ts';

/** WIT's `method`: known ones by their own case, any other as text. */
export type Method = { readonly tag: string; readonly val?: string };

const KNOWN_METHODS = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'];

/** Methods are case-sensitive: `get` in small letters is another method than `GET`. */
export function toMethod(method: string): Method {
  const tag = KNOWN_METHODS.find((known) => known.toUpperCase() === method);
  return tag ? { tag } : { tag: 'other', val: method };
}

export class IncomingRequest {
  readonly #head: RequestHead;
  readonly #body: BodySource;
  readonly #news: News;
  readonly #headers: Fields;
  readonly #allowance: Allowance | undefined;
  #isConsumed = false;

  constructor(head?: RequestHead, body?: BodySource, news?: News, allowance?: Allowance) {
    if (!head || !body || !news) throw new GuestFault('incoming-request has no constructor');
    this.#head = head;
    this.#body = body;
    this.#news = news;
    this.#allowance = allowance;
    this.#headers = Fields.received(head.headers, allowance);
  }

  method(): Method {
    return toMethod(this.#head.method);
  }

  pathWithQuery(): string {
    return this.#head.pathWithQuery;
  }

  scheme(): { readonly tag: 'HTTP' | 'HTTPS' } {
    return { tag: this.#head.scheme === 'https' ? 'HTTPS' : 'HTTP' };
  }

  /** None where the client gave none, as HTTP/1.0 may. */
  authority(): string | undefined {
    return this.#head.authority || undefined;
  }

  headers(): Fields {
    return this.#headers.shared();
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw new ResultError(undefined);
    this.#isConsumed = true;
    return new IncomingBody(this.#body, this.#news, this.#allowance);
  }

  [Symbol.dispose](): void {
    this.#headers[Symbol.dispose]();
    if (!this.#isConsumed) this.#body.cancel();
  }
}

/** A response that a guest makes, as the host sees it. */
export interface SendableResponse {
  /** Sends the head, and from then on whatever there is of the body. */
  send(port: ExecutionPort): void;
  readonly status: number;
  /** Undefined where the guest wants none. */
  readonly outlet: BodyOutlet | undefined;
}

/** Made for a binding or an execution, so that a response knows the limits it was made under. */
export function outgoingResponseClass(context: ExecutionContext) {
  return class OutgoingResponse implements SendableResponse {
    readonly #headers: Fields;
    status = 200;
    outlet: BodyOutlet | undefined;

    constructor(headers: Fields) {
      this.#headers = headers.frozen();
    }

    statusCode(): number {
      return this.status;
    }

    setStatusCode(status: number): void {
      if (status < 200 || status > 599) throw new ResultError(undefined);
      this.status = status;
    }

    headers(): Fields {
      return this.#headers.shared();
    }

    [Symbol.dispose](): void {
      this.#headers[Symbol.dispose]();
    }

    body(): OutgoingBody {
      if (this.outlet) throw new ResultError(undefined);
      const { isHead, news, outflow, heldAllowance, responseAllowance } = context;
      this.outlet = new BodyOutlet({
        heldAllowance,
        totalAllowance: responseAllowance,
        headers: this.#headers,
        mayOmitBody: () => isHead || this.status === 304,
        sizeErrorTag: 'HTTP-response-body-size',
        outflow,
        news,
      });
      return new OutgoingBody(this.outlet, news);
    }

    send(port: ExecutionPort): void {
      const sink = port.respond({ status: this.status, headers: this.#headers.toWire() });
      if (this.outlet) this.outlet.open(sink);
      else sink.finish([]);
    }
  };
}

/** What a guest set through its out-parameter. */
export type SetResponse =
  | { readonly tag: 'ok'; readonly val: SendableResponse }
  | { readonly tag: 'err'; readonly val: ErrorCodeCase };

export class ResponseOutparam {
  readonly #port: ExecutionPort;
  /** Undefined until the guest has answered. */
  value: SetResponse | undefined;

  constructor(port?: ExecutionPort) {
    if (!port) throw new GuestFault('response-outparam has no constructor');
    this.#port = port;
  }

  static set(outparam: ResponseOutparam, response: SetResponse): void {
    if (outparam.value)
      throw new GuestFault('response-outparam: expected to be set once, got a second response');
    outparam.value = response;
    if (response.tag === 'ok') response.val.send(outparam.#port);
  }

  /** Of the 1xx, 101 would change the protocol, which no guest can speak. */
  sendInformational(status: number, headers: Fields): void {
    if (status < 100 || status > 199 || status === 101) throw new ResultError({ tag: 'HTTP-protocol-error' });
    this.#port.inform({ status, headers: headers.toWire() });
    headers[Symbol.dispose]();
  }
}
