/**
 * A guest's response on its way to the client. It is held back until the run has ended and is recorded, unless the
 * guest goes on or writes more than may be held: then it leaves piece by piece, no faster than the client takes it.
 */
import type { ServerResponse } from 'node:http';
import { WINDOW_BYTES } from './body-window.ts';
import { BufferStock } from './buffer-stock.ts';
import { sentHeaders } from './response-head.ts';
import type { RunControl } from './threads/run-events.ts';
import { isBodiless } from './wasi/bodiless.ts';
import type { ResponseHead } from './wasi/execution-port.ts';
import type { WireHeaders } from './wasi/fields.ts';

export class ResponseRelay {
  /** Bytes of the body that were sent. */
  bytes = 0;
  /** The id under which the execution will be recorded, once the client has been told. */
  executionId: number | undefined;
  readonly #outgoing: ServerResponse;
  readonly #nextId: () => number | undefined;
  #head: ResponseHead | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #trailers: WireHeaders | undefined;
  /** Whether the guest's response will never be whole. */
  isAborted = false;
  /** Whether the head has left. */
  isStreaming = false;
  #control: RunControl | undefined;
  /** Bytes that wait in the connection for the client. */
  #owedBytes = 0;

  /** @param nextId gives the id of an execution that is recorded later; without one the response is held back. */
  constructor(outgoing: ServerResponse, nextId: () => number | undefined) {
    this.#outgoing = outgoing;
    this.#nextId = nextId;
  }

  /** The status of the guest's response. */
  get status(): number | undefined {
    return this.#head?.status;
  }

  /** Bytes of the body that the client gets, were the response sent now. */
  get bodyBytes(): number {
    return this.isStreaming ? this.bytes : this.#isBodiless ? 0 : this.#heldBytes;
  }

  start(control: RunControl): void {
    this.#control = control;
  }

  /** A client that does not even take these gets the final response alone: they would pile up. */
  inform({ status, headers }: ResponseHead): void {
    if (this.#head || this.#outgoing.destroyed || this.#outgoing.req.httpVersion === '1.0') return;
    if (this.#outgoing.writableLength >= WINDOW_BYTES) return;
    this.#outgoing.writeInformation(status, [...headers]);
  }

  begin(head: ResponseHead): void {
    this.#head = head;
  }

  write(chunk: Buffer): void {
    if (this.isStreaming) {
      this.#send(chunk);
      return;
    }
    this.#heldBytes += chunk.length;
    this.#held.push(Buffer.from(chunk));
  }

  end(trailers: WireHeaders): void {
    this.#trailers = trailers;
  }

  abort(): void {
    this.isAborted = true;
    if (this.isStreaming) this.#outgoing.destroy();
  }

  /** Sends what there is by now, and from now on at once; the end too, if it is there. */
  stream(): void {
    if (this.isStreaming) {
      this.#finish();
      return;
    }
    if (this.isAborted || !this.#head || this.#outgoing.destroyed) return;
    this.executionId = this.#nextId();
    if (this.executionId !== undefined) this.#begin(this.#head, this.executionId);
  }

  /** The run has ended well and is recorded. */
  complete(executionId: number): void {
    if (this.isStreaming) {
      this.#finish();
      return;
    }
    if (!this.#head || this.#outgoing.destroyed) return;
    if (this.#trailers === undefined || this.#trailers.length > 0) {
      this.#begin(this.#head, executionId);
      return;
    }
    const headers = sentHeaders(this.#outgoing.req, this.#head, this.#heldBytes, executionId);
    this.isStreaming = true;
    this.#outgoing.writeHead(this.#head.status, headers);
    if (this.#isBodiless) this.#outgoing.end();
    // Node puts the head and a short text into one write to the socket, but not the head and bytes.
    else if (this.#heldBytes <= SHORT_BYTES)
      this.#outgoing.end(wholeOf(this.#held).toString('latin1'), 'latin1');
    else this.#outgoing.end(wholeOf(this.#held));
  }

  get #isBodiless(): boolean {
    return isBodiless(this.#outgoing.req.method ?? 'GET', this.#head?.status ?? 200);
  }

  #begin(head: ResponseHead, executionId: number): void {
    const isWhole = this.#trailers !== undefined && this.#trailers.length === 0;
    const known = isWhole ? this.#heldBytes : undefined;
    this.isStreaming = true;
    this.#outgoing.writeHead(head.status, sentHeaders(this.#outgoing.req, head, known, executionId));
    this.#outgoing.on('drain', () => this.#drained());
    if (this.#held.length === 0 && !this.#trailers) this.#outgoing.flushHeaders();
    for (const chunk of this.#held.splice(0)) this.#send(chunk);
    this.#finish();
  }

  /** Of a chunk that may be overwritten afterwards. */
  #send(chunk: Buffer): void {
    if (this.#isBodiless) {
      this.#control?.taken(chunk.length);
      return;
    }
    if (this.#outgoing.destroyed) return;
    this.bytes += chunk.length;
    this.#owedBytes += chunk.length;
    const copy = stock.copyOf(chunk);
    if (this.#outgoing.write(copy.bytes, () => stock.giveBack(copy))) this.#drained();
  }

  #drained(): void {
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    this.#control?.taken(owed);
  }

  /** Ends the response if the guest has; its last byte leaves late, so that it is rarely seen before its record. */
  #finish(): void {
    const trailers = this.#trailers;
    if (!trailers || this.#outgoing.writableEnded || this.#outgoing.destroyed) return;
    if (trailers.length > 0 && this.#outgoing.chunkedEncoding) this.#outgoing.addTrailers(pairs(trailers));
    this.#outgoing.end();
  }
}

/** Chunks on their way to all clients. */
const stock = new BufferStock();

/** Bodies that are cheaper to copy than to write apart. */
const SHORT_BYTES = 16_384;

const wholeOf = (chunks: readonly Buffer[]): Buffer =>
  chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);

function pairs(flat: WireHeaders): [string, string][] {
  const list: [string, string][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2)
    list.push([flat[index] as string, flat[index + 1] as string]);
  return list;
}
