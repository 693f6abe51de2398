/** What guests may send, and what comes back: nowhere by default, and every failure has its name from wasi:http. */
import type http from 'node:http';
import { createServer } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CORNERS, example, guestOf } from './host-guests.ts';
import { closeAll, closeLater, errorOf, signalled, TestHost, upstream } from './host-kit.ts';

let proxy: Uint8Array;
let corners: Uint8Array;

beforeAll(async () => {
  [proxy, corners] = [await example('proxy'), await guestOf(CORNERS)];
});

afterEach(closeAll);

const fetching = (name: string, url: string, more = ''): string =>
  `/f/${name}/fetch?url=${encodeURIComponent(url)}${more}`;

async function proxyHost(settings: Parameters<typeof TestHost.start>[0] = {}): Promise<TestHost> {
  const host = await TestHost.start({ allowOutbound: ['127.0.0.1'], responseMb: 1, ...settings });
  await host.deploy('proxy', proxy);
  await host.deploy('corners', corners);
  return host;
}

/** A server that takes a connection and does with it what HTTP does not. */
async function rawUpstream(
  answer: string,
  onHead: (head: string) => void = () => undefined,
): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      onHead(bytes.toString());
      socket.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closeLater(async () => void server.close());
  const address = server.address();
  return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : '';
}

