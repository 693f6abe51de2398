/** The example guests on the host's own functions. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type BuiltGuest, buildExamples, EXAMPLES } from '../guests/build.ts';
import { parseComponent } from '../host/component/parse.ts';
import type { OutboundAnswer } from '../host/wasi/execution-port.ts';
import { FakeSource } from './fake-port.ts';
import { type Answer, type CallGuest, onHost } from './guest-answers.ts';

const names = ['hello', 'echo', 'burn', 'proxy'] as const;
let built: ReadonlyMap<string, BuiltGuest>;
const guests = new Map<string, CallGuest>();

beforeAll(async () => {
  built = await buildExamples();
  for (const [name, { component }] of built) guests.set(name, await onHost(component));
}, 60_000);

const guest = (name: (typeof names)[number]): CallGuest => guests.get(name) as CallGuest;
const header = ({ headers }: Answer, name: string) => headers.find(([key]) => key === name)?.[1];

describe('the examples', () => {
  test('are the four that are listed, and hello is a component under 10 KB', () => {
    expect([...built.keys()]).toEqual(EXAMPLES.map(({ name }) => name));
    expect([...built.keys()]).toEqual([...names]);
    for (const { component, componentBytes, coreBytes, warnings } of built.values()) {
      expect(component.length).toBe(componentBytes);
      expect(coreBytes).toBeLessThan(componentBytes);
      expect(warnings).toEqual([]);
    }
    expect(built.get('hello')?.componentBytes).toBeLessThan(10_000);
  });

  test('import only the interfaces that they use', () => {
    const importsOf = (name: string) =>
      parseComponent((built.get(name) as BuiltGuest).component)
        .imports.map((each) => each.replace(/@.*/, ''))
        .sort();
    const answering = ['wasi:cli/stderr', 'wasi:http/types', 'wasi:io/error', 'wasi:io/streams'];
    expect(importsOf('hello')).toEqual(answering);
    expect(importsOf('burn')).toEqual(answering);
    expect(importsOf('echo').filter((name) => !name.startsWith('wasi:io'))).toEqual(answering.slice(0, 2));
    expect(importsOf('proxy')).toContain('wasi:http/outgoing-handler');
  });
});

test('hello answers any request with its text', () => {
  const answer = guest('hello')({ method: 'DELETE', path: '/anything' });
  expect(answer).toMatchObject({ outcome: 'ok', status: 200, text: 'Hello from Ebb\n', stderr: '' });
  expect(answer.headers).toEqual([['content-type', 'text/plain; charset=utf-8']]);
});

describe('echo', () => {
  test('answers with method, path, content type and body', () => {
    const answer = guest('echo')({
      method: 'POST',
      path: '/a%20b?c=1',
      headers: [['Content-Type', 'application/x-thing']],
      body: 'one grün 🦀',
    });
    expect(answer.text).toBe('one grün 🦀');
    expect(header(answer, 'content-type')).toBe('application/x-thing');
    expect(header(answer, 'x-method')).toBe('POST');
    expect(header(answer, 'x-path')).toBe('/a%20b?c=1');
  });

  test('keeps every byte of a body of 100 KB', () => {
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    expect(guest('echo')({ method: 'POST', body }).bytes.equals(body)).toBe(true);
  });

  test('answers an empty body with an empty body and no content type', () => {
    const answer = guest('echo')({ method: 'PURGE' });
    expect(answer).toMatchObject({ outcome: 'ok', status: 200, text: '' });
    expect(answer.headers).toEqual([
      ['x-method', 'PURGE'],
      ['x-path', '/'],
    ]);
  });

  test('knows every method', () => {
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
    expect(methods.map((method) => header(guest('echo')({ method }), 'x-method'))).toEqual(methods);
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
    const answer = guest('burn')({ path });
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(text);
  });

  test('/trap traps', () => {
    expect(guest('burn')({ path: '/trap' })).toMatchObject({ outcome: 'trap', message: 'unreachable' });
  });
});

describe('proxy', () => {
  const target = '/?url=http%3A%2F%2Fexample.test%3A8080%2Fa%3Fb%3Dc%26d';

  test('answers with the status, content type and body of the other server', () => {
    const answer = guest('proxy')({
      path: target,
      upstream: () => ({
        tag: 'ok',
        status: 418,
        headers: ['content-type', 'text/tea', 'x-private', 'no'],
        body: FakeSource.whole(Buffer.from('té!')),
      }),
    });
    expect(answer).toMatchObject({ status: 418, text: 'té!' });
    expect(answer.headers).toEqual([
      ['content-type', 'text/tea'],
      ['x-upstream-status', '418'],
    ]);
    expect(answer.sent).toMatchObject([
      { method: 'GET', scheme: 'http', authority: 'example.test:8080', pathWithQuery: '/a?b=c&d' },
    ]);
  });

  test.each([
    ['/', /expected \?url=/],
    ['/?url=', /expected \?url=/],
    ['/?url=ftp://a/', /found ftp:\/\/a\//],
    ['/?url=example.test', /found example\.test/],
    ['/?url=http://', /found http/],
    ['/?url=http://me@host/', /found http/],
    ['/?url=http://a/b+c', /found http:\/\/a\/b c/],
  ])('%s gives 400 with a message', (path, message) => {
    const answer = guest('proxy')({ path });
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(message);
    expect(answer.sent).toEqual([]);
  });

  type Failure = Extract<OutboundAnswer, { tag: 'err' }>['error'];
  test.each<[string, Failure, string]>([
    ['that is denied', { tag: 'HTTP-request-denied' }, 'HTTP-request-denied'],
    ['without a connection', { tag: 'connection-refused' }, 'connection-refused'],
    ['with the first code', { tag: 'DNS-timeout' }, 'DNS-timeout'],
    ['with a payload', { tag: 'HTTP-response-body-size', val: 5n }, 'HTTP-response-body-size'],
    ['with a reason', { tag: 'internal-error', val: 'gräßlich' }, 'internal-error: gräßlich'],
    ['without a reason', { tag: 'internal-error' }, 'internal-error'],
  ])('a fetch %s gives 502 with the name of the code', (_case, error, name) => {
    const answer = guest('proxy')({ path: target, upstream: () => ({ tag: 'err', error }) });
    expect(answer).toMatchObject({ status: 502, text: `the fetch failed: ${name}\n` });
  });
});
