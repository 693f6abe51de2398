/** The same components through both ways of linking: what a caller sees must not differ. */
import { beforeAll, describe, expect, test } from 'vitest';
import { buildExamples } from '../guests/build.ts';
import type { OutboundAnswer } from '../host/wasi/execution-port.ts';
import { FakeSource } from './fake-port.ts';
import { agreed, type Both, linkText } from './linking-agreement.ts';
import { type Ask, linkBoth, type Observed } from './linking-harness.ts';
import type { GuestText } from './linking-wat.ts';

const guests = new Map<string, Both>();
const guest = (name: string): Both => guests.get(name) as Both;

beforeAll(async () => {
  for (const [name, { component }] of await buildExamples()) guests.set(name, await linkBoth(component));
}, 120_000);

describe('an AssemblyScript guest answers the same in both ways', () => {
  test('hello', () => {
    expect(agreed(guest('hello'))).toMatchObject({ outcome: 'ok', status: 200, body: 'Hello from Ebb\n' });
  });

  test.each<[string, Ask]>([
    ['an empty body', {}],
    ['a text', { method: 'POST', path: '/a?b=c', body: 'text', headers: [['content-type', 'text/x-a']] }],
    ['a body of many chunks', { method: 'PUT', body: 'x'.repeat(1_000_000) }],
    ['a method of its own', { method: 'PURGE', path: '/%20ü' }],
    ['bytes that are no text', { method: 'POST', body: new Uint8Array([0, 255, 128, 10]) }],
    [
      'many headers',
      { headers: Array.from({ length: 200 }, (_none, index) => [`x-${index}`, 'v'.repeat(index)] as const) },
    ],
  ])('echo of %s', (_what, ask) => {
    const { outcome, body } = agreed(guest('echo'), ask);
    expect([outcome, body]).toEqual(['ok', Buffer.from(ask.body ?? '').toString('latin1')]);
  });

  test.each([
    ['/fib/15', 'ok'],
    ['/mandelbrot/8', 'ok'],
    ['/alloc/3', 'ok'],
    ['/trap', 'trap'],
    ['/nowhere', 'ok'],
  ])('burn %s', (path, outcome) => {
    expect(agreed(guest('burn'), { path }).outcome).toBe(outcome);
  });

  test('memory that grew is counted, and not kept for those that use little of it', () => {
    const { direct } = guest('burn');
    const before = direct.run({ path: '/fib/1' });
    const grown = agreed(guest('burn'), { path: '/alloc/3' });
    expect(grown.memoryBytes).toBeGreaterThan(3 * 1_048_576);
    expect(direct.pool.resting.count).toBe(1);
    for (const kept of [0, 1]) {
      expect(direct.run({ path: '/fib/1' }).memoryBytes).toBe(before.memoryBytes);
      expect(direct.pool.resting.count).toBe(kept);
    }
  });
});

const ERROR_CODES: readonly { readonly tag: string; readonly val?: unknown }[] = [
  { tag: 'DNS-timeout' },
  { tag: 'DNS-error', val: { rcode: 'NXDOMAIN', infoCode: 65_535 } },
  { tag: 'DNS-error', val: { rcode: undefined, infoCode: undefined } },
  { tag: 'connection-refused' },
  { tag: 'TLS-alert-received', val: { alertId: 200, alertMessage: 'bad certificate' } },
  { tag: 'HTTP-request-body-size', val: 2n ** 63n + 1n },
  { tag: 'HTTP-request-body-size', val: undefined },
  { tag: 'HTTP-request-header-section-size', val: 4_294_967_295 },
  { tag: 'HTTP-request-header-size', val: { fieldName: 'x-ü', fieldSize: 7 } },
  { tag: 'HTTP-request-header-size', val: undefined },
  { tag: 'HTTP-request-trailer-size', val: { fieldName: undefined, fieldSize: 7 } },
  { tag: 'HTTP-response-transfer-coding', val: 'gzip' },
  { tag: 'configuration-error' },
  { tag: 'internal-error', val: 'some reason — with a dash' },
  { tag: 'internal-error', val: undefined },
];

