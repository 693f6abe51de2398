/** Requests of any method, as many and in as many pieces as a connection may bring them. */
import { METHODS } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeAll, type TestHost } from './host-kit.ts';
import { answersTo, head, hostOfCorners, type Seen } from './method-kit.ts';

let host: TestHost;

beforeAll(async () => {
  host = await hostOfCorners();
});

afterAll(closeAll);

const GET = `${head('GET')}\r\n`;
const FOO = `${head('FOO')}\r\n`;
interface Sent extends Seen {
  readonly framing: 'none' | 'length' | 'chunks';
}

const BODIES = ['', 'a', '}', 'P', 'FO', '\r\n', FOO, `${GET}POST `, 'FLUSH / HTTP/1.1\r\n', '0\r\n\r\nGE'];
const OTHERS = ['FLUSH', 'SETUP', 'GET_PARAMETER'];
const sentRequest: fc.Arbitrary<Sent> = fc.record({
  method: fc.oneof(
    fc.constantFrom('GET', 'POST', 'DELETE', 'OPTIONS', 'PROPFIND'),
    fc.constantFrom('FOO', 'get', 'PING', 'GETTER', 'X', 'Posts', 'ZIP', 'SETT', ...OTHERS),
    fc.stringMatching(/^[A-Za-z!]{1,12}$/),
  ),
  path: fc.constantFrom('/', '/a', '/?PUT'),
  body: fc.constantFrom(...BODIES),
  framing: fc.constantFrom('none', 'length', 'chunks'),
});

function written({ method, path, body, framing }: Sent): string {
  if (framing === 'none') return `${head(method, path)}\r\n`;
  if (framing === 'length') return `${head(method, path)}Content-Length: ${body.length}\r\n\r\n${body}`;
  const chunk = body ? `${body.length.toString(16)}\r\n${body}\r\n` : '';
  return `${head(method, path)}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`;
}

/**
 * Whether it may be refused, because it is not certain where its method begins: in one piece with the end of a body of
 * which the beginning came before, or cut off in a piece with the end of another request.
 */
function isUncertain(
  request: Sent,
  before: Sent | undefined,
  start: number,
  cuts: readonly number[],
): boolean {
  if (!before || METHODS.includes(request.method) || cuts.includes(start)) return false;
  const line = `${request.method} /f/corners${request.path} HTTP/1.1`;
  const isCut = (from: number, to: number) => cuts.some((cut) => cut >= from && cut < to);
  if (isCut(start, start + line.length)) return true;
  // As if the head ended later.
  if (before.framing === 'length' && before.body.startsWith('\r\n')) return true;
  return before.framing === 'length' && isCut(start - before.body.length, start);
}

test('what guests see is what was sent, or what stands before the first request that is refused', async () => {
  // So many bytes behind the beginning of that request.
  const cutAt = fc.array(fc.tuple(fc.nat(5), fc.oneof(fc.nat(8), fc.nat(120))), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(sentRequest, { minLength: 1, maxLength: 6 }), cutAt, async (requests, at) => {
      const texts = requests.map(written);
      const text = texts.join('');
      const places = at.map(([index, offset]) => texts.slice(0, index).join('').length + offset);
      const cuts = [...new Set(places)].filter((cut) => cut > 0 && cut < text.length).sort((a, b) => a - b);
      const pieces = [...cuts, text.length].map((cut, index) => text.slice(cuts[index - 1] ?? 0, cut));
      const { seen, refusal } = await answersTo(host.publicUrl, requests.length, pieces);
      const sent = requests.map(({ method, path, body, framing }) => ({
        method,
        path,
        body: framing === 'none' ? '' : body,
      }));
      expect(seen).toEqual(sent.slice(0, seen.length));
      if (!refusal) {
        expect(seen.length).toBe(requests.length);
        return;
      }
      const start = texts.slice(0, seen.length).join('').length;
      const [before, refused] = [requests[seen.length - 1], requests[seen.length] as Sent];
      expect([refused, isUncertain(refused, before, start, cuts)]).toEqual([refused, true]);
    }),
    { numRuns: 400 },
  );
});
