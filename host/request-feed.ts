/**
 * A request's body on its way from the client to the guest, under a limit and no faster than the guest takes it.
 * Must not know what the body is for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CodedError } from '../metering/errors.ts';
import { WINDOW_BYTES } from './body-window.ts';
import { hasBody, isContinueExpected } from './request-body.ts';
import type { RunControl } from './threads/run-events.ts';

/** Bodies up to this size are worth a moment's patience: a run that finds its body whole never has to wait for it. */
const SMALL_BYTES = 65_536;
const SMALL_WAIT_MS = 20;

export class RequestFeed {
  /** Bytes of the body that have come until now. */
  bytes = 0;
  /** Why the body could not be taken whole, once that is known. */
  fault: CodedError | undefined;
  readonly #incoming: IncomingMessage;
  readonly #bytesMax: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #control: RunControl | undefined;
  #isEnded = false;
  #isUnwanted = false;
  #onProgress: () => void = () => undefined;

  /** @throws CodedError `request-too-large` when the client says so beforehand. */
  constructor(incoming: IncomingMessage, outgoing: ServerResponse, bytesMax: number) {
    this.#incoming = incoming;
    this.#bytesMax = bytesMax;
    if (!hasBody(incoming)) {
      this.#isEnded = true;
      return;
    }
    const declared = Number(incoming.headers['content-length'] ?? 0);
    if (declared > bytesMax) throw this.#tooLarge(`${declared}`);
    if (isContinueExpected(incoming)) outgoing.writeContinue();
    incoming.on('data', (chunk: Uint8Array) => this.#add(chunk));
    incoming.on('end', () => this.#end());
    incoming.on('error', () => undefined);
    incoming.on('close', () => this.#breakOff());
  }

  /**
   * Resolves when a run may begin: the body is there, or it is not worth waiting for. Undefined when it may at once.
   * Rejects with `fault`.
   */
  ready(): Promise<void> | undefined {
    return this.#isEnded ? undefined : this.#settled();
  }

  async #settled(): Promise<void> {
    const length = this.#incoming.headers['content-length'];
    const isSmall = length !== undefined && Number(length) <= SMALL_BYTES;
    await new Promise<void>((resolve) => {
      const begin = () => {
        this.#onProgress = () => undefined;
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(begin, isSmall ? SMALL_WAIT_MS : 0);
      this.#onProgress = () => {
        if (this.#isEnded || this.fault) begin();
      };
    });
    if (this.fault) throw this.fault;
  }

  /** The body, where it is small and all of it is there, without trailers. It stays for the run that takes it. */
  get whole(): readonly Uint8Array[] | undefined {
    const isWhole = this.#isEnded && !this.#control && this.#heldBytes <= SMALL_BYTES;
    return isWhole && this.#incoming.rawTrailers.length === 0 ? this.#held : undefined;
  }

  /** A run takes the body from now on. */
  start(control: RunControl): void {
    this.#control = control;
    let hasRoom = true;
    for (const chunk of this.#held) hasRoom = control.sendBody(chunk);
    this.#held = [];
    if (this.#isEnded) control.endBody(this.#incoming.rawTrailers);
    else if (this.fault) control.failBody({ tag: 'connection-terminated' });
    else if (hasRoom) this.#incoming.resume();
  }

  /** The guest has taken what it was sent. */
  resume(): void {
    if (!this.#isUnwanted) this.#incoming.resume();
  }

  /** The guest wants no more of it. */
  abandon(): void {
    this.#isUnwanted = true;
    this.#incoming.resume();
  }

  #add(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.fault) return;
    if (this.bytes > this.#bytesMax) {
      this.fault = this.#tooLarge('more');
      this.#control?.failBody({ tag: 'HTTP-request-body-size', val: BigInt(this.bytes) });
      this.#onProgress();
      return;
    }
    if (this.#isUnwanted) return;
    if (this.#control) {
      if (!this.#control.sendBody(chunk)) this.#incoming.pause();
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= WINDOW_BYTES) this.#incoming.pause();
  }

  #end(): void {
    if (this.fault) return;
    this.#isEnded = true;
    this.#control?.endBody(this.#incoming.rawTrailers);
    this.#onProgress();
  }

  #breakOff(): void {
    if (this.#isEnded || this.fault) return;
    const got = `${this.bytes} bytes before it broke off`;
    this.fault = new CodedError('client-closed', `expected a whole request body, got ${got}`);
    this.#control?.failBody({ tag: 'connection-terminated' });
    this.#onProgress();
  }

  #tooLarge(got: string): CodedError {
    const message = `expected a request body of at most ${this.#bytesMax} bytes, got ${got}`;
    return new CodedError('request-too-large', message);
  }
}
