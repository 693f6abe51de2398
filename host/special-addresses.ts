/**
 * Which addresses are not of the public internet: the machine itself, its networks, and what is reserved. From the
 * IANA registries of special-purpose addresses (RFC 6890 and after).
 */
import { BlockList, isIP } from 'node:net';

const IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // unspecified, "this network"
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, where clouds keep their credentials
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];

/** Ranges inside of the global one that lead elsewhere. */
const IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // protocol assignments, Teredo
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4, which carries any IPv4 address
  ['3fff::', 20], // documentation
];

/** Where an IPv6 address carries an IPv4 one in its last 32 bits: NAT64. IPv4-mapped ones are checked as IPv4. */
const NAT64_PREFIX = '64:ff9b::';
const NAT64_BITS = 96;

const special = new BlockList();
for (const [network, bits] of IPV4) {
  special.addSubnet(network, bits, 'ipv4');
  special.addSubnet(`${NAT64_PREFIX}${network}`, NAT64_BITS + bits, 'ipv6');
}
for (const [network, bits] of IPV6) special.addSubnet(network, bits, 'ipv6');

/** Everything outside of these is unassigned, local, multicast or a form of IPv4. */
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');
global.addSubnet(NAT64_PREFIX, NAT64_BITS, 'ipv6');

const MAPPED = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i;

/** The IPv4 address inside of an IPv4-mapped one, in any of its short forms. */
function mappedIpv4(address: string): string | undefined {
  const [, dotted, high, low] = MAPPED.exec(address) ?? [];
  if (dotted !== undefined || high === undefined || low === undefined) return dotted;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
}

/** Whether this is an address, and one that no pattern but its own name may reach. */
export function isSpecialAddress(address: string): boolean {
  const ipv4 = mappedIpv4(address) ?? address;
  if (isIP(ipv4) === 4) return special.check(ipv4, 'ipv4');
  if (isIP(address) !== 6) return false;
  // A zone is of this machine's links alone.
  if (address.includes('%')) return true;
  return special.check(address, 'ipv6') || !global.check(address, 'ipv6');
}
