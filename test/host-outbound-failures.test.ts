/** Outbound requests that go wrong: what each failure is called, when time is up, and how they are given up. */
import https from 'node:https';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WINDOW_BYTES } from '../host/body-window.ts';
import type { Resolver } from '../host/outbound-access.ts';
import { closeAll, signalled, upstream } from './host-kit.ts';
import {
  accessTo,
  answering,
  bareServer,
  listening,
  quiet,
  type Sending,
  Sent,
} from './host-outbound-kit.ts';
import { SELF_SIGNED } from './host-outbound-tls.ts';

afterEach(async () => {
  vi.useRealTimers();
  await closeAll();
});

const never: Resolver = () => new Promise(() => undefined);
const home: Resolver = async () => [{ address: '127.0.0.1', family: 4 }];
const reset = (socket: Socket): void => void socket.resetAndDestroy();
const close = (socket: Socket): void => void socket.end();

const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const LONG = 'x'.repeat(99_999);

describe('a request fails', () => {
  test.each([
    ['a server that closes at once', '', close, 'connection-terminated'],
    ['a server that resets the connection', '', reset, 'connection-terminated'],
    ['half a head', 'HTTP/1.1 200 OK\r\nConte', close, 'connection-terminated'],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n', undefined, 'HTTP-protocol-error'],
    ['two lengths', `${LENGTH.trimEnd()}\r\nContent-Length: 5\r\n\r\n`, undefined, 'HTTP-protocol-error'],
    [
      'a length besides chunks',
      CHUNKED.replace('T', 'Content-Length: 3\r\nT'),
      undefined,
      'HTTP-protocol-error',
    ],
    [
      'a switch of protocols',
      'HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      undefined,
      'HTTP-protocol-error',
    ],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${LONG}`, undefined, 'HTTP-response-header-section-size'],
  ])('before the response, by %s', async (_what, answer, then, name) => {
    const gone = signalled();
    const origin = await answering(answer, (socket) => {
      socket.once('close', gone.happens);
      then?.(socket);
    });
    const sent = new Sent(origin);
    expect(await sent.over).toBe(name);
    expect(sent.told).toEqual([name]);
    await gone.happened;
    await quiet(() => sent.connections.ended);
    expect(sent.connections).toEqual({ begun: 1, ended: 1 });
  });

  test.each([
    ['a reset', `${LENGTH}half`, reset, 'connection-terminated'],
    ['an end before its length', `${LENGTH}half`, close, 'connection-terminated'],
    ['an end before the last chunk', `${CHUNKED}4\r\nhalf\r\n`, close, 'connection-terminated'],
    ['an end inside a chunk', `${CHUNKED}9\r\nhalf`, close, 'connection-terminated'],
    ['a chunk without a size', `${CHUNKED}4\r\nhalf\r\nzz\r\n`, undefined, 'HTTP-protocol-error'],
    [
      'trailers without end',
      `${CHUNKED}4\r\nhalf\r\n0\r\nX: ${LONG}`,
      undefined,
      'HTTP-response-trailer-section-size',
    ],
  ])('in the middle of the response, by %s', async (_what, answer, then, name) => {
    let server: Socket | undefined;
    const headEnd = answer.indexOf('\r\n\r\n') + 4;
    const origin = await answering(answer.slice(0, headEnd), (socket) => {
      server = socket;
    });
    const sent = new Sent(origin);
    await sent.responded.happened;
    server?.write(answer.slice(headEnd));
    await quiet(() => sent.told.length);
    then?.(server as Socket);
    expect(await sent.over).toBe(name);
    expect(sent.told).toEqual(['response', 'chunk', name]);
    expect(`${sent.body}`).toBe('half');
  });

  test('in the middle of its own body, by a reset, and what is written then is let go', async () => {
    const origin = await bareServer((socket) => {
      socket.once('data', () => socket.once('data', () => reset(socket)));
    });
    const sent = new Sent(origin, { method: 'POST', bodyBytes: undefined });
    while (sent.failure === undefined) {
      sent.exchange.write(Buffer.alloc(1_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await sent.over).toBe('connection-terminated');
    sent.exchange.write(Buffer.alloc(1_000));
    sent.exchange.end(['a', 'b']);
    sent.exchange.taken(1);
    sent.exchange.cancel();
    await quiet(() => sent.told.length);
    expect(sent.told.at(-1)).toBe('connection-terminated');
  });

  test.each<[string, Sending, string]>([
    ['a name that is not let through', { authority: 'other.example' }, 'HTTP-request-denied'],
    ['a tunnel', { method: 'CONNECT' }, 'HTTP-protocol-error'],
    ['an authority that is none', { authority: 'a@b' }, 'HTTP-request-URI-invalid'],
    ['a path that is none', { pathWithQuery: '/ /' }, 'HTTP-request-URI-invalid'],
    ['a method that is none', { method: 'A B' }, 'internal-error'],
    ['a header that is none', { headers: ['x', 'a\nb'] }, 'internal-error'],
  ])('by %s, but not before the call that began it has returned', async (_what, given, name) => {
    const origin = await upstream(() => expect.unreachable());
    const sent = new Sent(origin, given);
    expect(sent.told).toEqual([]);
    sent.exchange.write(Buffer.from('a'));
    sent.exchange.end([]);
    sent.exchange.taken(1);
    expect(sent.told).toEqual([]);
    expect(await sent.over).toBe(name);
    const cancelled = new Sent(origin, given);
    cancelled.exchange.cancel();
    await quiet(() => cancelled.told.length);
    expect(cancelled.told).toEqual([]);
  });

  test('by trailers that are none', async () => {
    const origin = await upstream(() => undefined);
    const sent = new Sent(origin, { method: 'POST', bodyBytes: undefined });
    sent.exchange.end(['a b', 'c']);
    expect(await sent.over).toBe('internal-error');
  });
});

describe('a request over TLS', () => {
  const secure = async (options: tls.TlsOptions = {}): Promise<number> =>
    listening(
      https.createServer({ ...SELF_SIGNED, ...options }, (request, response) => {
        request.pipe(response);
      }),
    );

  test('fails where nobody vouches for the certificate, and nothing is sent', async () => {
    const server = https.createServer(SELF_SIGNED, () => expect.unreachable());
    const sent = new Sent(`https://127.0.0.1:${await listening(server)}/`);
    expect(await sent.over).toBe('TLS-certificate-error');
  });

  test.each([
    ['speaks no TLS', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'TLS-protocol-error'],
    [
      'refuses the handshake',
      '\x15\x03\x03\x00\x02\x02\x28',
      'TLS-alert-received',
      { alertId: 40, alertMessage: 'ssl/tls alert handshake failure' },
    ],
    ['closes in the handshake', '', 'connection-terminated'],
  ])('fails where the server %s', async (_what, answer, tag, val?: object) => {
    const origin = await answering(answer, close);
    const sent = new Sent(origin.replace('http:', 'https:'));
    expect(await sent.over).toBe(tag);
    expect(sent.failure).toEqual({ tag, val });
  });

  test('streams where the certificate is trusted, and fails where it is of another name', async () => {
    const trusted = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...trusted, SELF_SIGNED.cert]);
    try {
      const port = await secure();
      const access = accessTo(['localhost', 'other.example'], home);
      const sent = new Sent(`https://localhost:${port}/`, { method: 'POST', bodyBytes: undefined, access });
      for (let count = 0; count < 64; count++) await sent.write(Buffer.alloc(65_536, count));
      sent.exchange.end([]);
      expect(await sent.over).toBe('end');
      expect(sent.body.length).toBe(64 * 65_536);
      const other = new Sent(`https://other.example:${port}/`, { access });
      expect(await other.over).toBe('TLS-certificate-error');
    } finally {
      tls.setDefaultCACertificates(trusted);
    }
  });
});

