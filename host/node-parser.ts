/**
 * What is asked of Node's HTTP parser, of which Node documents nothing; the tests of methods tell whether it is still so.
 * Must not know why it is asked.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

export interface ParseError extends Error {
  readonly code: string;
  reason: string;
  /** Where it stopped, in the bytes that it was given last. */
  readonly bytesParsed: number;
}

export type Parsed = number | ParseError;

/** With whether it asks for another protocol; of that Node takes notice only where somebody listens, and of tunnels. */
type Incoming = IncomingMessage & { readonly upgrade: boolean };

export interface Parser {
  readonly constructor: {
    new (): Parser;
    readonly REQUEST: number;
    /** The key of what is called after bytes of the connection were parsed. */
    readonly kOnExecute: number;
  };
  [key: number]: (parsed: Parsed) => void;
  /** The last request whose head was parsed, until it is over and answered. */
  readonly incoming: Incoming | null;
  onIncoming: (incoming: Incoming, keepAlive: boolean) => number;
  initialize(kind: number, resource: object, headBytesMax: number, leniency: number, list?: object): void;
  execute(bytes: Uint8Array): Parsed;
  /** Undefined between requests. Changes nothing, but there is no current buffer any more. */
  finish(): Error | undefined;
  getCurrentBuffer(): Buffer;
  /** Takes it off the server's list of connections. */
  remove(): void;
  close(): void;
}

/** The second is said of methods of other protocols that it knows, such as FLUSH, where the line ends. */
export const isAboutMethod = (parsed: Parsed): parsed is ParseError =>
  typeof parsed !== 'number' &&
  (parsed.code === 'HPE_INVALID_METHOD' ||
    (parsed.code === 'HPE_INVALID_CONSTANT' && parsed.reason.startsWith('Invalid method for HTTP')));

/** That of a server's connection; undefined where Node has another one than is known here. */
export function parserOf(socket: Socket): Parser | undefined {
  const { parser } = socket as Socket & { readonly parser?: Parser | null };
  return parser?.[parser.constructor.kOnExecute] ? parser : undefined;
}

/** The list by which Node ends connections that take too long; there is none before the server listens. */
function connectionsOf(server: Server): object | undefined {
  const isList = (key: symbol) => key.description === 'http.server.connections';
  const key = Object.getOwnPropertySymbols(server).find(isList);
  return key && (server as unknown as Record<symbol, object>)[key];
}

/** Sets it to where a request begins, whatever it has read before. */
export function restart(parser: Parser, server: Server, socket: Socket): void {
  parser.remove();
  parser.initialize(parser.constructor.REQUEST, { socket }, 0, 0, connectionsOf(server));
}

/** Whether one that reads these bytes from the beginning of a request stops at the last of them, and with this code. */
export function stopsAtLast({ constructor: Probe }: Parser, bytes: Buffer, code: string): boolean {
  const probe = new Probe();
  probe.initialize(Probe.REQUEST, {}, 0, 0);
  const parsed = probe.execute(bytes);
  probe.close();
  return typeof parsed !== 'number' && parsed.code === code && parsed.bytesParsed === bytes.length - 1;
}
