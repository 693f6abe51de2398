/** Outbound bodies on their way: in both directions at once, no faster than they are taken, framed as HTTP wants. */
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { WINDOW_BYTES } from '../host/body-window.ts';
import { closeAll, signalled, upstream } from './host-kit.ts';
import {
  accessTo,
  answering,
  bareServer,
  countingServer,
  listening,
  quiet,
  Sent,
} from './host-outbound-kit.ts';

afterEach(closeAll);

const MB = 1_048_576;
/** Most that one read of a socket gives. */
const READ_BYTES = 65_536;
/** More than the kernel keeps between two ends of a connection on this machine, whatever it is set to. */
const BEYOND_KERNEL_BYTES = 64 * MB;

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Pieces whose order can be told from their hash. */
const piece = (index: number, bytes = 65_536): Buffer => Buffer.alloc(bytes, `piece ${index} `);

describe('bodies', () => {
  test('go in both directions at once, and no more than the window of them is under way', async () => {
    const echo = await upstream((request, response) => void request.pipe(response));
    const sent = new Sent(echo, { method: 'POST', bodyBytes: undefined, takes: false });
    const [out, back] = [createHash('sha256'), createHash('sha256')];
    const slowly = setInterval(() => sent.take());
    for (let index = 0; index < 320; index++) {
      out.update(piece(index));
      await sent.write(piece(index));
    }
    sent.exchange.end([]);
    expect(await sent.over).toBe('end');
    clearInterval(slowly);
    back.update(sent.body);
    expect(sent.body.length).toBe(20 * MB);
    expect(back.digest('hex')).toBe(out.digest('hex'));
    expect(sent.writtenBytes).toBe(20 * MB);
    expect(sent.untakenBytesMax).toBeLessThan(WINDOW_BYTES + READ_BYTES);
    expect(sent.told.slice(0, 3)).toEqual(['written', 'response', 'chunk']);
  });

  test('wait where the server does not read', async () => {
    let reader: Socket | undefined;
    let receivedBytes = 0;
    const origin = await bareServer((socket) => {
      reader = socket;
      socket.pause();
    });
    const sent = new Sent(origin, { method: 'PUT', bodyBytes: BEYOND_KERNEL_BYTES });
    const writing = (async () => {
      for (let bytes = 0; bytes < BEYOND_KERNEL_BYTES; bytes += READ_BYTES) await sent.write(piece(bytes));
      sent.exchange.end([]);
    })();
    await quiet(() => sent.writtenBytes);
    expect(sent.writtenBytes).toBeLessThan(BEYOND_KERNEL_BYTES - WINDOW_BYTES);
    reader?.on('data', (chunk) => {
      receivedBytes += chunk.length;
      if (receivedBytes > BEYOND_KERNEL_BYTES) reader?.end('HTTP/1.1 204 No Content\r\n\r\n');
    });
    reader?.resume();
    await writing;
    expect(await sent.over).toBe('end');
    expect(sent.writtenBytes).toBe(BEYOND_KERNEL_BYTES);
  });

  test('wait where the guest does not take', async () => {
    let givenBytes = 0;
    const origin = await upstream((_request, response) => {
      const give = () => {
        while (givenBytes < BEYOND_KERNEL_BYTES) {
          givenBytes += READ_BYTES;
          if (!response.write(piece(givenBytes))) return;
        }
        response.end();
      };
      response.on('drain', give);
      give();
    });
    const sent = new Sent(origin, { takes: false });
    await quiet(() => givenBytes);
    expect(givenBytes).toBeLessThan(BEYOND_KERNEL_BYTES);
    expect(sent.untakenBytes).toBeGreaterThanOrEqual(WINDOW_BYTES);
    expect(sent.untakenBytes).toBeLessThan(WINDOW_BYTES + READ_BYTES);
    const before = sent.untakenBytes;
    sent.take(before - WINDOW_BYTES);
    await quiet(() => givenBytes);
    expect(sent.untakenBytes).toBe(WINDOW_BYTES);
    sent.take(1);
    await quiet(() => givenBytes);
    expect(sent.untakenBytes).toBeGreaterThan(WINDOW_BYTES - 1);
    const taking = setInterval(() => sent.take());
    expect(await sent.over).toBe('end');
    clearInterval(taking);
    expect(sent.body.length).toBe(BEYOND_KERNEL_BYTES);
  });

  test('leave piece by piece, the head before all of them', async () => {
    const pieces: string[] = [];
    let arrived = signalled();
    const origin = await bareServer((socket) => {
      socket.on('data', (chunk) => {
        pieces.push(chunk.toString('latin1'));
        arrived.happens();
      });
    });
    const sent = new Sent(`${origin}/a?b`, {
      method: 'POST',
      headers: ['x-name', 'caf\xe9', 'X-Name', '2'],
      bodyBytes: undefined,
    });
    await arrived.happened;
    const host = origin.slice('http://'.length);
    expect(pieces).toEqual([
      `POST /a?b HTTP/1.1\r\nx-name: caf\xe9\r\nX-Name: 2\r\nhost: ${host}\r\n` +
        'transfer-encoding: chunked\r\nConnection: keep-alive\r\n\r\n',
    ]);
    for (const text of ['first', 'second']) {
      arrived = signalled();
      sent.exchange.write(Buffer.from(text));
      await arrived.happened;
    }
    expect(pieces.slice(1)).toEqual(['5\r\nfirst\r\n', '6\r\nsecond\r\n']);
    arrived = signalled();
    sent.exchange.end(['x-sum', '\xe9', 'content-length', '3', 'x-sum', 'b']);
    await arrived.happened;
    expect(pieces[3]).toBe('0\r\nx-sum: \xe9\r\nx-sum: b\r\n\r\n');
    sent.exchange.cancel();
  });
});

