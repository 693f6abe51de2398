/** Where guests may send requests: what rules mean, which addresses they never mean, and no way around them. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hostConfig } from '../host/config.ts';
import { checkSettings } from '../host/function-settings.ts';
import { OutboundAccess, type Resolver } from '../host/outbound-access.ts';
import { OutboundPolicy } from '../host/outbound-policy.ts';
import { parseRule } from '../host/outbound-rules.ts';
import { isSpecialAddress } from '../host/special-addresses.ts';
import { example } from './host-guests.ts';
import { closeAll, TestHost, upstream } from './host-kit.ts';
import { Sent } from './host-outbound-kit.ts';

let proxy: Uint8Array;

beforeAll(async () => {
  proxy = await example('proxy');
});

afterEach(closeAll);

/** What came of a request to an authority under the lists: the error's name, or the body. */
async function sent(
  authority: string,
  lists: readonly (readonly string[])[],
  resolve: Resolver = () => expect.unreachable(),
  scheme: 'http' | 'https' = 'http',
): Promise<string> {
  const access = new OutboundAccess(new OutboundPolicy(...lists), resolve);
  const request = new Sent('http://other.example/', { scheme, authority, access });
  const how = await request.over;
  return how === 'end' ? `${request.status} ${request.body}` : how;
}

