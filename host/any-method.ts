/**
 * Lets an HTTP server take every method that HTTP allows: a token, in any case (RFC 9110, 9.1). Node's parser stops at
 * one that it does not know. It is set back to the beginning of that request then, reads POST in the method's place and
 * goes on with the bytes that follow, so that it alone tells where requests end. Must not know what requests are for.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  isAboutMethod,
  type Parsed,
  type ParseError,
  type Parser,
  parserOf,
  restart,
  stopsAtLast,
} from './node-parser.ts';

/** RFC 9110 has no bound, but what is cut off in a method is kept until the rest of it comes. */
export const METHOD_BYTES_MAX = 256;

/** Any method would do that says nothing of a body, of the response's body or of the connection. */
const STAND_IN = Buffer.from('POST');
const TOO_LONG = `Method of more than ${METHOD_BYTES_MAX} bytes`;
const NOTHING = Buffer.alloc(0);
const LINE_FEED = 10;
const SPACE = 32;
/** More than the longest method that the parser knows. */
const KNOWN_BYTES_MAX = 32;

/** RFC 9110, 5.6.2. */
const isTokenByte = (byte: number | undefined): boolean =>
  byte !== undefined && /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte));

/** Where the token ends that begins at `start`, or reaches its bound. */
function tokenEnd(bytes: Buffer, start: number): number {
  let end = start;
  while (end - start < METHOD_BYTES_MAX && isTokenByte(bytes[end])) end++;
  return end;
}

/** Of a body whose end only its length tells, so that what follows it may begin anywhere; else 0. */
const lengthOf = (incoming: IncomingMessage | null): number =>
  Number(incoming?.headers['content-length'] ?? 0);

/** Whether a head may end there, as far as it is in these bytes. */
const endsHead = (bytes: Buffer, end: number): boolean =>
  end > 0 && '\r\n\r\n'.endsWith(bytes.toString('latin1', Math.max(0, end - 4), end));

/** One connection, whose requests may have any method. */
class Connection {
  readonly #server: Server;
  readonly #socket: Socket;
  readonly #parser: Parser;
  /** What Node does when bytes were parsed. */
  readonly #proceed: (parsed: Parsed) => void;
  /** What has come of the line that the parser is in; empty between requests, undefined where that is not known. */
  #line: Buffer | undefined = NOTHING;
  #isInBody = false;
  /** Whether the head of a request has come with the bytes that the parser was given last. */
  #hasBegun = false;
  /** Whether the last request asked for another protocol. The parser then leaves alone what follows, be it requests or none. */
  #asksUpgrade = false;
  /** Of the request whose head comes next, where the parser has read another. */
  #method: string | undefined;
  /** Why the parser does not go on, while `#line` is the beginning of a method: it stops again at whatever comes. */
  #cutOff: ParseError | undefined;
  #hasWaited = false;
  /** A parser that has found an error finds it again in whatever comes. */
  #hasFailed = false;

  constructor(server: Server, socket: Socket, parser: Parser) {
    this.#server = server;
    this.#socket = socket;
    this.#parser = parser;
    const { kOnExecute } = parser.constructor;
    this.#proceed = parser[kOnExecute] as (parsed: Parsed) => void;
    const { onIncoming } = parser;
    parser.onIncoming = (incoming, keepAlive) => {
      this.#hasBegun = true;
      this.#asksUpgrade = keepAlive && incoming.upgrade && incoming.method !== 'CONNECT';
      if (this.#method !== undefined) incoming.method = this.#method;
      this.#method = undefined;
      return onIncoming(incoming, keepAlive);
    };
    parser[kOnExecute] = (parsed) => {
      if (!this.#hasFailed && (isAboutMethod(parsed) || this.#asksUpgrade)) this.#goOn(parsed);
      else this.#leave(parsed);
    };
  }

  /** Leaves it to Node what follows. @param bytes that were parsed last, where they are not the current buffer. */
  #leave(parsed: Parsed, bytes?: Buffer): void {
    if (typeof parsed === 'number') this.#note(bytes);
    else this.#hasFailed = true;
    this.#proceed(parsed);
  }

  /** Remembers where the parser is. @param bytes that it was given last, where its current buffer has others. */
  #note(bytes?: Buffer): void {
    const { incoming } = this.#parser;
    const isInBody = incoming !== null && !incoming.complete;
    const hasLeftMessage = this.#hasBegun || this.#isInBody;
    this.#hasBegun = false;
    this.#isInBody = isInBody;
    // Node gives what follows an upgrade to others, from the current buffer.
    if (isInBody || incoming?.upgrade) this.#line = undefined;
    else if (hasLeftMessage) this.#line = this.#parser.finish() ? undefined : NOTHING;
    else this.#line = this.#lineAfter(bytes ?? this.#parser.getCurrentBuffer());
  }

