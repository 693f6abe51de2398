/** Requests over raw connections whose reads a test decides, and what the guest that tells all of them has seen. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { CORNERS, guestOf } from './host-guests.ts';
import { closeLater, TestHost } from './host-kit.ts';
import { RawTalk } from './stream-kit.ts';

/** Connections as hosts have them. */
const accepted: Socket[] = [];

/** A host with the guest, of which all connections are known. */
export async function hostOfCorners(): Promise<TestHost> {
  const accept = (message: unknown) => void accepted.push((message as { socket: Socket }).socket);
  subscribe('net.server.socket', accept);
  closeLater(async () => void unsubscribe('net.server.socket', accept));
  const host = await TestHost.start();
  await host.deploy('corners', await guestOf(CORNERS));
  return host;
}

/** What of a request the guest named corners tells: its body comes back. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** The whole responses of that guest, and the first one of another kind. */
export function responsesIn(text: string): { seen: Seen[]; refusal: string | undefined } {
  const seen: Seen[] = [];
  for (let rest = text; rest.includes('\r\n\r\n'); ) {
    const bodyAt = rest.indexOf('\r\n\r\n') + 4;
    const field = (name: string) =>
      new RegExp(`^${name}: (.*)\r$`, 'im').exec(rest.slice(0, bodyAt))?.[1] ?? '';
    const end = bodyAt + Number(field('content-length'));
    if (rest.length < end) break;
    if (!rest.startsWith('HTTP/1.1 200 ')) return { seen, refusal: rest.slice('HTTP/1.1 '.length, end) };
    seen.push({ method: field('x-method'), path: field('x-path'), body: rest.slice(bodyAt, end) });
    rest = rest.slice(end);
  }
  return { seen, refusal: undefined };
}

/** A connection of which each piece is read by the host before the next one is sent. */
export class Pieces {
  readonly talk: RawTalk;
  #sentBytes = 0;
  #far: Socket | undefined;

  constructor(origin: string) {
    this.talk = new RawTalk(origin);
  }

  async send(...pieces: string[]): Promise<void> {
    const { socket } = this.talk;
    if (socket.connecting) await once(socket, 'connect');
    const { localPort } = socket;
    for (const piece of pieces) {
      this.talk.write(piece);
      this.#sentBytes += piece.length;
      while (!this.#hasRead(localPort)) await new Promise(setImmediate);
    }
  }

  #hasRead(localPort: number | undefined): boolean {
    this.#far ??= accepted.findLast(({ remotePort }) => remotePort === localPort);
    return this.#far !== undefined && (this.#far.destroyed || this.#far.bytesRead >= this.#sentBytes);
  }

  /** What was answered, as soon as these are so many responses or the connection has ended. */
  async answers(count: number): Promise<ReturnType<typeof responsesIn>> {
    const { socket } = this.talk;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (socket.destroyed || responsesIn(this.talk.text).seen.length >= count) resolve();
      };
      socket.on('data', look);
      socket.on('close', look);
      look();
    });
    socket.destroy();
    return responsesIn(this.talk.text);
  }
}

/** To so many requests, or as many as the host answers before it ends the connection. */
export async function answersTo(origin: string, count: number, pieces: readonly string[]) {
  const client = new Pieces(origin);
  await client.send(...pieces);
  return client.answers(count);
}

/** The beginning of a request to the guest. */
export const head = (method: string, path = '/') => `${method} /f/corners${path} HTTP/1.1\r\nHost: a\r\n`;
