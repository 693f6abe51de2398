/** A worker's line to the outside: it sends requests to the serving thread and can block until answers come. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Outbound, OutboundAnswer, OutboundRequest } from './wasi/http-outgoing.ts';
import { type AnswerMessage, NEWS_INDEX } from './worker-messages.ts';

/** The guest has passed a limit while it waited. */
export class WaitStopped extends Error {}

export class Mailbox implements Outbound {
  readonly #port: MessagePort;
  readonly #news: Int32Array;
  readonly #isStopped: () => boolean;
  readonly #post: (id: number, request: OutboundRequest) => void;
  readonly #answers = new Map<number, OutboundAnswer>();
  #lastId = 0;
  #firstOfExecution = 0;

  constructor(
    port: MessagePort,
    shared: SharedArrayBuffer,
    post: (id: number, request: OutboundRequest) => void,
    isStopped: () => boolean,
  ) {
    this.#port = port;
    this.#news = new Int32Array(shared);
    this.#post = post;
    this.#isStopped = isStopped;
  }

  /** Forgets what the execution before has asked for; late answers to it are dropped. */
  beginExecution(): void {
    this.#answers.clear();
    this.#firstOfExecution = this.#lastId + 1;
  }

  send(request: OutboundRequest): { answer(): OutboundAnswer | undefined } {
    const id = ++this.#lastId;
    this.#post(id, request);
    return {
      answer: () => {
        this.#collect();
        return this.#answers.get(id);
      },
    };
  }

  readonly wait = (timeoutMs: number): void => {
    // The counter is read first: an answer that comes after the look into the mailbox has changed it by then.
    const seen = Atomics.load(this.#news, NEWS_INDEX);
    // It comes with news: whoever stops a guest raises the counter after the flag.
    if (this.#isStopped()) throw new WaitStopped('the guest was stopped while it waited');
    if (this.#collect() > 0) return;
    Atomics.wait(this.#news, NEWS_INDEX, seen, timeoutMs);
    this.#collect();
  };

  #collect(): number {
    let count = 0;
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: AnswerMessage } | undefined;
      if (!received) return count;
      const { id, answer } = received.message;
      if (id < this.#firstOfExecution) continue;
      this.#answers.set(id, answer);
      count++;
    }
  }
}
