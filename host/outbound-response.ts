/** A response on its way to a guest: no more of it than the window is under way, and no more than the limit comes. */
import type http from 'node:http';
import { WINDOW_BYTES } from './body-window.ts';
import { toErrorCode } from './outbound-errors.ts';
import type { ErrorCodeCase } from './wasi/execution-port.ts';
import type { WireHeaders } from './wasi/fields.ts';

export interface ResponseEvents {
  onChunk(chunk: Uint8Array): void;
  onEnd(trailers: WireHeaders): void;
  onFailed(error: ErrorCodeCase): void;
  /** The guest is behind by the window, and then no longer. */
  onPause(): void;
  onResume(): void;
}

const tooLarge = (bytes: number): ErrorCodeCase => ({ tag: 'HTTP-response-body-size', val: BigInt(bytes) });

/** @returns the failure of a response that says itself that its body is larger than the limit. */
export function oversize(response: http.IncomingMessage, method: string, bytesMax: number) {
  const bytes = Number(response.headers['content-length'] ?? 0);
  // These say how long a body would be that they do not have.
  if (method === 'HEAD' || response.statusCode === 304 || bytes <= bytesMax) return undefined;
  return tooLarge(bytes);
}

export class OutboundResponse {
  readonly #response: http.IncomingMessage;
  readonly #bytesMax: number;
  readonly #events: ResponseEvents;
  #bytes = 0;
  #untakenBytes = 0;
  #isPaused = false;

  /** @param bytesMax bytes of the body, counted as they pass: a limit of what comes, no matter how little is kept. */
  constructor(response: http.IncomingMessage, bytesMax: number, events: ResponseEvents) {
    this.#response = response;
    this.#bytesMax = bytesMax;
    this.#events = events;
    response.on('data', (chunk: Buffer) => this.#pass(chunk));
    response.on('error', (error) => events.onFailed(toBodyError(error)));
    response.on('close', () => events.onFailed({ tag: 'HTTP-response-incomplete' }));
    response.on('end', () => events.onEnd(response.rawTrailers));
  }

  taken(bytes: number): void {
    this.#untakenBytes -= bytes;
    if (!this.#isPaused || this.#untakenBytes >= WINDOW_BYTES) return;
    this.#isPaused = false;
    this.#events.onResume();
    this.#response.resume();
  }

  #pass(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) {
      this.#events.onFailed(tooLarge(this.#bytes));
      return;
    }
    this.#untakenBytes += chunk.length;
    if (this.#untakenBytes >= WINDOW_BYTES) {
      this.#isPaused = true;
      this.#response.pause();
      this.#events.onPause();
    }
    this.#events.onChunk(chunk);
  }
}

/** Sections of fields that are too long are trailers, once the headers are there. */
export function toBodyError(error: Error & { readonly code?: string }): ErrorCodeCase {
  const isSection = error.code === 'HPE_HEADER_OVERFLOW';
  return isSection ? { tag: 'HTTP-response-trailer-section-size', val: undefined } : toErrorCode(error);
}
