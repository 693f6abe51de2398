/**
 * Tells the requests of this host's own guests from those of everybody else, by the two ends of their connection,
 * which no client can claim. Knows sockets, no HTTP and no functions.
 */
import type { Socket } from 'node:net';

/** How deep functions may call each other inside one request; deeper is taken for a loop. */
export const NESTED_LEVELS_MAX = 8;

const end = (address: string | undefined, port: number | undefined): string =>
  `${address?.replace(/^::ffff:/i, '')} ${port}`;

/** Both ends: the system gives one port to several connections as long as they go to different places. */
const connection = (from: string, to: string): string => `${from} ${to}`;

export class NestedCalls {
  readonly #levels = new Map<string, number>();

  /**
   * Notes that a guest's outbound request uses this connection.
   * @param level that what it reaches will run at, if it reaches this host.
   * @returns ends the note.
   */
  begin(socket: Socket, level: number): () => void {
    const key = connection(
      end(socket.localAddress, socket.localPort),
      end(socket.remoteAddress, socket.remotePort),
    );
    this.#levels.set(key, level);
    return () => this.#levels.delete(key);
  }

  /** 0 for a request from outside, 1 for one that such a request's guest has sent, and so on. */
  levelOf(socket: Socket): number {
    if (this.#levels.size === 0) return 0;
    const key = connection(
      end(socket.remoteAddress, socket.remotePort),
      end(socket.localAddress, socket.localPort),
    );
    return this.#levels.get(key) ?? 0;
  }
}