describe('the length of a body', () => {
  test.each([
    ['GET', 0, [], undefined],
    ['GET', 0, ['content-length', '7'], undefined],
    ['POST', 0, [], 'content-length: 0'],
    ['DELETE', 3, [], 'content-length: 3'],
    ['PUT', 3, ['Content-Length', '7'], 'content-length: 3'],
    ['PUT', undefined, ['Content-Length', '3', 'content-length', '4'], 'content-length: 3'],
    ['PUT', undefined, ['content-length', '-3'], 'transfer-encoding: chunked'],
    ['GET', undefined, ['content-length', '3', 'Transfer-Encoding', 'chunked'], 'content-length: 3'],
    ['POST', undefined, ['trailer', 'x-sum'], 'transfer-encoding: chunked'],
  ])(
    'of a %s with %s bytes and the headers %j is declared as %s',
    async (method, bodyBytes, headers, line) => {
      const seen = signalled();
      let head = '';
      const origin = await bareServer((socket) => {
        socket.once('data', (chunk) => {
          head = chunk.toString();
          seen.happens();
        });
      });
      const sent = new Sent(origin, { method, bodyBytes, headers });
      await seen.happened;
      const framing = head
        .split('\r\n')
        .filter((field) => /^(content-length|transfer-encoding):/i.test(field));
      expect(framing).toEqual(line ? [line] : []);
      expect(/^trailer: x-sum\r$/im.test(head)).toBe(headers[0] === 'trailer');
      sent.exchange.cancel();
    },
  );

  test.each([
    ['more', 'ab', 'cd'],
    ['less', 'a', 'b'],
  ])('is not passed by %s than was declared', async (_what, ...texts) => {
    const origin = await upstream((_request, response) => response.end());
    const sent = new Sent(origin, { method: 'PUT', bodyBytes: 3 });
    for (const text of texts) sent.exchange.write(Buffer.from(text));
    sent.exchange.end([]);
    expect(sent.told).toEqual([]);
    expect(await sent.over).toBe('HTTP-request-body-size');
    expect(sent.failure?.val).toBe(BigInt(texts.join('').length));
  });

  test('that is none takes no body', async () => {
    const origin = await upstream((_request, response) => response.end('ok'));
    const sent = new Sent(origin);
    sent.exchange.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    sent.exchange.end([]);
    expect(await sent.over).toBe('end');
    expect(`${sent.body}`).toBe('ok');
  });
});

