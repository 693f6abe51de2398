/** Methods: every token is one (RFC 9110, 9.1), and guests see each as it was sent. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METHOD_BYTES_MAX } from '../host/any-method.ts';
import { Listener } from '../host/listener.ts';
import { publicApp } from '../host/public-app.ts';
import { PUBLIC_PATIENCE } from '../host/server.ts';
import { example } from './host-guests.ts';
import { closeAll, closeLater, exchange, type TestHost } from './host-kit.ts';
import { answersTo as answersOf, head, hostOfCorners, Pieces, responsesIn, type Seen } from './method-kit.ts';
import { RawTalk, recordWhere } from './stream-kit.ts';

let host: TestHost;

beforeAll(async () => {
  host = await hostOfCorners();
  await host.deploy('echo', await example('echo'));
});

afterAll(closeAll);

const GET = `${head('GET')}\r\n`;
const FOO = `${head('FOO')}\r\n`;
const methodsOf = ({ seen }: { seen: readonly Seen[] }) => seen.map(({ method }) => method);
const answersTo = (count: number, ...pieces: string[]) => answersOf(host.publicUrl, count, pieces);
const refusalOf = async (...pieces: string[]) =>
  (await answersTo(Number.POSITIVE_INFINITY, ...pieces)).refusal;

describe('a method reaches the guest', () => {
  test.each([
    'FOO',
    'get',
    'Post',
    'head',
    'connect',
    'patch',
    'X-Custom!',
    "!#$%&'*+-.^_`|~09azAZ",
    'G',
    'PING',
    'GETTER',
    'M-SEARCHES',
    'FLUSH',
    'PLAY',
    'SET_PARAMETER',
    'UPGRADE',
    'x'.repeat(METHOD_BYTES_MAX),
  ])('%s', async (method) => {
    const answers = await answersTo(1, `${head(method)}Content-Length: 3\r\n\r\nabc`);
    expect(answers).toEqual({ seen: [{ method, path: '/', body: 'abc' }], refusal: undefined });
  });

  test('on a connection that was kept', async () => {
    const client = new Pieces(host.publicUrl);
    const methods = ['GET', 'FOO', 'BAR', 'PUT', 'PUTT', 'GET', 'FLUSH', 'get'];
    for (const [index, method] of methods.entries()) {
      await client.send(`${head(method, `/${index}`)}\r\n`);
      await client.talk.until(`x-path: /${index}`);
    }
    expect(methodsOf(await client.answers(methods.length))).toEqual(methods);
  });

  test('before and after others on their way at once', async () => {
    const posted = `${head('POST')}Content-Length: 5\r\n\r\nhello`;
    const chunked = `${head('BAR')}Transfer-Encoding: chunked\r\n\r\n3\r\nBAZ\r\n0\r\n\r\n`;
    const answers = await answersTo(8, GET + FOO + posted + FOO + chunked + chunked + GET + FOO);
    expect(methodsOf(answers)).toEqual(['GET', 'FOO', 'POST', 'FOO', 'BAR', 'BAR', 'GET', 'FOO']);
    expect(answers.seen[4]?.body).toBe('BAZ');
  });

  test('behind a body that looks like requests', async () => {
    const body = FOO + GET;
    const put = `${head('PUT')}Content-Length: ${body.length}\r\n\r\n`;
    for (const pieces of [[put + body + FOO], [put, body + FOO], [put + FOO, GET + FOO]]) {
      const { seen } = await answersTo(2, ...pieces);
      expect(seen.map(({ method, body: got }) => [method, got])).toEqual([
        ['PUT', body],
        ['FOO', ''],
      ]);
    }
  });

  test('a thousand times in one piece', async () => {
    const answers = await answersTo(1_000, FOO.repeat(1_000));
    expect(methodsOf(answers)).toEqual(Array(1_000).fill('FOO'));
  });

  test.each(['FOO', 'PINGER', 'GETTER', 'get', 'FLUSH'])(
    'byte by byte: %s, first and later on its connection',
    async (method) => {
      const answers = await answersTo(3, ...head(method), '\r\n', ...head(method), '\r\n', GET);
      expect(methodsOf(answers)).toEqual([method, method, 'GET']);
    },
  );

  test('cut off where it could be one that the parser knows, or the rest could', async () => {
    const pieces = ['P', 'ING', head('ER'), '\r\nGE', head('T'), '\r\n', 'FOO', head('GET'), '\r\n'];
    expect(methodsOf(await answersTo(3, ...pieces))).toEqual(['PINGER', 'GET', 'FOOGET']);
  });

  test('after empty lines', async () => {
    expect(methodsOf(await answersTo(3, `\r\n\r\n${FOO}\r\n${FOO}`, '\r\n', FOO))).toEqual(
      Array(3).fill('FOO'),
    );
  });

  test('with a body in both directions at once, for which it waits to be asked', async () => {
    const talk = new RawTalk(host.publicUrl);
    const body = `${GET}${FOO}`.repeat(10_000);
    talk.write(`FOO /f/echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n`);
    talk.write(`Content-Length: ${body.length}\r\n\r\n`);
    expect(await talk.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    talk.write(body.slice(0, 300_000));
    await talk.until(GET);
    talk.write(body.slice(300_000));
    const text = await talk.ended();
    let chunks = text.slice(text.indexOf('\r\n\r\n', 30) + 4);
    let got = '';
    for (let size = 1; size > 0; ) {
      const at = chunks.indexOf('\r\n') + 2;
      size = Number.parseInt(chunks, 16);
      got += chunks.slice(at, at + size);
      chunks = chunks.slice(at + size + 2);
    }
    expect(got === body).toBe(true);
  });

  test.each(['GET', 'FOO'])('behind a %s that asks for another protocol', async (method) => {
    const asks = `${head(method)}Upgrade: h2c\r\nConnection: upgrade\r\n`;
    const all = [`${asks}\r\n`, FOO, `${asks}Content-Length: 3\r\n\r\nabc`, GET, FOO];
    for (const pieces of [all, [all.join('')]]) {
      const { seen } = await answersTo(5, ...pieces);
      expect(methodsOf({ seen })).toEqual([method, 'FOO', method, 'GET', 'FOO']);
      expect(seen[2]?.body).toBe('abc');
    }
  });

  test('whose client leaves', async () => {
    const talk = new RawTalk(host.publicUrl);
    talk.write('FOO /f/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    await talk.until('abc');
    talk.socket.destroy();
    const record = await recordWhere(host, ({ bytesIn }) => bytesIn === 3, '&function=echo');
    expect(record).toMatchObject({ httpStatus: 200, bytesOut: 3 });
  });
});

describe('no method', () => {
  test.each([
    ['a character that tokens do not have', 'G@T / HTTP/1.1\r\n\r\n'],
    ['a space first', ` ${FOO}`],
    ['no target', 'FOO\r\n\r\n'],
    ['a tab behind it', 'FOO\t/ HTTP/1.1\r\n\r\n'],
    ['a character outside of ASCII', 'FO\xd6 / HTTP/1.1\r\n\r\n'],
    ['a greeting of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an answer', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a method and a version that is none', 'FOO / HTTP/9.9\r\n\r\n'],
    ['a header that is none', `${head('FOO')}a b: c\r\n\r\n`],
  ])('%s is refused, after what came before', async (_what, bytes) => {
    for (const before of ['', GET, FOO]) {
      const { seen, refusal } = await answersTo(2, before + bytes);
      expect(methodsOf({ seen })).toEqual(before ? [before.slice(0, 3)] : []);
      expect(refusal).toMatch(/^400 .*"request-invalid".*expected an HTTP request, got bytes that are none/s);
    }
  });

  test('longer ones are refused, in however many pieces', async () => {
    const longest = 'A'.repeat(METHOD_BYTES_MAX);
    for (const pieces of [
      [head(`${longest}A`)],
      [longest, head('A')],
      [longest, 'A'],
      ['AB', 'A'.repeat(9_000)],
    ])
      expect(await refusalOf(...pieces)).toMatch(/^400 .*Method of more than 256 bytes/s);
    expect(methodsOf(await answersTo(1, longest, `${head('')}\r\n`))).toEqual([longest]);
  });

  test.each(['FO', `${FOO}FO`, head('FOO')])('one that breaks off is refused: %j', async (bytes) => {
    const talk = new RawTalk(host.publicUrl);
    talk.write(bytes);
    if (bytes.startsWith(FOO)) await talk.until('x-method');
    talk.socket.end();
    expect(responsesIn(await talk.ended()).refusal).toMatch(/^400 .*request-invalid/s);
  });

  test('where a body may end in what looks like the method behind it, it is refused rather than guessed', async () => {
    const posted = (body: string) => [`${head('POST')}Content-Length: ${body.length}\r\n\r\n`, body];
    const [begun, body] = posted('ABC') as [string, string];
    const xyz = `${head('XYZ')}\r\n`;
    for (const pieces of [[begun + body, xyz], [begun + body + xyz], [begun, body, xyz], [begun, body + FOO]])
      expect((await answersTo(2, ...pieces)).seen).toMatchObject([{ body }, { body: '' }]);
    const { seen, refusal } = await answersTo(2, begun, body + xyz);
    expect([methodsOf({ seen }), refusal]).toEqual([['POST'], expect.stringMatching(/^400 /)]);
  });

  test('what cannot be told from the end of another one is refused, with all that follows', async () => {
    const { seen, refusal } = await answersTo(2, `${GET}P`, `${head('ING')}\r\n`, FOO);
    expect([methodsOf({ seen }), refusal]).toEqual([['GET'], expect.stringMatching(/^400 /)]);
  });
});

describe('time and ends hold for them as for others', () => {
  async function listening() {
    const patience = { ...PUBLIC_PATIENCE, headMs: 100, lookMs: 10 };
    const listener = new Listener(publicApp(host.running.host), patience);
    const origin = await listener.listen('127.0.0.1', 0);
    closeLater(() => listener.close());
    return { listener, origin };
  }

  test.each([['FO'], [head('FOO')], [`${FOO}FO`], [FOO + head('FOO')], [GET + FOO + head('GET')]])(
    'a head that does not come in time is refused: %j',
    async (sent) => {
      const talk = new RawTalk((await listening()).origin);
      talk.write(sent);
      expect(responsesIn(await talk.ended()).refusal).toMatch(/^400 .*a whole request in time, got none/s);
    },
  );

  test('a listener that closes ends connections between requests and in them', async () => {
    const { listener, origin } = await listening();
    const talks = [FOO, `${FOO}FO`, `${FOO}${head('FOO')}Content-Length: 5\r\n\r\nab`].map((sent) => {
      const talk = new RawTalk(origin);
      talk.write(sent);
      return talk;
    });
    for (const talk of talks) await talk.until('x-method: FOO');
    await listener.close();
    for (const talk of talks) await talk.ended();
  });

  test('one that drains ends connections with their responses', async () => {
    const { listener, origin } = await listening();
    const talk = new RawTalk(origin);
    talk.write(FOO);
    await talk.until('x-method: FOO');
    await listener.drained();
    talk.write(FOO);
    expect(await talk.ended()).toMatch(/connection: close.*x-method: FOO|x-method: FOO.*connection: close/is);
  });
});

describe('the admin listener', () => {
  test.each([
    ['FOO', '/v1/functions', 405, 'method-not-allowed'],
    ['get', '/v1/functions', 405, 'method-not-allowed'],
    ['Put', '/v1/functions/corners', 405, 'method-not-allowed'],
    ['delete', '/v1/functions/corners', 405, 'method-not-allowed'],
    ['FOO', '/nowhere', 404, 'path-unknown'],
  ])('answers %s %s with %s %s', async (method, path, status, code) => {
    const { adminUrl } = host.running;
    const text = await exchange(
      adminUrl,
      `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*"code":"${code}"`, 's'));
    expect(/^allow: /im.test(text)).toBe(status === 405);
  });
});