/** A resolver that knows one address for every name. */
const always =
  (...addresses: string[]): Resolver =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('an address', () => {
  test.each([
    ['unspecified', ['0.0.0.0', '0.1.2.3', '::']],
    ['loopback', ['127.0.0.1', '127.255.255.254', '::1']],
    ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1']],
    ['link-local', ['169.254.169.254', 'fe80::1', 'febf::1', 'fe80::1%eth0']],
    ['unique-local', ['fc00::1', 'fd12:3456::1', 'fec0::1']],
    ['of carrier-grade NAT', ['100.64.0.1', '100.127.255.255']],
    ['multicast or broadcast', ['224.0.0.1', '239.1.1.1', 'ff02::1', '255.255.255.255']],
    ['reserved', ['240.0.0.1', '192.0.2.1', '198.18.0.1', '203.0.113.9', '2001:db8::1', '3fff::1']],
    ['an IPv4-mapped form of one of these', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a00:1']],
    ['one of these through NAT64', ['64:ff9b::7f00:1', '64:ff9b::10.0.0.1', '64:ff9b:1::1']],
    ['another carrier of IPv4', ['2002:7f00:1::1', '2001:0:1::1', '::127.0.0.1']],
  ])('that is %s is special', (_what, addresses) => {
    expect(addresses.filter((address) => !isSpecialAddress(address))).toEqual([]);
  });

  test('of the public internet is not', () => {
    const addresses = ['1.1.1.1', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1', '192.169.0.1'];
    addresses.push('2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '223.255.255.255');
    expect(addresses.filter(isSpecialAddress)).toEqual([]);
  });
});

describe('a rule', () => {
  test.each([
    ['example.com', 'http://example.com', true],
    ['example.com', 'https://EXAMPLE.com.:8443', true],
    ['Example.COM.', 'http://example.com', true],
    ['example.com', 'http://www.example.com', false],
    ['example.com', 'http://example.com.evil.org', false],
    ['example.com:8080', 'http://example.com:8080', true],
    ['example.com:80', 'http://example.com', true],
    ['example.com:80', 'https://example.com', false],
    ['*.example.com', 'http://a.b.example.com', true],
    ['*.example.com', 'http://example.com', false],
    ['*.example.com', 'http://badexample.com', false],
    ['https://example.com', 'https://example.com', true],
    ['https://example.com', 'http://example.com', false],
    ['https://example.com', 'https://example.com:8443', false],
    ['https://*.example.com:8443', 'https://a.example.com:8443', true],
    ['https://*', 'https://anything.example', true],
    ['https://*', 'http://anything.example', false],
    ['*:8080', 'http://anything.example:8080', true],
    ['*:8080', 'http://anything.example', false],
    ['bücher.example', 'http://xn--bcher-kva.example', true],
    ['xn--bcher-kva.example', 'http://bücher.example', true],
    ['8.8.8.8', 'http://0x8.0x8.2056', true],
    ['8.8.8.8', 'http://134744072', true],
    ['8.8.8.8', 'http://8.8.8.8.', true],
    ['[2606:4700::1111]', 'http://[2606:4700:0:0::1111]', true],
    ['2606:4700::1111', 'http://[2606:4700::1111]:81', true],
    ['[2606:4700::1111]:81', 'http://[2606:4700::1111]', false],
  ])('%s, asked for %s: %s', (pattern, url, isAllowed) => {
    const { protocol, hostname, port } = new URL(url);
    const scheme = protocol === 'https:' ? 'https' : 'http';
    const host = hostname.replace(/^\[|\]$|\.$/g, '');
    const destination = { scheme, host, port: Number(port) || (scheme === 'https' ? 443 : 80) } as const;
    expect(new OutboundPolicy([pattern]).allows(destination)).toBe(isAllowed);
  });

  test.each([
    ['', 'a b', 'a/b', 'http://a/b', 'ftp://a', 'user@a', 'a:0', 'a:65536', 'a:b', 'a?b', 'a#b', 'a%2eb'],
    ['*.', '*.*', 'a.*', '**', '*.127.0.0.1', '*.[::1]', '[::1', '::1]', '[127.0.0.1]', '256.1.1.1', ':80'],
  ])('is not written %j', (...texts) => {
    expect(texts.filter((text) => parseRule(text))).toEqual([]);
    expect(() => hostConfig({ allowOutbound: texts })).toThrow(/allowOutbound: expected host, host:port/);
  });
});

describe('a request', () => {
  test.each([
    ['evil.example', 'loopback', '127.0.0.1'],
    ['evil.example', 'private', '10.1.2.3'],
    ['evil.example', 'link-local', '169.254.169.254'],
    ['evil.example', 'unique-local', 'fd00::1'],
    ['evil.example', 'mapped loopback', '::ffff:127.0.0.1'],
    ['evil.example', 'loopback through NAT64', '64:ff9b::7f00:1'],
  ])('to %s, a name for a %s address, is refused under *', async (name, _what, address) => {
    expect(await sent(name, [['*']], always(address))).toBe('destination-IP-prohibited');
  });

  test.each([
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '169.254.169.254',
  ])('to the address %s is refused under *, and nobody resolves it', async (authority) => {
    expect(await sent(authority, [['*']])).toBe('destination-IP-prohibited');
  });

  test.each([
    'user@127.0.0.1',
    'allowed.example@evil.example',
    'allowed.example\\@evil.example',
    'a:b:c',
    'a:0',
  ])('to the authority %s is none', async (authority) => {
    const lists = [['allowed.example', '127.0.0.1', 'a']];
    expect(await sent(authority, lists)).toBe('HTTP-request-URI-invalid');
  });

  test('to a name that is not listed is refused before it is resolved', async () => {
    expect(await sent('evil.example', [['good.example']])).toBe('HTTP-request-denied');
    expect(await sent('evil.example', [['*'], ['good.example']])).toBe('HTTP-request-denied');
  });

  test('to a home address is let through where the list has its name, or the address itself', async () => {
    const reached = await upstream((_request, response) => response.end('reached'));
    const { port } = new URL(reached);
    const home = always('127.0.0.1');
    expect(await sent(`db.example:${port}`, [['db.example']], home)).toBe('200 reached');
    expect(await sent(`DB.example.:${port}`, [['db.example']], home)).toBe('200 reached');
    expect(await sent(`db.example:${port}`, [['*', '127.0.0.1']], home)).toBe('200 reached');
    expect(await sent(`0x7f.1:${port}`, [['127.0.0.1']])).toBe('200 reached');
    expect(await sent(`db.example:${port}`, [['*', '127.0.0.1:1']], home)).toBe('destination-IP-prohibited');
    expect(await sent(`db.example:${port}`, [['*.example']], home)).toBe('destination-IP-prohibited');
    expect(await sent(`db.example:${port}`, [['db.example'], ['*']], home)).toBe('destination-IP-prohibited');
  });

  test('goes to the addresses of a name that may be connected to, and to no other', async () => {
    const reached = await upstream((_request, response) => response.end('reached'));
    const { port } = new URL(reached);
    const lists = [['*', '127.0.0.1']];
    expect(await sent(`a.example:${port}`, lists, always('10.0.0.1', '127.0.0.1', '::1'))).toBe(
      '200 reached',
    );
  });

  test('to a name that answers otherwise the second time gains nothing', async () => {
    const reached = await upstream((_request, response) => response.end('reached'));
    const answers = [always('127.0.0.1'), always('127.0.0.2')];
    let asked = 0;
    const rebinding: Resolver = (name) => (answers[asked++] as Resolver)(name);
    const authority = `a.example:${new URL(reached).port}`;
    const lists = [['*', '127.0.0.1']];
    expect(await sent(authority, lists, rebinding)).toBe('200 reached');
    expect(asked).toBe(1);
    expect(await sent(authority, lists, rebinding)).toBe('destination-IP-prohibited');
  });

  test.each([
    ['ENOTFOUND', 'DNS-error'],
    ['ENODATA', 'DNS-error'],
    ['EAI_FAIL', 'DNS-error'],
    ['EAI_AGAIN', 'DNS-timeout'],
  ])('to a name whose resolution fails with %s fails with %s', async (code, tag) => {
    const failing: Resolver = async () => {
      throw Object.assign(new Error('no'), { code });
    };
    expect(await sent('a.example', [['*']], failing)).toBe(tag);
  });

  test('to a name without addresses fails with DNS-error', async () => {
    expect(await sent('a.example', [['*']], always())).toBe('DNS-error');
  });
});

describe('the list of a function', () => {
  const faultsOf = (allowOutbound: unknown, hostList: readonly string[]): number => {
    try {
      checkSettings({ allowOutbound }, hostConfig({ allowOutbound: hostList }));
      return 0;
    } catch (thrown) {
      return (thrown as { details: { faults: string[] } }).details.faults.length;
    }
  };

  test.each([
    [
      ['*'],
      ['example.com', '*.example.com', 'https://a.b:8443', '8.8.8.8', '[2606:4700::1111]:80', '*', '*:80'],
    ],
    [['*.example.com'], ['a.example.com', '*.example.com', '*.b.example.com', 'https://a.example.com']],
    [['127.0.0.1'], ['127.0.0.1', '0x7f.1', '127.0.0.1:8080', 'http://127.0.0.1:80']],
    [['https://*'], ['https://a.example', 'https://*.example:443']],
    [
      ['a.example:80', 'b.example'],
      ['a.example:80', 'http://a.example', 'b.example:1'],
    ],
  ])('may have, on a host with %j, %j', (hostList, own) => {
    expect(faultsOf(own, hostList)).toBe(0);
  });

  test.each([
    [[], ['a.example', '*']],
    [['*'], ['127.0.0.1', '10.0.0.1:80', '[::1]', '[::ffff:127.0.0.1]']],
    [['*.example.com'], ['example.com', '*', '*.com', 'badexample.com']],
    [['a.example:80'], ['a.example', 'a.example:81', 'https://a.example']],
    [['https://*'], ['http://a.example', 'a.example', 'a.example:443']],
  ])('may not have, on a host with %j, any of %j', (hostList, own) => {
    expect(faultsOf(own, hostList)).toBe(own.length);
  });

  test.each([['a'], [7], [null], [[7]], [['a/b']]])('is a list of rules, not %j', (wrong) => {
    expect(faultsOf(wrong, ['*'])).toBe(1);
  });
});

describe('a host', () => {
  const fetching = (name: string, url: string): string => `/f/${name}/?url=${encodeURIComponent(url)}`;

  async function setAllowed(host: TestHost, name: string, allowOutbound: readonly string[]): Promise<number> {
    const body = JSON.stringify({ allowOutbound });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const path = `/v1/functions/${name}/settings`;
    return (await host.admin(path, { method: 'PUT', headers, body })).status;
  }

  test('keeps functions apart: what one may reach, and the connections that it has open', async () => {
    const reached = await upstream((_request, response) => response.end('reached'));
    const resolve = always('127.0.0.1');
    const host = await TestHost.start({ allowOutbound: ['*', 'db.example'] }, { resolve });
    for (const name of ['near', 'far', 'none']) await host.deploy(name, proxy);
    expect(await setAllowed(host, 'far', ['*'])).toBe(200);
    expect(await setAllowed(host, 'none', [])).toBe(200);
    const url = `http://db.example:${new URL(reached).port}/`;
    expect((await host.call(fetching('near', url))).text).toBe('reached');
    expect((await host.call(fetching('far', url))).text).toBe(
      'the fetch failed: destination-IP-prohibited\n',
    );
    expect((await host.call(fetching('none', url))).text).toBe('the fetch failed: HTTP-request-denied\n');
    expect(await setAllowed(host, 'none', ['db.example'])).toBe(200);
    expect((await host.call(fetching('none', url))).text).toBe('reached');
  });

  test('uses a connection again for the next request of a function', async () => {
    const ports = new Set<number | undefined>();
    const reached = await upstream((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('reached');
    });
    const host = await TestHost.start({ allowOutbound: ['127.0.0.1'] });
    await host.deploy('f', proxy);
    for (let count = 0; count < 3; count++)
      expect((await host.call(fetching('f', reached))).status).toBe(200);
    expect(ports.size).toBe(1);
  });

  test('hands a redirect to the guest and does not follow it', async () => {
    const reached = await upstream((_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end('elsewhere');
    });
    const host = await TestHost.start({ allowOutbound: ['127.0.0.1'] });
    await host.deploy('f', proxy);
    const answer = await host.call(fetching('f', reached));
    expect([answer.status, answer.text]).toEqual([302, 'elsewhere']);
  });
});