describe('an outbound request', () => {
  const upstream = (): OutboundAnswer => ({
    tag: 'ok',
    status: 207,
    headers: ['x-up', '1'],
    body: FakeSource.whole('from upstream'),
  });

  test('is sent and answered the same in both ways', () => {
    const seen = agreed(guest('proxy'), { path: '/?url=http://other.test/path', upstream });
    expect(seen).toMatchObject({ outcome: 'ok', body: 'from upstream' });
    expect(seen.sent).toMatchObject([
      { method: 'GET', scheme: 'http', authority: 'other.test', pathWithQuery: '/path' },
    ]);
  });

  test.each([
    ['a scheme of its own', '(call $setScheme (local.get $a) (i32.const 1) (i32.const 2)', 'coap+tcp', '0'],
    ['a scheme that is none', '(call $setScheme (local.get $a) (i32.const 1) (i32.const 2)', '1x', '1'],
    ['an empty scheme', '(call $setScheme (local.get $a) (i32.const 1) (i32.const 2)', '', '1'],
    ['an authority', '(call $setAuthority (local.get $a) (i32.const 1)', '[::1]:8080', '0'],
    ['an authority with a path', '(call $setAuthority (local.get $a) (i32.const 1)', 'a.test/b', '1'],
    ['an authority with a space', '(call $setAuthority (local.get $a) (i32.const 1)', 'a b', '1'],
    ['an empty authority', '(call $setAuthority (local.get $a) (i32.const 1)', '', '1'],
  ])('can have or is refused %s', async (_what, set, text, refused) => {
    const both = await linkText({
      data: `(data (i32.const 2048) "${text}")`,
      act: `(local.set $a (call $request (call $fields)))
        (i32.store8 (i32.const 64) (i32.add (i32.const 48) ${set} (i32.const 2048) (i32.const ${text.length}))))`,
    });
    expect(agreed(both)).toMatchObject({ outcome: 'ok', body: `${refused}k` });
  });

  test.each(ERROR_CODES)('that fails with $tag ($val) is told so', (error) => {
    const failed = agreed(guest('proxy'), {
      path: '/?url=http://a.test/',
      upstream: () => ({ tag: 'err', error }),
    });
    expect(failed.outcome).toBe('ok');
  });

  test.each(ERROR_CODES)('leaves $tag ($val) in memory as the canonical ABI lays it out', async (error) => {
    // Answers with the result and, further up, the texts it points to.
    const both = await linkText({
      act: `(local.set $a (call $request (call $fields)))
        (drop (call $setAuthority (local.get $a) (i32.const 1) (i32.const 64) (i32.const 2)))
        (call $send (local.get $a) (i32.const 0) (i32.const 0) (i32.const 1024))
        (call $answer (i32.load (i32.const 1032)) (i32.const 1088))`,
      answer: ['(i32.const 1088)', '(i32.const 4000)'],
    });
    const seen = agreed(both, { upstream: () => ({ tag: 'err', error }) });
    expect(seen.outcome).toBe('ok');
    expect(seen.body).toHaveLength(4_000);
  });
});

describe('a guest that misuses a handle traps in both ways', () => {
  test.each<[string, GuestText]>([
    ['forged', { act: '(drop (call $headers (i32.const 77)))' }],
    ['zero', { act: '(drop (call $headers (i32.const 0)))' }],
    ['negative', { act: '(drop (call $headers (i32.const -1)))' }],
    [
      'used after it was dropped',
      { act: '(call $dropRequest (local.get $req)) (drop (call $headers (local.get $req)))' },
    ],
    ['dropped twice', { act: '(call $dropRequest (local.get $req)) (call $dropRequest (local.get $req))' }],
    [
      'given away and used',
      {
        act: '(local.set $a (call $fields)) (drop (call $response (local.get $a))) (call $entries (local.get $a) (i32.const 512))',
      },
    ],
    [
      'given away twice',
      {
        act: '(local.set $a (call $fields)) (drop (call $response (local.get $a))) (drop (call $response (local.get $a)))',
      },
    ],
    ['of a response, set twice', { act: '(call $respond (local.get $out) (i32.const 64) (i32.const 2))' }],
  ])('%s', async (_what, text) => {
    const seen = agreed(await linkText(text));
    expect(seen.outcome).toBe('trap');
  });

  test('and the message says what was expected and what came', async () => {
    const { direct } = await linkText({ act: '(call $dropFields (local.get $req))' });
    expect(direct.run().message).toBe('expected a handle of fields, got one of incoming-request (1)');
  });
});

