/** Both ends of a connection inside this process, made as those of clients are: over the loopback interface. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * Nobody else can take the place of one of the ends, though the port is open to all for a moment.
 * @throws what the system says where it has no such connections, or `signal` where that ends it.
 */
export async function socketPair(signal: AbortSignal): Promise<readonly [near: Socket, far: Socket]> {
  // As Node's HTTP server has them.
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const accepted: Socket[] = [];
  server.on('connection', (socket) => accepted.push(socket));
  let near: Socket | undefined;
  let far: Socket | undefined;
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening', { signal });
    near = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(near, 'connect', { signal });
    const { localPort } = near;
    const find = () => accepted.find(({ remotePort }) => remotePort === localPort);
    for (far = find(); !far; far = find()) await once(server, 'connection', { signal });
    return [near, far];
  } catch (thrown) {
    near?.destroy();
    throw thrown;
  } finally {
    server.close();
    for (const socket of accepted) if (socket !== far) socket.destroy();
  }
}
