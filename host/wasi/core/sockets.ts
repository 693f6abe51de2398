/** Signatures of wasi:sockets, in any 0.2.x version: what can be called without any socket. */

const ERROR_CODE = `enum{
  unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
  not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
  remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
  name-unresolvable, temporary-resolver-failure, permanent-resolver-failure
}`;
const ADDRESS_FAMILY = 'enum{ipv4, ipv6}';

export const SOCKETS_SIGNATURES = {
  'wasi:sockets/instance-network': { 'instance-network': '() -> own<network>' },
  'wasi:sockets/ip-name-lookup': {
    'resolve-addresses': `(borrow<network>, string) -> result<own<resolve-address-stream>, ${ERROR_CODE}>`,
  },
  'wasi:sockets/network': { 'network-error-code': `(borrow<error>) -> option<${ERROR_CODE}>` },
  'wasi:sockets/tcp': {},
  'wasi:sockets/tcp-create-socket': {
    'create-tcp-socket': `(${ADDRESS_FAMILY}) -> result<own<tcp-socket>, ${ERROR_CODE}>`,
  },
  'wasi:sockets/udp': {},
  'wasi:sockets/udp-create-socket': {
    'create-udp-socket': `(${ADDRESS_FAMILY}) -> result<own<udp-socket>, ${ERROR_CODE}>`,
  },
} as const;
