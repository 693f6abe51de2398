/**
 * Guests from source to answer: each is built for real and run by a small WASI host that lives in this file, refuses
 * what the standard refuses, and traps where resources are dropped in the wrong order.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BuildStage, type BuiltGuest, buildExamples, buildGuest, EXAMPLES } from '../guests/build.ts';

// ---- a WASI host in small ----

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

interface Ask {
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

interface Upstream {
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

interface Answer {
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

interface Guest {
  readonly imports: readonly string[];
  readonly start: (ask: Ask) => Run;
}

interface JcoModule {
  instantiate(
    getCoreModule: (path: string) => WebAssembly.Module,
    imports: Record<string, unknown>,
  ): { incomingHandler: { handle(request: IncomingRequest, outparam: ResponseOutparam): void } };
}

let scratch: string;

async function load(name: string, component: Uint8Array): Promise<Guest> {
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
function call(guest: Guest, ask: Ask): Answer {
  const run = guest.start(ask);
  run.handle();
  const answer = run.answer();
  expect([...alive].map((resource) => resource.constructor.name)).toEqual([]);
  return answer;
}

function header(answer: Answer, name: string): string | undefined {
  return answer.headers.find(([key]) => key === name)?.[1];
}

// ---- the guests ----

/** Reaches the corners of the SDK; each path is a case of its own. */
const CORNERS = `import { fetch, log, OutboundRequest, Request, Response } from 'ebb';

const greeting: string = 'made at ' + 'start';

export function handle(request: Request): Response {
  const path = request.pathname;
  if (path == '/start') return Response.text(greeting);
  if (path == '/unicode') return Response.text('grün — 日本 — 🦀');
  if (path == '/lone') return Response.text('a' + String.fromCharCode(0xd83e) + 'b');
  if (path == '/text') return Response.text(request.text().length.toString() + ':' + request.text());
  if (path == '/empty') return Response.empty(204);
  if (path == '/query') {
    const name = request.query('name');
    return Response.text((name ? name : '(null)') + '|' + request.queryAll('x').join(','));
  }
  if (path == '/headers') {
    const headers = request.headers;
    let list = '';
    for (let i = 0; i < headers.size; i++) list += headers.nameAt(i) + '=' + headers.valueAt(i) + ';';
    const missing = headers.get('missing');
    return Response.text(list + headers.getAll('ACCEPT').join(',') + (missing ? '' : ';none'));
  }
  if (path == '/cookies') {
    const response = Response.text('').header('X-One', '1').header('x-one', '2');
    response.headers.append('set-cookie', 'a=1');
    response.headers.append('set-cookie', 'b=2');
    return response;
  }
  if (path == '/log') {
    log('one');
    log('zwölf');
    return Response.text(request.method);
  }
  if (path == '/throw') throw new Error('on purpose');
  if (path == '/bounds') return Response.text(path.split('/')[7]);
  if (path == '/bad-status') return Response.empty(request.headers.size ? 99 : 70000);
  if (path == '/bad-header') return Response.text('').header('with space', 'x');
  if (path == '/post') {
    const outbound = new OutboundRequest('https://example.test:8443?q=1#part', 'POST').header('x-a', 'ä');
    const result = fetch(outbound.withText('körper'));
    return Response.text(result.failed ? result.error : result.status.toString() + result.text());
  }
  if (path == '/verb') return Response.text(fetch(new OutboundRequest('http://a/', 'PURGE')).status.toString());
  if (path == '/bad-verb') return Response.text(fetch(new OutboundRequest('http://a/', 'A B')).error);
  if (path == '/forbidden') return Response.text(fetch(new OutboundRequest('http://a/').header('connection', 'x')).error);
  return Response.text(path, 404);
}
`;

const names = ['hello', 'echo', 'burn', 'proxy'] as const;
let built: ReadonlyMap<string, BuiltGuest>;
const guests = new Map<string, Guest>();
const guest = (name: (typeof names)[number] | 'corners') => guests.get(name)!;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ebb-guests-'));
  built = await buildExamples();
  for (const [name, { component }] of built) guests.set(name, await load(name, component));
  const source = await sourceFile('corners', CORNERS);
  guests.set('corners', await load('corners', (await buildGuest({ source })).component));
}, 60_000);

afterAll(() => rm(scratch, { recursive: true, force: true }));