  #lineAfter(bytes: Buffer): Buffer | undefined {
    const feed = bytes.lastIndexOf(LINE_FEED);
    if (feed >= 0) return Buffer.from(bytes.subarray(feed + 1));
    return this.#line && Buffer.concat([this.#line, bytes]);
  }

  /** Goes on where the parser has stopped, as often as it does. */
  #goOn(stopped: Parsed): void {
    const line = this.#line ?? NOTHING;
    let bytes = Buffer.concat([line, this.#parser.getCurrentBuffer()]);
    let parsed = stopped;
    for (let before = line.length; ; before = 0) {
      if (isAboutMethod(parsed)) {
        const start = this.#cutOff ? 0 : this.#startOf(bytes, before + parsed.bytesParsed, parsed.code);
        this.#cutOff = undefined;
        const end = start === undefined ? 0 : tokenEnd(bytes, start);
        if (start !== undefined && end === bytes.length) {
          this.#wait(parsed, Buffer.from(bytes.subarray(start)));
          return;
        }
        if (start === undefined || end === start || bytes[end] !== SPACE) {
          if (start !== undefined && end - start === METHOD_BYTES_MAX) parsed.reason = TOO_LONG;
          break;
        }
        this.#restart();
        this.#method = bytes.toString('latin1', start, end);
        this.#parser.execute(STAND_IN);
        bytes = bytes.subarray(end);
      } else if (typeof parsed === 'number' && this.#asksUpgrade && this.#parser.incoming?.complete) {
        this.#restart();
        this.#line = NOTHING;
        bytes = bytes.subarray(before + parsed);
      } else break;
      parsed = this.#parser.execute(bytes);
    }
    this.#leave(parsed, bytes);
  }

  /** Sets the parser to where a request begins. */
  #restart(): void {
    this.#line = undefined;
    this.#isInBody = false;
    this.#hasBegun = false;
    this.#asksUpgrade = false;
    restart(this.#parser, this.#server, this.#socket);
  }

  /** For the rest of a method that has begun. */
  #wait(stopped: ParseError, begun: Buffer): void {
    this.#cutOff = stopped;
    this.#line = begun;
    if (!this.#hasWaited) {
      // Before Node hears of the end: a parser that has stopped does not object to it.
      this.#socket.prependListener('end', () => {
        if (this.#cutOff) this.#leave(this.#cutOff);
      });
    }
    this.#hasWaited = true;
    this.#proceed(begun.length);
  }

  /** Where the request begins in whose first line the parser has stopped; undefined where that is not certain. */
  #startOf(bytes: Buffer, stop: number, code: string): number | undefined {
    const from = stop === 0 ? 0 : bytes.lastIndexOf(LINE_FEED, stop - 1) + 1;
    const bodyBytes = this.#hasBegun || this.#isInBody ? lengthOf(this.#parser.incoming) : 0;
    if (bodyBytes === 0) return from > 0 || this.#line ? from : undefined;
    // A body may end with what looks like the method. Then it begins where no other beginning would have led to the stop.
    const starts: number[] = [];
    for (let at = stop; at >= from && (this.#hasBegun || stop - at <= KNOWN_BYTES_MAX); at--) {
      const isPossible = !this.#hasBegun || endsHead(bytes, at - bodyBytes);
      if (isPossible && stopsAtLast(this.#parser, bytes.subarray(at, stop + 1), code)) starts.push(at);
    }
    return starts.length === 1 ? starts[0] : undefined;
  }
}

/** From now on, requests of any method reach the server's handlers, on connections of its own and those handed to it. */
export function acceptAnyMethod(server: Server): void {
  server.on('connection', (socket: Socket) => {
    const parser = parserOf(socket);
    if (parser) new Connection(server, socket, parser);
  });
}
