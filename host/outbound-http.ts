/**
 * One request over HTTP: bodies as they come, in both directions at once, and what goes wrong by its wasi:http error
 * code. Knows where it may connect, not whether the request may be sent.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { OutboundAccess } from './outbound-access.ts';
import { OutboundDeadlines } from './outbound-deadlines.ts';
import { toErrorCode } from './outbound-errors.ts';
import type { OutboundEvents, OutboundExchange } from './outbound-exchange.ts';
import { declaredBytes, sentHeaders, sentTrailers, targetOf } from './outbound-message.ts';
import { OutboundResponse, oversize, toBodyError } from './outbound-response.ts';
import type { Destination } from './outbound-rules.ts';
import type { ErrorCodeCase, OutboundHead } from './wasi/execution-port.ts';
import type { WireHeaders } from './wasi/fields.ts';

export interface OutboundLimits {
  /** Bytes that one response's body may have, all that pass and not only those that are kept. */
  readonly responseBytesMax: number;
  /** Used where the guest sets no timeout of its own. */
  readonly timeoutMs: number;
}

export interface OutboundOptions {
  readonly access: OutboundAccess;
  readonly limits: OutboundLimits;
  /** Told which connection the request uses; what it gives back is called when that is over. */
  readonly onConnected: (socket: Socket) => () => void;
}

/** Headers of one response together, and its trailers; the one limit on how many there are, too. */
const FIELDS_BYTES_MAX = 65_536;

/** What means the same when it is sent twice (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** What is said of a connection that the other side has closed. */
const CLOSED = new Set(['ECONNRESET', 'EPIPE']);

/** Methods have a case (RFC 9110, 9.1), but Node has made capitals of it, in the head that it keeps until it is sent. */
function spellMethod(sent: http.ClientRequest & { _header?: string }, method: string): void {
  sent.method = method;
  sent._header = method + sent._header?.slice(method.length);
}

/** A request that may be sent, and where it goes. */
export interface Permitted {
  readonly url: URL;
  readonly destination: Destination;
}

export class HttpExchange implements OutboundExchange {
  readonly #head: OutboundHead;
  readonly #options: OutboundOptions;
  readonly #events: OutboundEvents;
  readonly #deadlines: OutboundDeadlines;
  readonly #to: Permitted;
  #sent: http.ClientRequest;
  /** Undefined for a body in chunks. */
  readonly #declaredBytes: number | undefined;
  #writtenBytes = 0;
  #isBodyOver = false;
  #response: OutboundResponse | undefined;
  #isOver = false;

