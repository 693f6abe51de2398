/** The corners of the SDK, by a guest whose every path is a case of its own, on the host's own functions. */
import { beforeAll, expect, test } from 'vitest';
import { buildGuest } from '../guests/build.ts';
import { FakeSource } from './fake-port.ts';
import { type CallGuest, onHost } from './guest-answers.ts';
import { CORNERS, sourceFile } from './guest-sources.ts';

let call: CallGuest;
beforeAll(async () => {
  const source = await sourceFile('corners', CORNERS);
  call = await onHost((await buildGuest({ source })).component);
}, 60_000);

const corners = (path: string, ask: Parameters<CallGuest>[0] = {}) => call({ path, ...ask });

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
  expect(corners('/text', { method: 'POST', body: bytes }).text).toBe(`${expected.length}:${expected}`);
});

test('answers without a body', () => {
  expect(corners('/empty')).toMatchObject({ outcome: 'ok', status: 204, text: '', headers: [] });
});

test('decodes query parameters', () => {
  expect(corners('/query?name=a%20b%2Bc+d&x=1&x&x=%E6%97%A5&y=2').text).toBe('a b+c d|1,,日');
  expect(corners('/query?name=50%&x=%zz').text).toBe('50%|%zz');
  expect(corners('/query').text).toBe('(null)|');
});

test('gives headers by name without case, all of them, and in order', () => {
  const headers: [string, string][] = [
    ['accept', 'a'],
    ['x-b', 'ü'],
    ['accept', 'c'],
  ];
  expect(corners('/headers', { headers }).text).toBe('accept=a;x-b=ü;accept=c;a,c;none');
});

test('sets a header once and appends set-cookie twice', () => {
  expect(corners('/cookies').headers.slice(1)).toEqual([
    ['x-one', '2'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ]);
});

test('logs lines to standard error', () => {
  expect(corners('/log', { method: 'PATCH' })).toMatchObject({ stderr: 'one\nzwölf\n', text: 'PATCH' });
});

test.each([
  ['/throw', /^corners\.ts\(\d+,\d+\): on purpose\n$/],
  ['/bounds', /Index out of range/],
  ['/bad-status', /refuses the response status 70000/],
  ['/bad-header', /refuses a header/],
])('%s traps and says why on standard error', (path, message) => {
  const answer = corners(path);
  expect(answer.outcome).toBe('trap');
  expect(answer.stderr).toMatch(message);
});

test('traps with the status that the host refuses', () => {
  const answer = corners('/bad-status', { headers: [['a', 'b']] });
  expect(answer.outcome).toBe('trap');
  expect(answer.stderr).toMatch(/status 99/);
});

test('sends a method, headers and a body, and drops the fragment', () => {
  const body = FakeSource.whole(Buffer.from(' fertig'));
  const answer = corners('/post', { upstream: () => ({ tag: 'ok', status: 201, headers: [], body }) });
  expect(answer.text).toBe('201 fertig');
  const [sent] = answer.sent;
  expect(sent).toMatchObject({
    method: 'POST',
    scheme: 'https',
    authority: 'example.test:8443',
    pathWithQuery: '/?q=1',
  });
  expect(Buffer.from(sent?.body ?? '', 'latin1').toString()).toBe('körper');
  expect(sent?.headers.map((text) => Buffer.from(text, 'latin1').toString())).toEqual(['x-a', 'ä']);
});

test('sends any method, and names what the host refuses', () => {
  expect(corners('/verb').sent[0]?.method).toBe('PURGE');
  expect(corners('/bad-verb').text).toBe('HTTP-request-method-invalid');
  expect(corners('/forbidden').text).toBe('forbidden');
});
