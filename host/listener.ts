/** One HTTP server on one address: knows which requests are under way, so that it can end without losing any. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { CodedError } from '../metering/errors.ts';
import { acceptAnyMethod } from './any-method.ts';
import { rawErrorAnswer } from './error-response.ts';
import { Roster } from './roster.ts';

const WORDS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'headers of at most 16 KiB, got more',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'chunk extensions of at most 16 KiB, got more',
  ERR_HTTP_REQUEST_TIMEOUT: 'a whole request in time, got none',
};

/** How long a listener waits for what a client has begun to send. */
export interface ListenerPatience {
  /** From the first byte of a request to the end of its headers. */
  readonly headMs: number;
  /** The same to the end of its body; 0 leaves that to the app, which then has to end each request itself. */
  readonly wholeMs: number;
  /** How often connections are looked at. */
  readonly lookMs: number;
}

export class Listener {
  readonly #server: Server;
  readonly #open = new Roster<ServerResponse>();
  /** Responses under way by connection: nothing else may be written to it meanwhile. */
  readonly #answering = new WeakMap<Socket, Roster<ServerResponse>>();
  #ending = false;
  #whenEnded: (() => void) | undefined;

  constructor(app: RequestListener, { headMs, wholeMs, lookMs }: ListenerPatience) {
    const listen: RequestListener = (incoming, outgoing) => {
      this.#begin(outgoing);
      app(incoming, outgoing);
    };
    // Both are the app's to answer, with a body that says what is wrong.
    this.#server = createServer(
      {
        requireHostHeader: false,
        // Without a body there is no stream to make, to read and to end.
        optimizeEmptyRequests: true,
        headersTimeout: headMs,
        requestTimeout: wholeMs,
        connectionsCheckingInterval: lookMs,
      },
      listen,
    );
    acceptAnyMethod(this.#server);
    this.#server.on('checkContinue', listen);
    this.#server.on('checkExpectation', listen);
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#refuse(error, socket),
    );
  }

  /** @returns its URL. @throws CodedError `port-unavailable` */
  listen(bind: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
        reject(new CodedError('port-unavailable', `expected to listen on ${bind}:${port}, but ${reason}`));
      };
      this.#server.once('error', fail);
      this.#server.listen(port, bind, () => {
        this.#server.off('error', fail);
        const { address, family, port: bound } = this.#server.address() as AddressInfo;
        resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`);
      });
    });
  }

  /** Serves a connection that came another way. */
  serve(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /**
   * From now on every connection ends with its response. It goes on listening, so that what still comes is answered
   * rather than reset; what it is answered is the app's to say.
   * @returns resolves when no request is under way.
   */
  drained(): Promise<void> {
    this.#ending = true;
    for (const outgoing of this.#open) outgoing.shouldKeepAlive = false;
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEnded = resolve;
    });
  }

  /** Ends all connections, whatever is under way on them. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #begin(outgoing: ServerResponse): void {
    const { socket } = outgoing.req;
    this.#open.add(outgoing);
    const answering = this.#answering.get(socket) ?? this.#watch(socket);
    answering.add(outgoing);
    if (this.#ending) outgoing.shouldKeepAlive = false;
    outgoing.once('close', () => {
      this.#open.delete(outgoing);
      answering.delete(outgoing);
      if (this.#open.size === 0) this.#whenEnded?.();
    });
  }

  /** When a connection ends, Node tells the response that has it; those that wait behind that one are told here. */
  #watch(socket: Socket): Roster<ServerResponse> {
    const answering = new Roster<ServerResponse>();
    this.#answering.set(socket, answering);
    socket.once('close', () => {
      for (const outgoing of [...answering]) {
        if (outgoing.socket) continue;
        outgoing.destroy();
        outgoing.emit('close');
      }
    });
    return answering;
  }

  /** Answers bytes that are no request, after the responses to whole requests that came before them. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const answering = [...(this.#answering.get(socket) ?? [])];
    const isInBody = answering.some((outgoing) => !outgoing.req.complete);
    if (!socket.writable || isInBody || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const expected = WORDS[error.code ?? ''] ?? `an HTTP request, got bytes that are none (${error.message})`;
    const answer = rawErrorAnswer(new CodedError('request-invalid', `expected ${expected}`));
    const last = answering.at(-1);
    if (last) last.once('close', () => socket.end(answer));
    else socket.end(answer);
  }
}