/** A source alone in a new folder outside of this repository. */
async function sourceFile(name: string, text: string): Promise<string> {
  const dir = await mkdtemp(join(scratch, 'source-'));
  await writeFile(join(dir, `${name}.ts`), text);
  return join(dir, `${name}.ts`);
}

const HELLO = `import { Request, Response } from 'ebb';
export function handle(request: Request): Response {
  return Response.text('hi');
}
`;

describe('the examples', () => {
  test('are the four that are listed, and hello is a component under 10 KB', () => {
    expect([...built.keys()]).toEqual(EXAMPLES.map(({ name }) => name));
    expect([...built.keys()]).toEqual([...names]);
    for (const { component, componentBytes, coreBytes, warnings } of built.values()) {
      expect(component.length).toBe(componentBytes);
      expect(coreBytes).toBeLessThan(componentBytes);
      expect(warnings).toEqual([]);
    }
    expect(built.get('hello')!.componentBytes).toBeLessThan(10_000);
  });

  test('import only the interfaces that they use', () => {
    const answering = ['wasi:cli/stderr', 'wasi:http/types', 'wasi:io/error', 'wasi:io/streams'];
    expect(guest('hello').imports).toEqual(answering);
    expect(guest('burn').imports).toEqual(answering);
    expect(guest('echo').imports.filter((name) => !name.startsWith('wasi:io'))).toEqual(
      answering.slice(0, 2),
    );
    expect(guest('proxy').imports).toContain('wasi:http/outgoing-handler');
  });
});

describe('hello', () => {
  test('answers any request with its text', () => {
    const answer = call(guest('hello'), { method: { tag: 'delete' }, path: '/anything' });
    expect(answer).toMatchObject({ status: 200, text: 'Hello from Ebb\n', isFinished: true, stderr: '' });
    expect(answer.headers).toEqual([['content-type', 'text/plain; charset=utf-8']]);
  });

  test('does not trap when the client is gone, and leaves the body unfinished', () => {
    const answer = call(guest('hello'), { isClientGone: true });
    expect(answer).toMatchObject({ text: '', isFinished: false });
  });
});

describe('echo', () => {
  test('answers with method, path, content type and body', () => {
    const answer = call(guest('echo'), {
      method: { tag: 'post' },
      path: '/a%20b?c=1',
      headers: [['Content-Type', 'application/x-thing']],
      chunks: [Buffer.from('one '), Buffer.from('grün 🦀')],
    });
    expect(answer.text).toBe('one grün 🦀');
    expect(header(answer, 'content-type')).toBe('application/x-thing');
    expect(header(answer, 'x-method')).toBe('POST');
    expect(header(answer, 'x-path')).toBe('/a%20b?c=1');
  });

  test('keeps every byte of a body of 100 KB, in whatever pieces it comes', () => {
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    const chunks = [body.subarray(0, 1), body.subarray(1, 65_537), body.subarray(65_537)];
    expect(call(guest('echo'), { chunks }).bytes.equals(body)).toBe(true);
  });

  test('answers an empty body with an empty body and no content type', () => {
    const answer = call(guest('echo'), { chunks: [], path: null, method: { tag: 'other', val: 'PURGE' } });
    expect(answer).toMatchObject({ status: 200, text: '', isFinished: true });
    expect(answer.headers).toEqual([
      ['x-method', 'PURGE'],
      ['x-path', '/'],
    ]);
    expect(call(guest('echo'), { chunks: [Buffer.alloc(0)] }).text).toBe('');
  });

  test('knows every method', () => {
    const tags = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'];
    const seen = tags.map((tag) => header(call(guest('echo'), { method: { tag } }), 'x-method'));
    expect(seen).toEqual(tags.map((tag) => tag.toUpperCase()));
  });

  test('stops where the client is gone, and leaves the body unfinished', () => {
    const chunks = [Buffer.from('one'), Buffer.from('two')];
    const run = guest('echo').start({ chunks, isClientGone: true });
    run.handle();
    expect(run.answer()).toMatchObject({ status: 200, text: '', isFinished: false, stderr: '' });
  });

  test('traps with its reason when the client stops half way', () => {
    const run = guest('echo').start({
      chunks: [Buffer.from('x')],
      bodyFailure: { tag: 'connection-terminated' },
    });
    expect(run.handle).toThrow(WebAssembly.RuntimeError);
    expect(run.stderr()).toMatch(/ended before it was complete/);
  });
});

