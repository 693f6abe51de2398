/** Outbound requests for tests: what is told of one, as it comes, and servers that do what HTTP does not. */
import http from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { WINDOW_BYTES } from '../host/body-window.ts';
import { OutboundAccess, type Resolver } from '../host/outbound-access.ts';
import { startOutbound } from '../host/outbound-client.ts';
import type { OutboundEvents, OutboundExchange } from '../host/outbound-exchange.ts';
import { OutboundPolicy } from '../host/outbound-policy.ts';
import type { ErrorCodeCase, OutboundHead } from '../host/wasi/execution-port.ts';
import type { WireHeaders } from '../host/wasi/fields.ts';
import { closeLater, signalled } from './host-kit.ts';

/** A way out to servers of the test; reuses connections, so each test takes its own. */
export const accessTo = (allowed: readonly string[] = ['127.0.0.1'], resolve: Resolver = noResolver) =>
  new OutboundAccess(new OutboundPolicy(allowed), resolve);

const noResolver: Resolver = async (name) => {
  throw new Error(`nobody was to resolve ${name}`);
};

export interface Sending extends Partial<OutboundHead> {
  readonly access?: OutboundAccess;
  readonly responseBytesMax?: number;
  readonly timeoutMs?: number;
  /** Whether what comes is taken at once; else the test says when. */
  readonly takes?: boolean;
}

/** One request, and all that is heard of it. */
export class Sent implements OutboundEvents {
  readonly exchange: OutboundExchange;
  /** Names of what was told, in turn; the same name is not repeated. */
  readonly told: string[] = [];
  /** Resolves with `end` or with the name of the failure. */
  readonly over: Promise<string>;
  readonly responded = signalled();
  readonly chunks: Uint8Array[] = [];
  status = 0;
  headers: WireHeaders = [];
  trailers: WireHeaders = [];
  failure: ErrorCodeCase | undefined;
  writtenBytes = 0;
  untakenBytes = 0;
  untakenBytesMax = 0;
  /** Connections told of, and how many of them are over. */
  readonly connections = { begun: 0, ended: 0 };
  readonly #takes: boolean;
  #resolve: (how: string) => void = () => {};
  #writable = signalled();
  #startedWriting = 0;

  constructor(url: string, { access = accessTo(), takes = true, ...given }: Sending = {}) {
    const { responseBytesMax = 1e9, timeoutMs = 60_000, ...head } = given;
    const { protocol, pathname, search } = new URL(url);
    this.#takes = takes;
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.exchange = startOutbound(
      {
        method: 'GET',
        scheme: protocol === 'https:' ? 'https' : 'http',
        authority: url.split('/')[2] as string,
        pathWithQuery: pathname + search,
        headers: [],
        bodyBytes: 0,
        connectTimeoutMs: undefined,
        firstByteTimeoutMs: undefined,
        betweenBytesTimeoutMs: undefined,
        ...head,
      },
      {
        access,
        limits: { responseBytesMax, timeoutMs },
        onConnected: () => {
          this.connections.begun++;
          return () => this.connections.ended++;
        },
      },
      this,
    );
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Writes as a guest does: never more than the window ahead of what has left. */
  async write(chunk: Uint8Array): Promise<void> {
    while (this.#startedWriting + chunk.length - this.writtenBytes > WINDOW_BYTES) {
      this.#writable = signalled();
      await this.#writable.happened;
    }
    this.#startedWriting += chunk.length;
    this.exchange.write(chunk);
  }

  take(bytes = this.untakenBytes): void {
    this.untakenBytes -= bytes;
    this.exchange.taken(bytes);
  }

  onWritten(bytes: number): void {
    this.#tell('written');
    this.writtenBytes += bytes;
    this.#writable.happens();
  }

  onResponse(status: number, headers: WireHeaders): void {
    this.#tell('response');
    this.status = status;
    this.headers = headers;
    this.responded.happens();
  }

  onChunk(chunk: Uint8Array): void {
    this.#tell('chunk');
    this.chunks.push(chunk);
    this.untakenBytes += chunk.length;
    this.untakenBytesMax = Math.max(this.untakenBytesMax, this.untakenBytes);
    if (this.#takes) this.take(chunk.length);
  }

  onEnd(trailers: WireHeaders): void {
    this.#tell('end');
    this.trailers = trailers;
    this.#resolve('end');
  }

  onFailed(error: ErrorCodeCase): void {
    this.#tell(error.tag);
    this.failure = error;
    this.#resolve(error.tag);
  }

  #tell(name: string): void {
    if (this.told.at(-1) !== name) this.told.push(name);
  }
}

/** Lets everything happen that can: until what `watched` gives has been the same for many turns of the event loop. */
export async function quiet(watched: () => unknown): Promise<void> {
  let before = watched();
  for (let turns = 0; turns < 300; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = watched();
    if (now !== before) turns = 0;
    before = now;
  }
}

/** Listens, and lets `closeAll` end the server with its connections. */
export async function listening(server: Server, address = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  closeLater(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A server that gets connections bare; gives its origin. */
export async function bareServer(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  return `http://127.0.0.1:${await listening(server)}`;
}

/** A server that waits for a first piece of a request and then sends these bytes as they are. */
export const answering = (answer: string, then: (socket: Socket) => void = () => undefined) =>
  bareServer((socket) => {
    socket.once('data', () => socket.write(answer, 'latin1', () => then(socket)));
  });

/** An HTTP server that also counts its connections. */
export async function countingServer(handler: http.RequestListener) {
  const server = http.createServer(handler);
  const counted = { connections: 0, origin: '' };
  server.on('connection', () => counted.connections++);
  counted.origin = `http://127.0.0.1:${await listening(server)}`;
  return counted;
}
