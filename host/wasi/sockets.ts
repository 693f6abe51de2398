/** wasi:sockets, present so that toolchains that import it anyway can be linked, and denied: no socket is ever made. */
import type { HostFunctions } from '../component/link.ts';
import { ResultError } from './result-error.ts';

/** The one network; it leads nowhere. */
class Network {}

/** None of these can be made, so none of their methods called. */
class IncomingDatagramStream {}
class OutgoingDatagramStream {}
class ResolveAddressStream {}
class TcpSocket {}
class UdpSocket {}

const denied = (): never => {
  throw new ResultError('access-denied');
};

export const SOCKETS: HostFunctions = {
  'wasi:sockets/instance-network': { instanceNetwork: () => new Network() },
  'wasi:sockets/ip-name-lookup': { ResolveAddressStream, resolveAddresses: denied },
  'wasi:sockets/network': { Network, networkErrorCode: () => undefined },
  'wasi:sockets/tcp': { TcpSocket },
  'wasi:sockets/tcp-create-socket': { createTcpSocket: denied },
  'wasi:sockets/udp': { IncomingDatagramStream, OutgoingDatagramStream, UdpSocket },
  'wasi:sockets/udp-create-socket': { createUdpSocket: denied },
};
