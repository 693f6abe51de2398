/** wasi:sockets in both ways: there for whoever imports them, and denied. */
import { beforeAll, expect, test } from 'vitest';
import {
  comparable,
  LINKINGS,
  type Linking,
  linkBoth,
  type Runnable,
  toComponent,
} from './linking-harness.ts';

const INTERFACES = [
  'instance-network',
  'network',
  'ip-name-lookup',
  'tcp',
  'tcp-create-socket',
  'udp',
  'udp-create-socket',
].map((name) => `wasi:sockets/${name}@0.2.12`);

/** The package, with some methods of each resource. */
const PACKAGE = `
package wasi:sockets@0.2.12 {
  interface network {
    use wasi:io/error@0.2.12.{error};
    resource network;
    enum error-code {
      unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
      not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
      remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
      name-unresolvable, temporary-resolver-failure, permanent-resolver-failure,
    }
    enum ip-address-family { ipv4, ipv6 }
    type ipv4-address = tuple<u8, u8, u8, u8>;
    type ipv6-address = tuple<u16, u16, u16, u16, u16, u16, u16, u16>;
    variant ip-address { ipv4(ipv4-address), ipv6(ipv6-address) }
    record ipv4-socket-address { port: u16, address: ipv4-address }
    record ipv6-socket-address { port: u16, flow-info: u32, address: ipv6-address, scope-id: u32 }
    variant ip-socket-address { ipv4(ipv4-socket-address), ipv6(ipv6-socket-address) }
    network-error-code: func(err: borrow<error>) -> option<error-code>;
  }
  interface instance-network {
    use network.{network};
    instance-network: func() -> network;
  }
  interface ip-name-lookup {
    use wasi:io/poll@0.2.12.{pollable};
    use network.{network, error-code, ip-address};
    resource resolve-address-stream {
      resolve-next-address: func() -> result<option<ip-address>, error-code>;
      subscribe: func() -> pollable;
    }
    resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
  }
  interface tcp {
    use wasi:io/streams@0.2.12.{input-stream, output-stream};
    use network.{network, error-code, ip-socket-address};
    enum shutdown-type { receive, send, both }
    resource tcp-socket {
      start-connect: func(network: borrow<network>, remote-address: ip-socket-address) -> result<_, error-code>;
      finish-connect: func() -> result<tuple<input-stream, output-stream>, error-code>;
      is-listening: func() -> bool;
      shutdown: func(shutdown-type: shutdown-type) -> result<_, error-code>;
    }
  }
  interface tcp-create-socket {
    use network.{error-code, ip-address-family};
    use tcp.{tcp-socket};
    create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
  }
  interface udp {
    use network.{network, error-code, ip-socket-address};
    record incoming-datagram { data: list<u8>, remote-address: ip-socket-address }
    resource incoming-datagram-stream { receive: func(max-results: u64) -> result<list<incoming-datagram>, error-code>; }
    resource outgoing-datagram-stream { check-send: func() -> result<u64, error-code>; }
    resource udp-socket {
      %stream: func(remote-address: option<ip-socket-address>)
        -> result<tuple<incoming-datagram-stream, outgoing-datagram-stream>, error-code>;
    }
  }
  interface udp-create-socket {
    use network.{error-code, ip-address-family};
    use udp.{udp-socket};
    create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>;
  }
}`;

const [INSTANCE, , LOOKUP, TCP, TCP_CREATE, UDP, UDP_CREATE] = INTERFACES;

/** Asks for everything, keeps what came of it, and prints that; with a POST it uses a socket that there is not. */
const GUEST = `(module
  (import "${INSTANCE}" "instance-network" (func $network (result i32)))
  (import "${LOOKUP}" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
  (import "${TCP_CREATE}" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "${UDP_CREATE}" "create-udp-socket" (func $udp (param i32 i32)))
  (import "${TCP}" "[method]tcp-socket.is-listening" (func $isListening (param i32) (result i32)))
  (import "${TCP}" "[resource-drop]tcp-socket" (func $dropTcp (param i32)))
  (import "${UDP}" "[method]udp-socket.stream" (func $stream
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.method" (func $method (param i32 i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $say (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "localhost")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $req i32) (param $out i32)
    (call $resolve (call $network) (i32.const 64) (i32.const 9) (i32.const 256))
    (call $tcp (i32.const 0) (i32.const 264))
    (call $udp (i32.const 1) (i32.const 272))
    (call $say (call $stdout) (i32.const 256) (i32.const 24) (i32.const 512))
    (call $method (local.get $req) (i32.const 512))
    (if (i32.eq (i32.load8_u (i32.const 512)) (i32.const 2))
      (then (drop (call $isListening (i32.const 1)))))))`;

let both: Readonly<Record<Linking, Runnable>>;

beforeAll(async () => {
  both = await linkBoth(await toComponent(GUEST, { more: { imports: INTERFACES, packages: PACKAGE } }));
});

test('there is a network, and no socket and no name in it: access-denied', () => {
  const { log, ...rest } = both.direct.run();
  // Of each result its tag, and the second case of the error code.
  const outcomes = [256, 264, 272].map((at) => [log.charCodeAt(at - 256), log.charCodeAt(at - 252)]);
  expect(outcomes).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
  expect(comparable(both.generated.run())).toEqual({ ...comparable({ log, ...rest }) });
});

test('a socket that the guest makes up is none', () => {
  for (const linking of LINKINGS) expect(both[linking].run({ method: 'POST' }).outcome).toBe('trap');
  expect(both.direct.run({ method: 'POST' }).message).toMatch(/no socket is ever open/);
});