describe('a response', () => {
  test('may begin before the request has ended, and both go on', async () => {
    const origin = await upstream((request, response) => {
      response.writeHead(200).write('early ');
      request.on('data', (chunk) => response.write(chunk));
      request.on('end', () => response.end());
    });
    const sent = new Sent(origin, { method: 'POST', bodyBytes: undefined });
    await sent.responded.happened;
    expect(sent.writtenBytes).toBe(0);
    sent.exchange.write(Buffer.from('late'));
    sent.exchange.end([]);
    expect(await sent.over).toBe('end');
    expect(`${sent.body}`).toBe('early late');
  });

  test('that is complete before the request is ends both, and the connection', async () => {
    const gone = signalled();
    const origin = await upstream((request, response) => {
      request.socket.once('close', gone.happens);
      response.writeHead(413, { 'content-length': 3 }).end('big');
    });
    const sent = new Sent(origin, { method: 'POST', bodyBytes: undefined });
    expect(await sent.over).toBe('end');
    expect([sent.status, `${sent.body}`]).toEqual([413, 'big']);
    await gone.happened;
    sent.exchange.write(Buffer.from('more'));
    sent.exchange.end([]);
    await quiet(() => sent.told.length);
    expect(sent.told).toEqual(['response', 'chunk', 'end']);
    expect(sent.connections).toEqual({ begun: 1, ended: 1 });
  });

  test('that comes before a body that was ended has left lets it leave', async () => {
    const whole = signalled();
    let receivedBytes = 0;
    const origin = await bareServer((socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
      socket.on('data', (chunk) => {
        receivedBytes += chunk.length;
        if (receivedBytes > BEYOND_KERNEL_BYTES) whole.happens();
      });
      socket.once('pause', () => sent.over.then(() => socket.resume()));
    });
    const sent: Sent = new Sent(origin, { method: 'POST', bodyBytes: BEYOND_KERNEL_BYTES });
    sent.exchange.write(Buffer.alloc(BEYOND_KERNEL_BYTES));
    sent.exchange.end([]);
    expect(await sent.over).toBe('end');
    await whole.happened;
    await quiet(() => sent.connections.ended);
    expect(sent.told).toEqual(['response', 'end']);
  });

  test('comes with its headers and trailers as they are', async () => {
    const answer =
      'HTTP/1.1 203 Whatever\r\nX-One: caf\xe9\r\nx-one: 2\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '3\r\nabc\r\n0\r\nX-Sum: \xe9\r\nx-sum: 2\r\n\r\n';
    const sent = new Sent(await answering(answer));
    expect(await sent.over).toBe('end');
    expect([sent.status, `${sent.body}`]).toEqual([203, 'abc']);
    expect(sent.headers).toEqual(['X-One', 'caf\xe9', 'x-one', '2', 'Transfer-Encoding', 'chunked']);
    expect(sent.trailers).toEqual(['X-Sum', '\xe9', 'x-sum', '2']);
  });

  test('comes after informational ones, which nobody hears of', async () => {
    const answer =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const sent = new Sent(await answering(answer));
    expect(await sent.over).toBe('end');
    expect(sent.told).toEqual(['response', 'chunk', 'end']);
    expect(sent.headers).toEqual(['Content-Length', '2']);
  });

  test('may have more than two thousand headers, and up to 64 KiB of them', async () => {
    const lines = 'a: b\r\n'.repeat(5_000);
    const sent = new Sent(await answering(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${lines}\r\n`));
    expect(await sent.over).toBe('end');
    expect(sent.headers).toHaveLength(2 * 5_001);
  });

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ])('to %s without a body ends at once: %j', async (method, answer) => {
    const sent = new Sent(await answering(answer), { method, responseBytesMax: 1_000 });
    expect(await sent.over).toBe('end');
    expect(sent.told).toEqual(['response', 'end']);
  });

  test('is read to the end of its connection where it says no length', async () => {
    const sent = new Sent(await answering('HTTP/1.0 200 OK\r\n\r\nall of it', (socket) => socket.end()));
    expect(await sent.over).toBe('end');
    expect(`${sent.body}`).toBe('all of it');
  });

  test('that says it is larger than the limit fails before it begins', async () => {
    const origin = await upstream((_request, response) => response.end(Buffer.alloc(1_001)));
    const sent = new Sent(origin, { responseBytesMax: 1_000 });
    expect(await sent.over).toBe('HTTP-response-body-size');
    expect(sent.told).toEqual(['HTTP-response-body-size']);
    expect(sent.failure?.val).toBe(1_001n);
  });

  test('that grows larger than the limit fails there, however much of it was taken', async () => {
    const origin = await upstream((_request, response) => {
      response.write(Buffer.alloc(600_000));
      response.end(Buffer.alloc(600_000));
    });
    const sent = new Sent(origin, { responseBytesMax: MB });
    expect(await sent.over).toBe('HTTP-response-body-size');
    expect(sent.told).toEqual(['response', 'chunk', 'HTTP-response-body-size']);
    expect(sent.body.length).toBeLessThanOrEqual(MB);
    const exact = new Sent(origin, { responseBytesMax: 1_200_000 });
    expect(await exact.over).toBe('end');
  });
});

describe('a connection', () => {
  test('is used again by requests of every kind whose bodies are over', async () => {
    const server = await countingServer((request, response) => {
      request.resume();
      request.on('end', () => response.end(piece(0)));
    });
    const access = accessTo();
    for (const bodyBytes of [0, 3, undefined]) {
      const sent = new Sent(server.origin, { method: 'POST', bodyBytes, access });
      if (bodyBytes !== 0) sent.exchange.write(Buffer.from('abc'));
      sent.exchange.end([]);
      expect(await sent.over).toBe('end');
      await nextTurn();
      expect(sent.connections).toEqual({ begun: 1, ended: 1 });
    }
    expect(server.connections).toBe(1);
    const others = new Sent(server.origin, { access: accessTo() });
    expect(await others.over).toBe('end');
    expect(server.connections).toBe(2);
  });

  test.each([
    ['a GET is sent once more', 'GET', 0, 'end', 2],
    ['a POST is not', 'POST', 0, 'connection-terminated', 1],
    ['nor is a PUT with a body', 'PUT', 3, 'connection-terminated', 1],
  ])(
    'that the server closes when it is used again: %s',
    async (_what, method, bodyBytes, how, connections) => {
      const served = new Set<unknown>();
      const server = await countingServer((request, response) => {
        const { socket } = request;
        if (served.has(socket)) socket.destroy();
        else served.add(socket);
        response.end('answered');
      });
      const access = accessTo();
      expect(await new Sent(server.origin, { access }).over).toBe('end');
      await nextTurn();
      const again = new Sent(server.origin, { method, bodyBytes, access });
      if (bodyBytes > 0) again.exchange.write(Buffer.from('abc'));
      again.exchange.end([]);
      expect(await again.over).toBe(how);
      expect(again.body.toString()).toBe(how === 'end' ? 'answered' : '');
      expect(server.connections).toBe(connections);
      await quiet(() => again.connections.ended);
      expect(again.connections).toEqual({ begun: connections, ended: connections });
    },
  );

  test('is not used again after a request that was cancelled or failed', async () => {
    const server = await countingServer((_request, response) => response.write('begun'));
    const access = accessTo();
    const cancelled = new Sent(server.origin, { access });
    await cancelled.responded.happened;
    cancelled.exchange.cancel();
    const failed = new Sent(server.origin, { access, responseBytesMax: 1 });
    expect(await failed.over).toBe('HTTP-response-body-size');
    const third = new Sent(server.origin, { access });
    await third.responded.happened;
    third.exchange.cancel();
    expect(server.connections).toBe(3);
  });

  test('goes where the name led when it was made, and a new one is looked at anew', async () => {
    const closing = await countingServer((request, response) => {
      if (request.url === '/close') response.setHeader('connection', 'close');
      response.end('ok');
    });
    const answers = ['127.0.0.1', '127.0.0.2'];
    const resolve = async () => [{ address: answers.shift() as string, family: 4 }];
    const access = accessTo(['*', '127.0.0.1'], resolve);
    const url = `http://name.example:${new URL(closing.origin).port}`;
    for (const path of ['/', '/close']) {
      expect(await new Sent(url + path, { access }).over).toBe('end');
      await nextTurn();
    }
    expect(answers).toEqual(['127.0.0.2']);
    expect(await new Sent(url, { access }).over).toBe('destination-IP-prohibited');
    expect(closing.connections).toBe(1);
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === '::1'),
  );

  test.skipIf(!hasIpv6)('goes to an authority that is an IPv6 address', async () => {
    const server = http.createServer((request, response) => response.end(request.headers.host));
    const authority = `[::1]:${await listening(server, '::1')}`;
    const sent = new Sent(`http://${authority}/`, { access: accessTo(['[::1]']) });
    expect(await sent.over).toBe('end');
    expect(`${sent.body}`).toBe(authority);
  });
});
