/** Requests whose bodies a test sends and takes piece by piece over real sockets, and guests that answer so. */
import { once } from 'node:events';
import http from 'node:http';
import { connect, type Socket } from 'node:net';
import { guestOf } from './host-guests.ts';
import { closeLater, type Listed, type TestHost } from './host-kit.ts';
import { toComponent } from './linking-harness.ts';
import { type GuestText, guestText } from './linking-wat.ts';

export interface TalkOptions {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly agent?: http.Agent;
}

/** What was left of a response. */
export interface Rest {
  readonly body: Buffer;
  /** False where the connection was broken off before the end. */
  readonly isWhole: boolean;
  readonly trailers: NodeJS.Dict<string>;
}

/** One request under way. */
export class Talk {
  readonly response: Promise<http.IncomingMessage>;
  readonly informed: { readonly status: number; readonly headers: http.IncomingHttpHeaders }[] = [];
  readonly request: http.ClientRequest;
  #held: Buffer = Buffer.alloc(0);

  constructor(origin: string, path: string, { method = 'POST', headers = {}, agent }: TalkOptions = {}) {
    const { hostname, port } = new URL(origin);
    this.request = http.request({ host: hostname, port, path, method, headers, ...(agent && { agent }) });
    this.request.on('information', ({ statusCode: status, headers: informed }) =>
      this.informed.push({ status, headers: informed }),
    );
    this.response = new Promise((resolve, reject) => {
      this.request.on('error', reject);
      this.request.on('response', (response) => {
        response.on('error', () => undefined);
        resolve(response);
      });
    });
    this.response.catch(() => undefined);
    this.request.flushHeaders();
  }

  /** Resolves once the system has taken it. */
  send(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve) => void this.request.write(bytes, () => resolve()));
  }

  end(trailers: Readonly<Record<string, string>> = {}): void {
    if (Object.keys(trailers).length > 0) this.request.addTrailers(trailers);
    this.request.end();
  }

  /** The next bytes of the response, so many of them; between calls nothing is read. */
  async take(lengthBytes: number): Promise<string> {
    const response = await this.response;
    await this.#flow(response, () => this.#held.length >= lengthBytes);
    if (this.#held.length < lengthBytes) throw new Error(`expected ${lengthBytes} bytes, got an end`);
    const taken = this.#held.subarray(0, lengthBytes);
    this.#held = this.#held.subarray(lengthBytes);
    return taken.toString('latin1');
  }

  async rest(): Promise<Rest> {
    const response = await this.response;
    const body = await this.#drain(response);
    return { body, isWhole: response.complete, trailers: response.trailers };
  }

  async #drain(response: http.IncomingMessage): Promise<Buffer> {
    const chunks = [this.#held];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.resume();
    if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
    return Buffer.concat(chunks);
  }

  #flow(response: http.IncomingMessage, isEnough: () => boolean): Promise<void> {
    if (isEnough() || response.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const onData = (chunk: Buffer) => {
        this.#held = Buffer.concat([this.#held, chunk]);
        if (isEnough()) done();
      };
      const done = () => {
        response.pause();
        response.off('data', onData);
        response.off('close', done);
        resolve();
      };
      response.on('close', done);
      response.on('data', onData);
      response.resume();
    });
  }

  /** The execution that the response says it is of. */
  async executionId(): Promise<number> {
    return Number((await this.response).headers['x-ebb-execution']);
  }

  leave(): void {
    this.request.destroy();
  }
}

/** A connection on which a test writes what it likes, and reads until there is what it waits for. */
export class RawTalk {
  readonly socket: Socket;
  text = '';

  constructor(origin: string) {
    const { hostname, port } = new URL(origin);
    this.socket = connect(Number(port), hostname);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    closeLater(async () => this.socket.destroy());
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves with all that has come as soon as that holds what is looked for, or the connection has ended. */
  async until(found: string | RegExp): Promise<string> {
    const isThere = () => (typeof found === 'string' ? this.text.includes(found) : found.test(this.text));
    while (!isThere() && !this.socket.destroyed)
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    return this.text;
  }

  async ended(): Promise<string> {
    if (!this.socket.destroyed) await once(this.socket, 'close');
    return this.text;
  }
}

/** Asks the ledger until it has a record that is waited for. */
export async function recordWhere(
  host: TestHost,
  isIt: (record: Listed) => boolean,
  query = '',
): Promise<Listed> {
  for (;;) {
    const found = (await host.executions(query)).find(isIt);
    if (found) return found;
  }
}

export const recordOf = (host: TestHost, id: number): Promise<Listed> =>
  recordWhere(host, (record) => record.id === id);

/** A guest by hand, in the world that toolchains make components for. */
export const byHand = (text: GuestText): Promise<Uint8Array> =>
  toComponent(guestText({ answer: 'none', ...text }));

/** What streams can be asked of a guest in AssemblyScript; the path says what. */
export const STREAMING = `import { fetch, log, Request, Response } from 'ebb';

const piece = new Uint8Array(65536);

function bytesOf(text: string): Uint8Array { return Uint8Array.wrap(String.UTF8.encode(text)); }

function numberOf(request: Request, name: string): i32 {
  const given = request.query(name);
  return given ? I32.parseInt(given) : 0;
}

function ask(request: Request): string {
  const url = request.query('url');
  const result = fetch(url ? url : '');
  return result.failed ? result.error : result.text();
}

function read(request: Request): i32 {
  const body = request.stream();
  let bytes = 0;
  for (let one = body.read(); one; one = body.read()) bytes += one.length;
  return bytes;
}

export function handle(request: Request): Response {
  const what = request.pathname.split('/')[1];
  if (what == 'early') return Response.text('early');
  if (what == 'ask') { log('asking'); return Response.text(ask(request)); }
  if (what == 'ask-then-read') { ask(request); return Response.text(read(request).toString()); }
  if (what == 'empty') { const none = Response.empty(numberOf(request, 'n')); none.stream(); ask(request); return none; }

  const response = Response.empty(200);
  const length = request.query('length');
  if (length) response.header('content-length', length);
  const trailer = request.query('trailer');
  if (trailer) response.header('trailer', trailer);
  const out = response.stream();
  if (what == 'flood') {
    for (let left = numberOf(request, 'n'); left > 0; left--) if (!out.write(piece)) return response;
    return response;
  }
  out.write(bytesOf('first'));
  if (what == 'then-ask') { log('asking'); out.write(bytesOf(ask(request))); }
  if (what == 'then-read') out.write(bytesOf(read(request).toString()));
  if (what == 'then-trap') unreachable();
  if (what == 'then-spin') for (;;) {}
  if (what == 'then-work') {
    let sum: u32 = 1;
    for (let left = numberOf(request, 'n'); left > 0; left--) for (let i = 0; i < 1000000; i++) sum = sum * 31 + i;
    out.write(bytesOf(sum == 0 ? 'zero' : 'last'));
  }
  return response;
}
`;

export const streaming = (): Promise<Uint8Array> => guestOf(STREAMING);