describe('a guest ends the same in both ways when it', () => {
  test.each<[string, GuestText, Observed['outcome']]>([
    [
      'drops the out-parameter',
      { act: '(call $dropOutparam (local.get $out))', answer: 'none' },
      'no-response',
    ],
    ['returns without an answer', { answer: 'none' }, 'no-response'],
    ['traps', { act: 'unreachable' }, 'trap'],
    [
      'calls itself without end',
      { act: '(call $deep)', more: '(func $deep (call $deep) (call $deep))' },
      'trap',
    ],
    ['exits', { act: '(call $exit (i32.const 0))' }, 'exit'],
    [
      'exits after its answer',
      {
        act: '(call $respond (local.get $out) (i32.const 64) (i32.const 2)) (call $exit (i32.const 1))',
        answer: 'none',
      },
      'exit',
    ],
    ['divides by zero', { act: '(drop (i32.div_u (i32.const 1) (i32.const 0)))' }, 'trap'],
    ['reads behind its memory', { act: '(drop (i32.load (i32.const 65536)))' }, 'trap'],
    [
      'answers with an error',
      {
        act: '(call $set (local.get $out) (i32.const 1) (i32.const 38) (i32.const 1) (i64.const 64) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0))',
        answer: 'none',
      },
      'error',
    ],
    [
      'does not finish its body',
      {
        act: '(local.set $a (call $response (call $fields))) (call $body (local.get $a) (i32.const 0)) (call $set (local.get $out) (i32.const 0) (local.get $a) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))',
        answer: 'none',
      },
      'unfinished',
    ],
    ['polls nothing', { act: '(call $poll (i32.const 0) (i32.const 0) (i32.const 512))' }, 'trap'],
    [
      'writes too much at once',
      {
        act: '(local.set $a (call $stderr)) (call $say (local.get $a) (i32.const 0) (i32.const 5000) (i32.const 0))',
      },
      'trap',
    ],
    [
      'gives a result area behind its memory',
      { act: '(call $path (local.get $req) (i32.const 65536))' },
      'trap',
    ],
    ['gives a result area at the very end', { act: '(call $path (local.get $req) (i32.const -4))' }, 'trap'],
    [
      'has a realloc that gives a place behind the memory',
      {
        act: '(call $path (local.get $req) (i32.const 512))',
        realloc: '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))',
      },
      'trap',
    ],
    [
      'has a realloc that traps',
      {
        act: '(call $path (local.get $req) (i32.const 512))',
        realloc: '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)',
      },
      'trap',
    ],
    [
      'names a case that is none',
      {
        act: '(local.set $a (call $request (call $fields))) (drop (call $setMethod (local.get $a) (i32.const 10) (i32.const 0) (i32.const 0)))',
      },
      'trap',
    ],
  ])('%s', async (_what, text, outcome) => {
    expect(agreed(await linkText(text)).outcome).toBe(outcome);
  });
});

test('a request has the authority that came with it, or none', async () => {
  const both = await linkText({
    act: `(call $authority (local.get $req) (i32.const 128))
      (i32.store8 (i32.const 64) (i32.add (i32.const 48) (i32.load8_u (i32.const 128))))`,
  });
  expect(agreed(both, { authority: '[::1]:80' }).body).toBe('1k');
  expect(agreed(both, { authority: '' }).body).toBe('0k');
});

test('realloc may call the host, as it does where it runs the constructors of a C library', async () => {
  const both = await linkText({
    act: '(call $path (local.get $req) (i32.const 512))',
    realloc:
      '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $dropFields (call $fields)) (i32.const 1024))',
    answer: ['(i32.const 1024)', '(i32.load (i32.const 520))'],
  });
  expect(agreed(both, { path: '/asked' })).toMatchObject({ outcome: 'ok', body: '/asked' });
});
