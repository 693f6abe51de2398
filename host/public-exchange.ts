/** A request on the public listener and its response, as the run that serves it drives them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CodedError } from '../metering/errors.ts';
import type { Exchange } from './executor.ts';
import { RequestFeed } from './request-feed.ts';
import { ResponseRelay } from './response-relay.ts';
import type { RunControl, RunEvents } from './threads/run-events.ts';
import type { RequestHead, ResponseHead } from './wasi/execution-port.ts';
import type { WireHeaders } from './wasi/fields.ts';

export interface ExchangeOptions {
  readonly request: RequestHead;
  readonly requestBytesMax: number;
  /** Gives the id of an execution that is recorded when its response has left; none while the ledger cannot. */
  readonly nextId: () => number | undefined;
}

export class PublicExchange implements Exchange, RunEvents {
  readonly request: RequestHead;
  readonly #feed: RequestFeed;
  readonly #relay: ResponseRelay;
  readonly #gone = new AbortController();

  /** @throws CodedError `request-too-large` */
  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { request, requestBytesMax, nextId }: ExchangeOptions,
  ) {
    this.request = request;
    this.#feed = new RequestFeed(incoming, outgoing, requestBytesMax);
    this.#relay = new ResponseRelay(outgoing, nextId);
    outgoing.once('close', () => {
      // A response that was broken off for the guest's sake is not the client's doing.
      if (!outgoing.writableFinished && !this.#relay.isAborted) this.#gone.abort();
    });
  }

  /** Aborts when the connection ends before the response has been sent. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when a run may begin. @throws CodedError when the body broke off or is too large. */
  ready(): Promise<void> | undefined {
    return this.#feed.ready();
  }

  /** The run has ended well and is recorded. */
  complete(executionId: number): void {
    this.#relay.complete(executionId);
  }

  get events(): RunEvents {
    return this;
  }

  get wholeBody(): readonly Uint8Array[] | undefined {
    return this.#feed.whole;
  }

  get bytesIn(): number {
    return this.#feed.bytes;
  }

  get bytesOut(): number {
    return this.#relay.bodyBytes;
  }

  get status(): number | undefined {
    return this.#relay.status;
  }

  get isAnswered(): boolean {
    return this.#relay.isStreaming;
  }

  get executionId(): number | undefined {
    return this.#relay.executionId;
  }

  get isAbandoned(): boolean {
    return this.#gone.signal.aborted;
  }

  get fault(): CodedError | undefined {
    return this.#feed.fault;
  }

  onStart(control: RunControl): void {
    this.#relay.start(control);
    this.#feed.start(control);
  }

  onSpace(): void {
    this.#feed.resume();
  }

  onBodyUnwanted(): void {
    this.#feed.abandon();
  }

  onInform(head: ResponseHead): void {
    this.#relay.inform(head);
  }

  onHead(head: ResponseHead): void {
    this.#relay.begin(head);
  }

  onBody(chunk: Buffer): void {
    this.#relay.write(chunk);
  }

  onEnd(trailers: WireHeaders): void {
    this.#relay.end(trailers);
  }

  onAbort(): void {
    this.#relay.abort();
  }

  onPause(): void {
    this.#relay.stream();
  }
}