describe('outbound requests', () => {
  test.each([
    ['GET', undefined],
    ['HEAD', undefined],
    ['POST', '0'],
    ['FOO', '0'],
    ['get', '0'],
    ['head', '0'],
    ['connect', '0'],
    ['X-Custom!', '0'],
  ])('keep their method, known or not, in its case: %s', async (method, length) => {
    const host = await proxyHost();
    let sent = '';
    const body = method === 'HEAD' ? '' : 'body';
    const raw = await rawUpstream(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${body}`, (head) => {
      sent = head;
    });
    const answer = await host.call(fetching('corners', `${raw}/a`, `&method=${method}`));
    expect(answer.text).toBe(`200 ${body}`);
    expect(sent.split('\r\n', 1)).toEqual([`${method} /a HTTP/1.1`]);
    expect(/^content-length: (.*)\r$/im.exec(sent)?.[1]).toBe(length);
    expect(sent).not.toMatch(/transfer-encoding/i);
  });

  test('reach nothing by default', async () => {
    const host = await proxyHost({ allowOutbound: [] });
    const reached = await upstream(() => expect.unreachable());
    const answer = await host.call(fetching('proxy', reached));
    expect(answer).toMatchObject({ status: 502, text: 'the fetch failed: HTTP-request-denied\n' });
  });

  test.each([
    [['127.0.0.1'], true],
    [['*', '127.0.0.1'], true],
    [['0x7f.1'], true],
    [['http://127.0.0.1:PORT'], true],
    [['http://127.0.0.1'], false],
    [['https://127.0.0.1:PORT'], false],
    [['LOCALHOST', '127.0.0.1:PORT'], true],
    [['127.0.0.1:1'], false],
    [['localhost'], false],
    [['0.0.1'], false],
  ])('to 127.0.0.1 with the list %j are let through: %s', async (patterns, isAllowed) => {
    const reached = await upstream((_request, response) => response.end('reached'));
    const allowOutbound = patterns.map((pattern) => pattern.replace('PORT', new URL(reached).port));
    const host = await proxyHost({ allowOutbound });
    const answer = await host.call(fetching('proxy', reached));
    expect(answer.text).toBe(isAllowed ? 'reached' : 'the fetch failed: HTTP-request-denied\n');
  });

  test('arrive as the guest wrote them', async () => {
    const seen: http.IncomingMessage[] = [];
    const reached = await upstream((request, response) => {
      seen.push(request);
      response.end('ok');
    });
    const host = await proxyHost();
    await host.call(
      fetching('corners', `${reached}/a/../b//%2e?q=%20#part`, '&method=PUT&name=X-Mine&value=1'),
    );
    expect(seen[0]).toMatchObject({ method: 'PUT', url: '/a/../b//%2e?q=%20' });
    expect(seen[0]!.headers).toMatchObject({
      host: new URL(reached).host,
      'x-mine': '1',
      'content-length': '0',
    });
  });

  test.each(['expect', 'trailer'])("with a %s of the guest are the host's to frame", async (name) => {
    const reached = await upstream((_request, response) => response.end('ok'));
    const host = await proxyHost();
    const answer = await host.call(fetching('corners', reached, `&method=POST&name=${name}&value=77`));
    expect(answer).toMatchObject({ status: 200, text: '200 ok' });
  });

  test("with a length that is not the body's are not sent", async () => {
    const reached = await upstream(() => expect.unreachable());
    const host = await proxyHost();
    const answer = await host.call(fetching('corners', reached, '&method=POST&name=content-length&value=77'));
    expect(answer.text).toBe('HTTP-request-body-size');
  });

  test('to a closed port are refused, and the guest answers with the name of that', async () => {
    const host = await proxyHost();
    const answer = await host.call(fetching('proxy', 'http://127.0.0.1:1/'));
    expect(answer).toMatchObject({ status: 502, text: 'the fetch failed: connection-refused\n' });
    expect((await host.executions())[0]).toMatchObject({ outcome: 'ok', httpStatus: 502 });
  });

  test.each([
    ['closes without an answer', '', 'connection-terminated'],
    ['answers with something else', 'SSH-2.0-OpenSSH\r\n\r\n', 'HTTP-protocol-error'],
    ['breaks its body off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', 'connection-terminated'],
    [
      'switches protocols',
      'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      'HTTP-protocol-error',
    ],
    [
      'has endless headers',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(99_999)}\r\n\r\n`,
      'HTTP-response-header-section-size',
    ],
  ])('to a server that %s fail with a name', async (_what, sent, name) => {
    const host = await proxyHost();
    const answer = await host.call(fetching('proxy', await rawUpstream(sent)));
    expect(answer).toMatchObject({ status: 502, text: `the fetch failed: ${name}\n` });
  });

  test('whose response is too large fail with a name', async () => {
    const reached = await upstream((_request, response) => response.end(Buffer.alloc(1_048_577)));
    const host = await proxyHost();
    const answer = await host.call(fetching('proxy', reached));
    expect(answer.text).toBe('the fetch failed: HTTP-response-body-size\n');
  });

  test.each(['CONNECT', 'TRACE', 'BREW'])('by the method %s do not hang', async (method) => {
    const reached = await upstream((_request, response) => response.end('ok'));
    const host = await proxyHost();
    const answer = await host.call(fetching('corners', reached, `&method=${method}`));
    expect(answer.status).toBe(200);
  });

  test('to a server that does not answer end with the time limit, and so does the connection', async () => {
    const gone = signalled();
    const reached = await upstream((request) => void request.socket.once('close', gone.happens));
    const host = await proxyHost({ timeLimitMs: 1_500 });
    const answer = await host.call(fetching('proxy', reached));
    expect(answer.status).toBe(504);
    expect(errorOf(answer).code).toBe('guest-time-limit');
    await gone.happened;
    const [record] = await host.executions();
    expect(record).toMatchObject({ outcome: 'time-limit' });
    expect(record!.cpuUs).toBeLessThan(record!.runUs);
    const works = await upstream((_request, response) => response.end('works'));
    expect((await host.call(fetching('proxy', works))).text).toBe('works');
  });
});

describe('functions that call functions of the same host', () => {
  const SELF = `import { fetch, Request, Response } from 'ebb';
export function handle(request: Request): Response {
  const url = request.query('url');
  if (!url) return Response.text('no url', 400);
  const result = fetch(url + '?url=' + encodeURIComponent(url));
  return Response.text(result.failed ? result.error : result.status.toString() + ' ' + result.text());
}
`;

  test.each([
    [1, 0],
    [1, 1_000],
    [2, 1_000],
  ])('do not lock it up with %i workers and %i places in the queue', async (workers, queueLimit) => {
    const host = await proxyHost({ workers, queueLimit });
    const inner = fetching('proxy', `${host.publicUrl}/f/corners/count`);
    const outer = fetching('proxy', `${host.publicUrl}${inner}`);
    const atOnce = queueLimit === 0 ? 1 : 100;
    const answers = await Promise.all(Array.from({ length: atOnce }, () => host.call(outer)));
    expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(Array(atOnce).fill('200 1'));
    expect(await host.executions('&function=corners')).toHaveLength(atOnce);
  });

  test('in a loop are stopped, and the host serves on', async () => {
    const host = await proxyHost({ workers: 1 });
    await host.deploy('self', await guestOf(SELF));
    const url = `${host.publicUrl}/f/self`;
    const path = `/f/self?url=${encodeURIComponent(url)}`;
    const answers = await Promise.all(Array.from({ length: 12 }, () => host.call(path)));
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).toMatch(/^(200 ){8}400 .*request-invalid.*at most 8 levels deep/);
    }
    expect((await host.call('/f/corners/count')).text).toBe('1');
  });
});