describe('time is up', () => {
  const soon = 20;

  test('for a connection that does not come about', async () => {
    const access = accessTo(['a.example'], never);
    const sent = new Sent('http://a.example/', { access, connectTimeoutMs: soon });
    expect(await sent.over).toBe('connection-timeout');
  });

  test('for a response that does not begin', async () => {
    const sent = new Sent(await answering('HTTP/1.1 100 Continue\r\n\r\n'), { firstByteTimeoutMs: soon });
    expect(await sent.over).toBe('HTTP-response-timeout');
  });

  test('for a response that does not go on', async () => {
    const sent = new Sent(await answering(`${LENGTH}half`), { betweenBytesTimeoutMs: soon });
    expect(await sent.over).toBe('connection-read-timeout');
    expect(sent.told).toEqual(['response', 'chunk', 'connection-read-timeout']);
  });

  test.each(['connectTimeoutMs', 'firstByteTimeoutMs', 'betweenBytesTimeoutMs'])(
    "after the host's own time where the guest sets no %s, and never at once where it sets too much",
    async (name) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const isConnecting = name === 'connectTimeoutMs';
      const access = accessTo(['a.example', '127.0.0.1'], never);
      const origin = await answering(name === 'betweenBytesTimeoutMs' ? LENGTH : '');
      const url = isConnecting ? 'http://a.example/' : origin;
      const all = { connectTimeoutMs: 9e9, firstByteTimeoutMs: 9e9, betweenBytesTimeoutMs: 9e9 };
      const sent = new Sent(url, { access, ...all, [name]: undefined, timeoutMs: 500 });
      const patient = new Sent(url, { access, ...all, timeoutMs: 500 });
      await quiet(() => sent.told.length + patient.told.length);
      vi.advanceTimersByTime(499);
      expect(sent.failure).toBeUndefined();
      vi.advanceTimersByTime(1);
      expect(sent.failure?.tag).toMatch(/-timeout$/);
      vi.advanceTimersByTime(1e9);
      expect(patient.failure).toBeUndefined();
      patient.exchange.cancel();
    },
  );

  test('not while the guest is behind, and again when it is no longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const origin = await answering(`${LENGTH.replace('10', '9999999')}${'x'.repeat(2 * WINDOW_BYTES)}`);
    const sent = new Sent(origin, { takes: false, betweenBytesTimeoutMs: 100 });
    await quiet(() => sent.untakenBytes);
    expect(sent.untakenBytes).toBeGreaterThanOrEqual(WINDOW_BYTES);
    vi.advanceTimersByTime(1e9);
    expect(sent.failure).toBeUndefined();
    sent.take();
    await quiet(() => sent.untakenBytes);
    sent.take();
    await quiet(() => sent.untakenBytes);
    vi.advanceTimersByTime(99);
    expect(sent.failure).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(sent.failure).toEqual({ tag: 'connection-read-timeout' });
  });

  test('not while the request is still leaving, and then soon', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const origin = await bareServer((socket) => void socket.resume());
    const sent = new Sent(origin, { method: 'POST', bodyBytes: undefined, firstByteTimeoutMs: 100 });
    for (let count = 0; count < 5; count++) {
      await sent.write(Buffer.alloc(10));
      await quiet(() => sent.writtenBytes);
      vi.advanceTimersByTime(99);
      expect(sent.failure).toBeUndefined();
    }
    sent.exchange.end([]);
    await quiet(() => sent.told.length);
    vi.advanceTimersByTime(99);
    expect(sent.failure).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(sent.failure).toEqual({ tag: 'HTTP-response-timeout' });
  });
});