  /** @throws what node says of a request that it cannot write down. */
  constructor(head: OutboundHead, to: Permitted, options: OutboundOptions, events: OutboundEvents) {
    this.#head = head;
    this.#options = options;
    this.#events = events;
    this.#declaredBytes = declaredBytes(head);
    this.#to = to;
    this.#sent = this.#open(options.access.agentFor(to.destination));
    this.#deadlines = new OutboundDeadlines(head, options.limits.timeoutMs, (error) => this.#fail(error));
    this.#watch();
    if (this.#declaredBytes === 0) this.#endBody();
    // The head, in the bytes that it has: flushHeaders would write it in UTF-8.
    else this.#sent.write('', 'latin1');
  }

  write(chunk: Uint8Array): void {
    if (this.#isOver || this.#isBodyOver || chunk.length === 0) return;
    this.#writtenBytes += chunk.length;
    if (this.#writtenBytes > (this.#declaredBytes ?? Number.POSITIVE_INFINITY)) {
      this.#failBody();
      return;
    }
    this.#sent.write(chunk, (error) => {
      if (error || this.#isOver) return;
      this.#deadlines.progressed();
      this.#events.onWritten(chunk.length);
    });
  }

  end(trailers: WireHeaders): void {
    if (this.#isOver || this.#isBodyOver) return;
    if (this.#writtenBytes !== (this.#declaredBytes ?? this.#writtenBytes)) {
      this.#failBody();
      return;
    }
    try {
      if (this.#declaredBytes === undefined) this.#sent.addTrailers(sentTrailers(trailers));
      this.#endBody();
    } catch (thrown) {
      const error = toErrorCode(thrown as Error);
      queueMicrotask(() => this.#fail(error));
    }
  }

  taken(bytes: number): void {
    if (!this.#isOver) this.#response?.taken(bytes);
  }

  cancel(): void {
    if (!this.#finish()) return;
    this.#sent.destroy();
  }

  /** @param agent keeps connections; false for a new one. */
  #open(agent: http.Agent | false): http.ClientRequest {
    const { url, destination } = this.#to;
    const { access } = this.#options;
    const { request: open } = url.protocol === 'https:' ? https : http;
    const sent = open(url, {
      method: this.#head.method,
      path: targetOf(this.#head),
      headers: sentHeaders(this.#head, url.host),
      agent,
      lookup: access.lookupFor(destination),
      maxHeaderSize: FIELDS_BYTES_MAX,
    });
    if (sent.method !== this.#head.method) spellMethod(sent, this.#head.method);
    // Else node would drop those beyond 2000 without a word.
    sent.maxHeadersCount = 0;
    return sent;
  }

  #watch(): void {
    this.#watchConnection(this.#sent, this.#to.destination);
    this.#watchAnswer(this.#sent);
  }

  /** Watches the connection from the moment when it stands. */
  #watchConnection(sent: http.ClientRequest, destination: Destination): void {
    const { access, onConnected } = this.#options;
    sent.once('socket', (socket: Socket) => {
      const connected = () => {
        this.#deadlines.connected();
        // The last word, whatever way the connection was made.
        const address = socket.remoteAddress;
        if (address !== undefined && !access.policy.mayConnect(destination, address))
          this.#fail({ tag: 'destination-IP-prohibited' });
        else sent.once('close', onConnected(socket));
      };
      if (socket.connecting) socket.once('connect', connected);
      else connected();
    });
  }

  #watchAnswer(sent: http.ClientRequest): void {
    // A protocol that nobody asked for: node has let the socket go by then.
    sent.on('upgrade', (_response, socket) => {
      this.#fail({ tag: 'HTTP-protocol-error' });
      socket.destroy();
    });
    sent.on('response', (response) => this.#begin(response));
    sent.on('error', (error) => {
      if (this.#mayRepeat(error)) this.#repeat();
      else this.#fail(this.#response ? toBodyError(error) : toErrorCode(error));
    });
    sent.on('close', () => {
      if (sent === this.#sent && !this.#response) this.#fail({ tag: 'HTTP-protocol-error' });
    });
  }

  /** A server may close a connection that was kept in the very moment in which it is used again. */
  #mayRepeat({ code = '' }: NodeJS.ErrnoException): boolean {
    const wasKept = this.#sent.reusedSocket && !this.#isOver && !this.#response;
    return wasKept && CLOSED.has(code) && this.#declaredBytes === 0 && IDEMPOTENT.has(this.#head.method);
  }

  #repeat(): void {
    this.#sent = this.#open(false);
    this.#watch();
    this.#sent.end();
  }

  #begin(response: http.IncomingMessage): void {
    if (this.#isOver) return;
    const { responseBytesMax } = this.#options.limits;
    this.#response = new OutboundResponse(response, responseBytesMax, {
      onChunk: (chunk) => {
        if (this.#isOver) return;
        this.#deadlines.progressed();
        this.#events.onChunk(chunk);
      },
      onEnd: (trailers) => this.#complete(trailers),
      onFailed: (error) => this.#fail(error),
      onPause: () => this.#deadlines.expectNothing(),
      onResume: () => this.#deadlines.expectBytes(),
    });
    const tooLarge = oversize(response, this.#head.method, responseBytesMax);
    if (tooLarge) {
      this.#fail(tooLarge);
      return;
    }
    this.#deadlines.expectBytes();
    this.#events.onResponse(response.statusCode ?? 0, response.rawHeaders);
  }

  #endBody(): void {
    this.#isBodyOver = true;
    this.#sent.end(() => this.#deadlines.progressed());
  }

  /** More or fewer bytes than were declared would be the beginning of another message. */
  #failBody(): void {
    this.#isBodyOver = true;
    const error = { tag: 'HTTP-request-body-size', val: BigInt(this.#writtenBytes) };
    queueMicrotask(() => this.#fail(error));
  }

  #complete(trailers: WireHeaders): void {
    if (!this.#finish()) return;
    if (!this.#sent.writableEnded) this.#sent.destroy();
    else if (!this.#sent.writableFinished) this.#linger();
    this.#events.onEnd(trailers);
  }

  /** The server has answered before it has read all: what is left may still leave, for so long. */
  #linger(): void {
    const timer = setTimeout(() => this.#sent.destroy(), this.#deadlines.betweenBytesMs);
    this.#sent.once('close', () => clearTimeout(timer));
  }

  #fail(error: ErrorCodeCase): void {
    if (!this.#finish()) return;
    this.#sent.destroy();
    this.#events.onFailed(error);
  }

  /** False where it was over before. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#deadlines.stop();
    return true;
  }
}
