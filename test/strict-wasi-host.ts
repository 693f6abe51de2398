/**
 * A WASI host in small for guests whose every step is to be watched: it refuses what the standard refuses, traps where
 * resources are given away in the wrong order or twice, knows which were never given back, and can fail where a real
 * one seldom does. What guests answer is tested on Ebb's own host.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { expect } from 'vitest';

type Entries = [string, Uint8Array][];
type Variant = { tag: string; val?: unknown };

/** What a host function throws to give `err`: jco reads `payload`. */
class Refusal {
  readonly payload: unknown;
  constructor(payload?: unknown) {
    this.payload = payload;
  }
}

const alive = new Set<Resource>();

/** A handle in the guest's hands until it is dropped or moved into another call. */
class Resource {
  readonly parent: Resource | undefined;
  constructor(parent?: Resource) {
    this.parent = parent;
    alive.add(this);
  }
  release(): void {
    const child = [...alive].find((other) => other.parent === this);
    if (child) throw new Error(`${this.constructor.name} given away before its ${child.constructor.name}`);
    if (!alive.delete(this)) throw new Error(`${this.constructor.name} given away twice`);
  }
  [Symbol.dispose](): void {
    this.release();
  }
}

class IoError extends Resource {
  readonly code: Variant | undefined;
  constructor(code?: Variant) {
    super();
    this.code = code;
  }
}

class Pollable extends Resource {
  onBlock: () => void = () => undefined;
  block(): void {
    this.onBlock();
  }
}

class InputStream extends Resource {
  private chunks: Uint8Array[] = [];
  private failure: Variant | undefined;
  static of(parent: Resource, chunks: Uint8Array[], failure?: Variant): InputStream {
    const stream = new InputStream(parent);
    stream.chunks = [...chunks];
    stream.failure = failure;
    return stream;
  }
  blockingRead(): Uint8Array {
    const chunk = this.chunks.shift();
    if (chunk) return chunk;
    throw new Refusal(
      this.failure ? { tag: 'last-operation-failed', val: new IoError(this.failure) } : { tag: 'closed' },
    );
  }
}

class OutputStream extends Resource {
  readonly written: Uint8Array[] = [];
  isClosed = false;
  private budgetBytes = 0n;
  /** None at first, so that a guest has to wait for it. */
  checkWrite(): bigint {
    if (this.isClosed) throw new Refusal({ tag: 'closed' });
    return this.budgetBytes;
  }
  write(bytes: Uint8Array): void {
    this.budgetBytes -= BigInt(bytes.length);
    if (this.budgetBytes < 0n) throw new Error(`a write of ${bytes.length} bytes, more than were permitted`);
    this.written.push(bytes.slice());
  }
  flush(): void {}
  subscribe(): Pollable {
    const pollable = new Pollable(this);
    pollable.onBlock = () => {
      this.budgetBytes = 10_000n;
    };
    return pollable;
  }
  blockingWriteAndFlush(bytes: Uint8Array): void {
    if (bytes.length > 4096) throw new Error(`a write of ${bytes.length} bytes, more than 4096`);
    if (this.isClosed) throw new Refusal({ tag: 'closed' });
    this.written.push(bytes.slice());
  }
}

