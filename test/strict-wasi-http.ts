/** Requests, responses and bodies for a strict WASI host (strict-wasi-host.ts). */
import { InputStream, OutputStream, Pollable, Refusal, Resource, type Variant } from './strict-wasi-io.ts';

type Entries = [string, Uint8Array][];

export class Fields extends Resource {
  list: Entries = [];
  static fromList(entries: Entries): Fields {
    for (const [name, value] of entries) {
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || value.includes(10))
        throw new Refusal({ tag: 'invalid-syntax' });
      if (name === 'connection') throw new Refusal({ tag: 'forbidden' });
    }
    return Fields.of(
      undefined,
      entries.map(([name, value]) => [name, value.slice()]),
    );
  }
  static of(parent: Resource | undefined, list: Entries): Fields {
    const fields = new Fields(parent);
    fields.list = list;
    return fields;
  }
  entries(): Entries {
    return this.list;
  }
}

export class IncomingBody extends Resource {
  chunks: Uint8Array[] = [];
  failure: Variant | undefined;
  static of(chunks: Uint8Array[], failure?: Variant): IncomingBody {
    const body = new IncomingBody();
    body.chunks = chunks;
    body.failure = failure;
    return body;
  }
  stream(): InputStream {
    return InputStream.of(this, this.chunks, this.failure);
  }
}

export class OutgoingBody extends Resource {
  out: OutputStream | undefined;
  isFinished = false;
  isClosedEarly = false;
  write(): OutputStream {
    this.out = new OutputStream(this);
    this.out.isClosed = this.isClosedEarly;
    return this.out;
  }
  static finish(body: OutgoingBody): void {
    body.release();
    body.isFinished = true;
  }
  bytes(): Uint8Array {
    return Buffer.concat(this.out?.written ?? []);
  }
}

export interface Ask {
  readonly method?: Variant;
  readonly path?: string | null;
  readonly headers?: [string, string][];
  readonly chunks?: Uint8Array[];
  readonly bodyFailure?: Variant;
  readonly isClientGone?: boolean;
  readonly upstream?: (request: OutgoingRequest) => Upstream;
}

export class IncomingRequest extends Resource {
  ask: Ask = {};
  private isConsumed = false;
  method(): Variant {
    return this.ask.method ?? { tag: 'get' };
  }
  pathWithQuery(): string | undefined {
    return this.ask.path === null ? undefined : (this.ask.path ?? '/');
  }
  headers(): Fields {
    return Fields.of(this, encodedHeaders(this.ask.headers ?? []));
  }
  consume(): IncomingBody {
    if (this.isConsumed) throw new Refusal();
    this.isConsumed = true;
    return IncomingBody.of(this.ask.chunks ?? [], this.ask.bodyFailure);
  }
}

export class OutgoingResponse extends Resource {
  readonly fields: Fields;
  status = 200;
  content: OutgoingBody | undefined;
  constructor(fields: Fields) {
    super();
    fields.release();
    this.fields = fields;
  }
  setStatusCode(status: number): void {
    if (status < 100 || status > 599) throw new Refusal();
    this.status = status;
  }
  body(): OutgoingBody {
    this.content = new OutgoingBody();
    return this.content;
  }
}

export class ResponseOutparam extends Resource {
  response: OutgoingResponse | undefined;
  writtenBefore = 0;
  isClientGone = false;
  static set(outparam: ResponseOutparam, result: { tag: string; val: OutgoingResponse }): void {
    outparam.release();
    result.val.release();
    outparam.response = result.val;
    outparam.writtenBefore = result.val.content!.bytes().length;
    result.val.content!.isClosedEarly = outparam.isClientGone;
  }
}

export interface Upstream {
  readonly refused?: Variant;
  readonly failed?: Variant;
  readonly status?: number;
  readonly headers?: [string, string][];
  readonly chunks?: Uint8Array[];
  readonly bodyFailure?: Variant;
}

export class OutgoingRequest extends Resource {
  readonly fields: Fields;
  content: OutgoingBody | undefined;
  method = 'get';
  scheme = '';
  authority = '';
  path = '';
  constructor(fields: Fields) {
    super();
    fields.release();
    this.fields = fields;
  }
  setMethod(method: Variant): void {
    this.method = method.tag === 'other' ? String(method.val) : method.tag;
    if (this.method.includes(' ')) throw new Refusal();
  }
  setScheme(scheme: Variant): void {
    this.scheme = scheme.tag;
  }
  setAuthority(authority: string): void {
    if (!/^[\w.[\]:-]+$/.test(authority)) throw new Refusal();
    this.authority = authority;
  }
  setPathWithQuery(path: string): void {
    this.path = path;
  }
  body(): OutgoingBody {
    this.content = new OutgoingBody();
    return this.content;
  }
}

export class IncomingResponse extends Resource {
  upstream: Upstream = {};
  status(): number {
    return this.upstream.status ?? 200;
  }
  headers(): Fields {
    return Fields.of(this, encodedHeaders(this.upstream.headers ?? []));
  }
  consume(): IncomingBody {
    return IncomingBody.of(this.upstream.chunks ?? [], this.upstream.bodyFailure);
  }
}

export class FutureIncomingResponse extends Resource {
  upstream: Upstream = {};
  subscribe(): Pollable {
    return new Pollable(this);
  }
  get(): unknown {
    if (this.upstream.failed) return { tag: 'ok', val: { tag: 'err', val: this.upstream.failed } };
    const response = new IncomingResponse();
    response.upstream = this.upstream;
    return { tag: 'ok', val: { tag: 'ok', val: response } };
  }
}

function encodedHeaders(headers: [string, string][]): Entries {
  return headers.map(([name, value]) => [name, Buffer.from(value)]);
}
