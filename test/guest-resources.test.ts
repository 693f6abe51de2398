/** What guests do with what they are given: every resource goes back, in order, whatever fails on the way. */
import { beforeAll, describe, expect, test } from 'vitest';
import { buildExamples, buildGuest } from '../guests/build.ts';
import { CORNERS, scratchFolder, sourceFile } from './guest-sources.ts';
import { call, type Guest, load } from './strict-wasi-host.ts';
import type { Ask, Upstream } from './strict-wasi-http.ts';

const guests = new Map<string, Guest>();
const guest = (name: string): Guest => guests.get(name) as Guest;

beforeAll(async () => {
  const scratch = await scratchFolder();
  for (const [name, { component }] of await buildExamples()) {
    guests.set(name, await load(name, component, scratch));
  }
  const { component } = await buildGuest({ source: await sourceFile('corners', CORNERS) });
  guests.set('corners', await load('corners', component, scratch));
}, 60_000);

const reply = (): Upstream => ({ status: 201, headers: [['a', 'b']], chunks: [Buffer.from('up')] });

test.each<[string, Ask]>([
  ['hello', { method: { tag: 'delete' }, path: '/anything' }],
  ['echo', { method: { tag: 'post' }, headers: [['content-type', 'a/b']], chunks: [Buffer.from('x')] }],
  ['echo', { path: null, chunks: [Buffer.alloc(0)] }],
  ['burn', { path: '/fib/20' }],
  ['burn', { path: '/fib/ten' }],
  ['proxy', { path: '/?url=http://a.test/', upstream: reply }],
  ['proxy', { path: '/' }],
  ...[
    ...['/start', '/unicode', '/text', '/empty', '/query?name=a&x=1', '/headers', '/cookies', '/log'],
    ...['/post', '/verb', '/bad-verb', '/forbidden', '/nowhere'],
  ].map((path): [string, Ask] => ['corners', { path, upstream: reply }]),
])('%s gives every resource back: %j', (name, ask) => {
  // The call itself checks that, and that the answer is whole.
  expect(call(guest(name), ask).isFinished).toBe(true);
});

test('echo keeps every byte of a body, in whatever pieces it comes', () => {
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
  const chunks = [body.subarray(0, 1), body.subarray(1, 65_537), body.subarray(65_537)];
  expect(call(guest('echo'), { chunks }).bytes.equals(body)).toBe(true);
});

test('an authority that the host refuses is a bad request', () => {
  const answer = call(guest('proxy'), { path: '/?url=http://a%5Cb/' });
  expect(answer).toMatchObject({ status: 400, text: expect.stringMatching(/found http/), sent: [] });
});

test('a client that is gone is no trap, and leaves the body unfinished', () => {
  expect(call(guest('hello'), { isClientGone: true })).toMatchObject({ text: '', isFinished: false });
});

test('a client that stops half way is a trap with its reason', () => {
  const run = guest('echo').start({
    chunks: [Buffer.from('x')],
    bodyFailure: { tag: 'connection-terminated' },
  });
  expect(run.handle).toThrow(WebAssembly.RuntimeError);
  expect(run.stderr()).toMatch(/ended before it was complete/);
});

describe('a fetch that fails gives 502 with the name of the code, and every resource back,', () => {
  test.each<[string, Upstream, string]>([
    ['refused at once', { refused: { tag: 'HTTP-request-denied' } }, 'HTTP-request-denied'],
    ['refused for a reason that is not told', { refused: { tag: 'internal-error' } }, 'internal-error'],
    ['later', { failed: { tag: 'connection-refused' } }, 'connection-refused'],
    ['while the body came', { bodyFailure: { tag: 'connection-terminated' } }, 'connection-terminated'],
  ])('%s', (_case, upstream, name) => {
    const answer = call(guest('proxy'), { path: '/?url=http://a.test/', upstream: () => upstream });
    expect(answer).toMatchObject({ status: 502, text: `the fetch failed: ${name}\n` });
  });
});

test('echo stops where the client is gone, and leaves the body unfinished', () => {
  const chunks = [Buffer.from('one'), Buffer.from('two')];
  const run = guest('echo').start({ chunks, isClientGone: true });
  run.handle();
  expect(run.answer()).toMatchObject({ status: 200, text: '', isFinished: false, stderr: '' });
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
    streams = await load('streams', (await buildGuest({ source })).component, await scratchFolder());
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
