/**
 * What the first requests and the first deploy of a process need is gone through once when it starts, by the same code
 * and the same threads, so that they find it compiled. Nothing is kept of it, and nobody but a debugger hears of it.
 */
import { on } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { debuglog } from 'node:util';
import { Listener, type ListenerPatience } from '../listener.ts';
import { publicApp } from '../public-app.ts';
import { rehearsalGuest } from './guest.ts';
import { socketPair } from './socket-pair.ts';
import { GUEST_NAME, type Stage, standIn } from './stand-in.ts';

/** Shown where the environment has NODE_DEBUG=ebb. */
const debug = debuglog('ebb');

export interface RehearsalParts {
  readonly stage: Stage;
  /** Serves a connection as the admin listener does. */
  readonly serveAdmin: (socket: Socket) => void;
  /** That of the public listener. */
  readonly patience: ListenerPatience;
}

export class Rehearsal {
  /** Whether all of it was gone through, once it is over. */
  readonly ended: Promise<boolean>;
  readonly #parts: RehearsalParts;
  readonly #stopping = new AbortController();

  constructor(parts: RehearsalParts) {
    this.#parts = parts;
    this.ended = this.#run().then(
      () => true,
      (thrown) => {
        debug('the rehearsal broke off: %O', thrown);
        return false;
      },
    );
  }

  /** Ends it where it stands; what it has on the host's threads ends with those at the latest. */
  stop(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const guest = rehearsalGuest();
    // Not before whoever started the host has heard of it.
    await nextTurn();
    await this.#converse(this.#parts.serveAdmin, async (ask) => {
      await ask('GET /healthz');
      // All the way to the host, which has no function of such a name.
      await ask(`PUT /v1/functions/${GUEST_NAME}`, guest);
    });
    const { stage, patience } = this.#parts;
    const [planned] = await Promise.all([stage.plan(guest), stage.read()]);
    const { host, close } = standIn(planned, stage.run, (error) => debug('%O', error));
    const listener = new Listener(publicApp(host), patience);
    try {
      await this.#converse(
        (socket) => listener.serve(socket),
        async (ask) => {
          await ask(`POST /f/${GUEST_NAME}/`, guest.subarray(0, 8));
          await ask(`GET /f/${GUEST_NAME}/`);
        },
      );
    } finally {
      await listener.close();
      await close();
    }
  }

  /** Lets a connection be served for as long as `talk` asks over it. */
  async #converse(
    serve: (socket: Socket) => void,
    talk: (ask: (target: string, body?: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { signal } = this.#stopping;
    const [near, far] = await socketPair(signal);
    const end = () => near.destroy();
    signal.addEventListener('abort', end);
    try {
      serve(far);
      await talk((target, body) => askOver(near, target, body));
    } finally {
      signal.removeEventListener('abort', end);
      near.destroy();
    }
  }
}

/** Sends a request, and resolves when its answer is there, whatever it says. */
async function askOver(socket: Socket, target: string, body?: Uint8Array): Promise<void> {
  const length = body ? `content-type: application/wasm\r\ncontent-length: ${body.length}\r\n` : '';
  socket.write(`${target} HTTP/1.1\r\nhost: localhost\r\n${length}\r\n`);
  if (body) socket.write(body);
  let received = '';
  for await (const chunk of on(socket, 'data', { close: ['close'] })) {
    received += String(chunk);
    if (!isWhole(received)) continue;
    debug('%s: %s', target, received.slice(0, received.indexOf('\r')));
    return;
  }
  throw new Error(`the connection was closed before ${target} was answered`);
}

/** Whether a response has come to its end; answers of this host alone, with short bodies in ASCII. */
function isWhole(response: string): boolean {
  const [head = '', body] = response.split(/\r\n\r\n(.*)/s, 2);
  if (body === undefined) return false;
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  return length === undefined ? body.endsWith('0\r\n\r\n') : body.length >= Number(length);
}