class Fields extends Resource {
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

class IncomingBody extends Resource {
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

class OutgoingBody extends Resource {
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

class IncomingRequest extends Resource {
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

class OutgoingResponse extends Resource {
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

class ResponseOutparam extends Resource {
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

class OutgoingRequest extends Resource {
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

class IncomingResponse extends Resource {
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

class FutureIncomingResponse extends Resource {
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

export interface Answer {
  readonly status: number;
  readonly headers: [string, string][];
  readonly bytes: Buffer;
  readonly text: string;
  readonly stderr: string;
  readonly isFinished: boolean;
  readonly sent: OutgoingRequest[];
}

interface Run {
  readonly stderr: () => string;
  readonly handle: () => void;
  readonly answer: () => Answer;
}

export interface Guest {
  readonly imports: readonly string[];
  readonly start: (ask: Ask) => Run;
}

interface JcoModule {
  instantiate(
    getCoreModule: (path: string) => WebAssembly.Module,
    imports: Record<string, unknown>,
  ): { incomingHandler: { handle(request: IncomingRequest, outparam: ResponseOutparam): void } };
}

/** @param scratch a folder for the code that jco generates, which is imported from there. */
export async function load(name: string, component: Uint8Array, scratch: string): Promise<Guest> {
  const { files, imports } = await transpileBytes(component, { name, instantiation: 'sync' });
  const dir = join(scratch, `jco-${name}`);
  const entries: [string, Uint8Array][] = Array.isArray(files) ? files : Object.entries(files);
  for (const [path, bytes] of entries) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), bytes);
  }
  const modules = new Map(
    entries
      .filter(([path]) => path.endsWith('.wasm'))
      .map(([path, bytes]) => [path, new WebAssembly.Module(bytes.slice())]),
  );
  const jco: JcoModule = await import(pathToFileURL(join(dir, `${name}.js`)).href);
  return { imports, start: (ask) => start(jco, modules, ask) };
}

function start(jco: JcoModule, modules: Map<string, WebAssembly.Module>, ask: Ask): Run {
  alive.clear();
  const stderr: OutputStream[] = [];
  const sent: OutgoingRequest[] = [];
  const { incomingHandler } = jco.instantiate((path) => modules.get(path)!, {
    'wasi:io/error': { Error: IoError },
    'wasi:io/poll': { Pollable },
    'wasi:io/streams': { InputStream, OutputStream },
    'wasi:cli/stderr': {
      getStderr: () => {
        stderr.push(new OutputStream());
        return stderr.at(-1);
      },
    },
    'wasi:http/types': {
      ...{ Fields, IncomingRequest, IncomingBody, OutgoingResponse, OutgoingBody, ResponseOutparam },
      ...{
        OutgoingRequest,
        FutureIncomingResponse,
        IncomingResponse,
        RequestOptions: class extends Resource {},
      },
      httpErrorCode: (error: IoError) => error.code,
    },
    'wasi:http/outgoing-handler': {
      handle: (request: OutgoingRequest) => {
        request.release();
        sent.push(request);
        const future = new FutureIncomingResponse();
        future.upstream = ask.upstream?.(request) ?? {};
        if (!future.upstream.refused) return future;
        future.release();
        throw new Refusal(future.upstream.refused);
      },
    },
  });
  const request = new IncomingRequest();
  request.ask = ask;
  const outparam = new ResponseOutparam();
  outparam.isClientGone = ask.isClientGone ?? false;
  const said = () => Buffer.concat(stderr.flatMap((stream) => stream.written)).toString();
  return {
    stderr: said,
    handle: () => incomingHandler.handle(request, outparam),
    answer: () => answerOf(outparam, said(), sent),
  };
}

function answerOf(outparam: ResponseOutparam, stderr: string, sent: OutgoingRequest[]): Answer {
  const { response } = outparam;
  if (!response) throw new Error('no response was set');
  if (outparam.writtenBefore > 0) throw new Error('the body was written before the response was set');
  const bytes = Buffer.from(response.content!.bytes());
  return {
    status: response.status,
    headers: response.fields.list.map(([name, value]) => [name, Buffer.from(value).toString()]),
    bytes,
    text: bytes.toString(),
    stderr,
    isFinished: response.content!.isFinished,
    sent,
  };
}

/** Answers a request and checks that the guest gave every resource back. */
export function call(guest: Guest, ask: Ask): Answer {
  const run = guest.start(ask);
  run.handle();
  const answer = run.answer();
  expect([...alive].map((resource) => resource.constructor.name)).toEqual([]);
  return answer;
}

export function header(answer: Answer, name: string): string | undefined {
  return answer.headers.find(([key]) => key === name)?.[1];
}