describe('a body that is streamed', () => {
  const STREAMS = `import { Request, Response } from 'ebb';
export function handle(request: Request): Response {
  const reader = request.stream();
  if (request.pathname == '/twice') return Response.text(request.text());
  const before = memory.size();
  let bytes = 0;
  let piece = reader.read();
  const first = piece;
  while (piece) {
    assert(piece == first);
    bytes += piece.length;
    piece = reader.read();
  }
  assert(reader.read() == null);
  const response = Response.text('never sent', 201);
  const out = response.stream();
  response.header('x-late', 'never sent');
  const text = \`\${bytes} bytes, \${memory.size() - before} pages\`;
  const one = new Uint8Array(1);
  for (let i = 0; i < text.length; i++) {
    one[0] = <u8>text.charCodeAt(i);
    response.stream().write(one);
  }
  out.write(new Uint8Array(0));
  return response;
}
`;
  let streams: Guest;

  beforeAll(async () => {
    const source = await sourceFile('streams', STREAMS);
    streams = await load('streams', (await buildGuest({ source })).component);
  });

  test('takes no more memory than a piece, and its head is what it was when it was sent', () => {
    const chunks = Array.from({ length: 640 }, () => Buffer.alloc(65_536));
    const answer = call(streams, { chunks });
    expect(answer).toMatchObject({ status: 201, text: '41943040 bytes, 0 pages', isFinished: true });
    expect(answer.headers.map(([name]) => name)).toEqual(['content-type']);
  });

  test('cannot be read a second time', () => {
    const run = streams.start({ path: '/twice', chunks: [Buffer.from('x')] });
    expect(run.handle).toThrow(WebAssembly.RuntimeError);
    expect(run.stderr()).toMatch(/the request body was read before/);
  });
});

describe('burn', () => {
  test.each([
    ['/fib/20', 200, '6765\n'],
    ['/fib/0', 200, '0\n'],
    ['/mandelbrot/64', 200, /^[1-9]\d*\n$/],
    ['/alloc/40', 200, '40\n'],
    ['/', 200, /fib.*mandelbrot.*alloc.*spin.*trap/s],
    ['/fib/51', 400, "expected a whole number from 0 to 50, found '51'\n"],
    ['/fib/ten', 400, "expected a whole number from 0 to 50, found 'ten'\n"],
    ['/fib', 400, "expected a whole number from 0 to 50, found ''\n"],
    ['/mandelbrot/0', 400, /from 1 to 4096, found '0'/],
    ['/alloc/-1', 400, /from 1 to 4000, found '-1'/],
  ])('%s gives %i', (path, status, text) => {
    const answer = call(guest('burn'), { path });
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(text);
  });

  test('/trap traps', () => {
    expect(guest('burn').start({ path: '/trap' }).handle).toThrow(/unreachable/);
  });

  test('/spin never ends by itself', () => {
    const context = createContext({ handle: guest('burn').start({ path: '/spin' }).handle });
    expect(() => runInContext('handle()', context, { timeout: 300 })).toThrow(/timed out/);
  });
});