describe('a request that is given up', () => {
  const begun = { method: 'POST', bodyBytes: undefined, takes: false } as const;

  test('before it could be sent is never heard of', async () => {
    const sent = new Sent('http://a.example/', { access: accessTo(['a.example'], never) });
    await quiet(() => sent.told.length);
    sent.exchange.cancel();
    await quiet(() => sent.told.length);
    expect([sent.told, sent.connections.begun]).toEqual([[], 0]);
  });

  test('in the turn in which it began reaches nobody', async () => {
    const sent = new Sent(await upstream(() => expect.unreachable()), begun);
    sent.exchange.write(Buffer.from('a'));
    sent.exchange.cancel();
    await quiet(() => sent.told.length);
    expect(sent.told).toEqual([]);
  });

  test.each([
    ['before its body has ended', '', false],
    ['before it was answered', '', true],
    ['in the middle of the response', `${CHUNKED}4\r\nhalf\r\n`, true],
    ['in the middle of both bodies', `${CHUNKED}4\r\nhalf\r\n`, false],
    [
      'while the response waits for the guest',
      `${LENGTH.replace('10', '9999999')}${'x'.repeat(2 * WINDOW_BYTES)}`,
      true,
    ],
    ['while a response without length waits', `HTTP/1.0 200 OK\r\n\r\n${'x'.repeat(2 * WINDOW_BYTES)}`, true],
  ])('%s ends its connection, and nothing more is told', async (_what, answer, isEnded) => {
    const gone = signalled();
    const origin = await bareServer((socket) => {
      socket.once('data', () => socket.write(answer));
      socket.on('data', () => undefined);
      socket.once('close', gone.happens);
    });
    const sent = new Sent(origin, begun);
    sent.exchange.write(Buffer.from('begun'));
    if (isEnded) sent.exchange.end([]);
    await quiet(() => `${sent.told} ${sent.untakenBytes}`);
    const before = [...sent.told];
    sent.exchange.cancel();
    sent.exchange.cancel();
    sent.exchange.write(Buffer.from('more'));
    sent.exchange.end([]);
    sent.take();
    await gone.happened;
    await quiet(() => sent.told.length);
    expect(sent.told).toEqual(before);
    expect(sent.connections).toEqual({ begun: 1, ended: 1 });
  });

  test('when it is over keeps its connection', async () => {
    const ports = new Set<number | undefined>();
    const origin = await upstream((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    const access = accessTo();
    for (let count = 0; count < 2; count++) {
      const sent = new Sent(origin, { access });
      expect(await sent.over).toBe('end');
      sent.exchange.cancel();
      await quiet(() => sent.connections.ended);
    }
    expect(ports.size).toBe(1);
  });
});