describe('proxy', () => {
  const target = '/?url=http%3A%2F%2Fexample.test%3A8080%2Fa%3Fb%3Dc%26d';

  test('answers with the status, content type and body of the other server', () => {
    const answer = call(guest('proxy'), {
      path: target,
      upstream: () => ({
        status: 418,
        headers: [
          ['content-type', 'text/tea'],
          ['x-private', 'no'],
        ],
        chunks: [Buffer.from('té'), Buffer.from('!')],
      }),
    });
    expect(answer).toMatchObject({ status: 418, text: 'té!' });
    expect(answer.headers).toEqual([
      ['content-type', 'text/tea'],
      ['x-upstream-status', '418'],
    ]);
    const [sent] = answer.sent;
    expect(sent).toMatchObject({
      method: 'get',
      scheme: 'HTTP',
      authority: 'example.test:8080',
      path: '/a?b=c&d',
    });
    expect(sent!.content!.isFinished).toBe(true);
  });

  test.each([
    ['/', /expected \?url=/],
    ['/?url=', /expected \?url=/],
    ['/?url=ftp://a/', /found ftp:\/\/a\//],
    ['/?url=example.test', /found example\.test/],
    ['/?url=http://', /found http/],
    ['/?url=http://me@host/', /found http/],
    ['/?url=http://a/b+c', /found http:\/\/a\/b c/],
    ['/?url=http://a%5Cb/', /found http/],
  ])('%s gives 400 with a message', (path, message) => {
    const answer = call(guest('proxy'), { path });
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(message);
    expect(answer.sent).toEqual([]);
  });

  test.each<[string, Upstream, string]>([
    ['refused by the host', { refused: { tag: 'HTTP-request-denied' } }, 'HTTP-request-denied'],
    ['without a connection', { failed: { tag: 'connection-refused' } }, 'connection-refused'],
    ['with the first code', { failed: { tag: 'DNS-timeout' } }, 'DNS-timeout'],
    ['with a payload', { failed: { tag: 'HTTP-response-body-size', val: 5n } }, 'HTTP-response-body-size'],
    ['with a reason', { failed: { tag: 'internal-error', val: 'gräßlich' } }, 'internal-error: gräßlich'],
    ['without a reason', { refused: { tag: 'internal-error' } }, 'internal-error'],
    ['while the body came', { bodyFailure: { tag: 'connection-terminated' } }, 'connection-terminated'],
  ])('a fetch that fails %s gives 502 with the name of the code', (_case, upstream, name) => {
    const answer = call(guest('proxy'), { path: target, upstream: () => upstream });
    expect(answer).toMatchObject({ status: 502, text: `the fetch failed: ${name}\n` });
  });
});

describe('the SDK', () => {
  const corners = (path: string, ask: Ask = {}) => call(guest('corners'), { path, ...ask });

  test('runs module-level code before the first request', () => {
    expect(corners('/start').text).toBe('made at start');
  });

  test('writes UTF-8, and U+FFFD for half a surrogate pair', () => {
    expect(corners('/unicode').text).toBe('grün — 日本 — 🦀');
    expect(corners('/lone').text).toBe('a\ufffdb');
  });

  test.each([
    'plain',
    'grün 日本 🦀 \u{10ffff}',
    Buffer.from([0x61, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf5, 0x62]),
    Buffer.from([0xe6, 0x97, 0x41, 0xf0, 0x9f, 0xa6]),
    Buffer.from([0xf4, 0x90, 0x80, 0x80, 0x80, 0xe0, 0x80]),
  ])('reads text as every WHATWG decoder does (%#)', (body) => {
    const bytes = Buffer.from(body);
    const expected = new TextDecoder().decode(bytes);
    expect(corners('/text', { chunks: [bytes] }).text).toBe(`${expected.length}:${expected}`);
  });

  test('answers without a body', () => {
    expect(corners('/empty')).toMatchObject({ status: 204, text: '', isFinished: true, headers: [] });
  });

  test('decodes query parameters', () => {
    expect(corners('/query?name=a%20b%2Bc+d&x=1&x&x=%E6%97%A5&y=2').text).toBe('a b+c d|1,,日');
    expect(corners('/query?name=50%&x=%zz').text).toBe('50%|%zz');
    expect(corners('/query').text).toBe('(null)|');
  });

  test('gives headers by name without case, all of them, and in order', () => {
    const headers: [string, string][] = [
      ['accept', 'a'],
      ['X-B', 'ü'],
      ['Accept', 'c'],
    ];
    expect(corners('/headers', { headers }).text).toBe('accept=a;X-B=ü;Accept=c;a,c;none');
  });

  test('sets a header once and appends set-cookie twice', () => {
    expect(corners('/cookies').headers.slice(1)).toEqual([
      ['x-one', '2'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
  });

  test('logs lines to standard error', () => {
    expect(corners('/log', { method: { tag: 'patch' } })).toMatchObject({
      stderr: 'one\nzwölf\n',
      text: 'PATCH',
    });
  });

  test.each([
    ['/throw', /^corners\.ts\(\d+,\d+\): on purpose\n$/],
    ['/bounds', /Index out of range/],
    ['/bad-status', /refuses the response status 70000/],
    ['/bad-header', /refuses a header/],
  ])('%s traps and says why on standard error', (path, message) => {
    const run = guest('corners').start({ path });
    expect(run.handle).toThrow(WebAssembly.RuntimeError);
    expect(run.stderr()).toMatch(message);
  });

  test('traps with the status that the host refuses', () => {
    const run = guest('corners').start({ path: '/bad-status', headers: [['a', 'b']] });
    expect(run.handle).toThrow(WebAssembly.RuntimeError);
    expect(run.stderr()).toMatch(/status 99/);
  });

  test('sends a method, headers and a body, and drops the fragment', () => {
    const answer = corners('/post', { upstream: () => ({ status: 201, chunks: [Buffer.from(' fertig')] }) });
    expect(answer.text).toBe('201 fertig');
    const [sent] = answer.sent;
    expect(sent).toMatchObject({
      method: 'post',
      scheme: 'HTTPS',
      authority: 'example.test:8443',
      path: '/?q=1',
    });
    expect(Buffer.from(sent!.content!.bytes()).toString()).toBe('körper');
    expect(sent!.fields.list.map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual([
      ['x-a', 'ä'],
    ]);
  });

  test('sends any method, and names what the host refuses', () => {
    expect(corners('/verb').sent[0]!.method).toBe('PURGE');
    expect(corners('/bad-verb').text).toBe('HTTP-request-method-invalid');
    expect(corners('/forbidden').text).toBe('forbidden');
  });
});

describe('a build', () => {
  test('tells its stages and writes the whole component to its output', async () => {
    const source = await sourceFile('guest', HELLO);
    const out = join(dirname(source), 'guest.wasm');
    const stages: BuildStage[] = [];
    const { component } = await buildGuest({ source, out, onProgress: (stage) => stages.push(stage) });
    expect(stages).toEqual(['compile', 'component', 'write']);
    expect(Buffer.compare(await readFile(out), component)).toBe(0);
    expect(await readdir(dirname(source))).toEqual(['guest.ts', 'guest.wasm']);
  });

  test('gives the same bytes for the same source, wherever it lies', async () => {
    const [one, two] = [await sourceFile('guest', HELLO), await sourceFile('guest', HELLO)];
    const first = await buildGuest({ source: one });
    const second = await buildGuest({ source: two });
    expect(Buffer.compare(first.component, second.component)).toBe(0);
  });

  test('follows imports of files beside the source, and ignores compiler settings there', async () => {
    const source = await sourceFile(
      'my guest',
      HELLO.replace("'hi'", 'words()').replace('\n', "\nimport { words } from './words';\n"),
    );
    await writeFile(
      join(dirname(source), 'words.ts'),
      "export function words(): string { return 'from beside'; }\n",
    );
    await writeFile(join(dirname(source), 'asconfig.json'), '{ "options": { "runtime": "nonsense" } }');
    const other = await load('beside', (await buildGuest({ source })).component);
    expect(call(other, {}).text).toBe('from beside');
  });

  test('takes a handle that is exported from elsewhere or has another parameter name', async () => {
    const source = await sourceFile('guest', "export { handle } from './real';\n");
    const real = HELLO.replace('Request,', 'Request as Asked,').replace('request: Request', 'asked: Asked');
    await writeFile(join(dirname(source), 'real.ts'), real);
    expect((await buildGuest({ source })).componentBytes).toBeLessThan(10_000);
  });

  test('takes every example of the README', async () => {
    const readme = await readFile(new URL('../guests/README.md', import.meta.url), 'utf8');
    const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(1);
    for (const text of examples) await buildGuest({ source: await sourceFile('guest', text) });
  });

  test('may run beside another one', async () => {
    const sources = await Promise.all([sourceFile('guest', HELLO), sourceFile('guest', CORNERS)]);
    const [hello, corners] = await Promise.all(sources.map((source) => buildGuest({ source })));
    expect(hello!.componentBytes).toBe((await buildGuest({ source: sources[0]! })).componentBytes);
    expect(hello!.componentBytes).toBeLessThan(corners!.componentBytes);
  });

  test('reports warnings with their place', async () => {
    const source = await sourceFile(
      'guest',
      HELLO.replace('return', 'const x: i32 = changetype<usize>(request);\n  return'),
    );
    const { warnings } = await buildGuest({ source });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/AS201.*in guest\.ts\(3,/s);
  });
});

const OWN_IMPORT = `// @ts-ignore: decorator
@external('cm32p2|wasi:thing/of@0.2', 'x')
declare function x(): i32;
`;

describe('a build refuses', () => {
  const refusal = (source: string, out?: string) =>
    buildGuest(out === undefined ? { source } : { source, out }).then(
      () => expect.unreachable('the build went through'),
      (thrown: unknown) => thrown,
    );

  test.each([
    ['a wrong type', HELLO.replace("Response.text('hi')", "'hi'"), /ERROR TS2322.*in guest\.ts\(3,10\)/s],
    ['a syntax error', HELLO.replace('return', 'return ]'), /ERROR TS\d+.*in guest\.ts\(3,10\)/s],
    ['an unknown name', HELLO.replace("'hi'", 'nothing'), /ERROR TS2304.*in guest\.ts\(3,24\)/s],
    ['no import of Request', HELLO.replace(/^.*\n/, ''), /ERROR TS2304.*in guest\.ts\(1,33\)/s],
    ['an unknown module', `import { a } from './gone';\n${HELLO}`, /ERROR TS\d+.*in guest\.ts\(1,19\)/s],
    [
      'an unknown type in handle',
      HELLO.replace('request: Request', 'request: Req'),
      /ERROR TS2304.*in guest\.ts\(2,/s,
    ],
  ])('%s, with file, line and column', async (_case, text, message) => {
    expect(await refusal(await sourceFile('guest', text))).toMatchObject({
      code: 'build-failed',
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['no handle', HELLO.replace('export ', ''), /found no export of that name/],
    ['an empty file', '', /found no export of that name/],
    ['a handle that is no function', 'export const handle: i32 = 1;\n', /is no function/],
    [
      'a handle of another type',
      'export function handle(): i32 { return 1; }\n',
      /found handle\(\): i32 at guest\.ts\(1,/,
    ],
    [
      'two parameters',
      HELLO.replace('Request):', 'Request, n: i32):'),
      /found handle\(request: Request, n: i32\)/,
    ],
    ['a nullable response', HELLO.replace('): Response', '): Response | null'), /found .*Response \| null/],
    [
      'a Request of its own',
      `class Request {}\n${HELLO.replace('Request, ', '')}`,
      /found handle\(request: Request\)/,
    ],
    ['a generic handle', HELLO.replace('handle(', 'handle<T>('), /found handle/],
  ])('%s, naming what was expected and what came', async (_case, text, found) => {
    const refused = await refusal(await sourceFile('guest', text));
    expect(refused).toMatchObject({ code: 'build-failed', message: expect.stringMatching(found) });
    expect(refused).toMatchObject({
      message: expect.stringContaining(
        'expected export function handle(request: Request): Response in guest.ts',
      ),
    });
  });

  test.each([
    ['Date.now', HELLO.replace("'hi'", 'Date.now().toString()'), /Date\.now/],
    ['Math.random', HELLO.replace("'hi'", 'Math.random().toString()'), /Math\.random/],
    ['an unknown interface', HELLO.replace("'hi'", 'x().toString()') + OWN_IMPORT, /wasi:thing\/of/],
  ])('a use of what no host has: %s', async (_case, text, message) => {
    expect(await refusal(await sourceFile('guest', text))).toMatchObject({
      code: 'build-failed',
      message: expect.stringMatching(message),
    });
  });

  test('a source that is missing, or is not a .ts file', async () => {
    expect(await refusal(join(scratch, 'nowhere.ts'))).toMatchObject({ code: 'file-unreadable' });
    expect(await refusal(join(scratch, 'guest.wasm'))).toMatchObject({ code: 'usage' });
  });

  test('an output that is the source, by name or through a link', async () => {
    const source = await sourceFile('guest', HELLO);
    const link = join(dirname(source), 'link.wasm');
    await symlink(source, link);
    expect(await refusal(source, source)).toMatchObject({ code: 'usage' });
    expect(await refusal(source, link)).toMatchObject({ code: 'usage' });
    expect(await readFile(source, 'utf8')).toBe(HELLO);
  });

  test('an output that cannot be written, and leaves nothing behind', async () => {
    const source = await sourceFile('guest', HELLO);
    const folder = join(dirname(source), 'out.wasm');
    await mkdir(join(folder, 'inner'), { recursive: true });
    expect(await refusal(source, folder)).toMatchObject({ code: 'file-unwritable' });
    expect(await refusal(source, join(dirname(source), 'no/such/out.wasm'))).toMatchObject({
      code: 'file-unwritable',
    });
    expect(await readdir(dirname(source))).toEqual(['guest.ts', 'out.wasm']);
  });
});
