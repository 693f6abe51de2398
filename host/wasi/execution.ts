/** One execution from the host's side: what its guest works with, and what the guest has made of it in the end. */
import type { Preopen } from '../preopens.ts';
import { Allowance } from './allowance.ts';
import { type GuestStack, NewsOnStack, type StartableContext } from './current-context.ts';
import type { ErrorCodeCase, ExecutionPort, News, RequestHead } from './execution-port.ts';
import { OpenFiles } from './files/open-files.ts';
import { IncomingRequest, ResponseOutparam } from './http-incoming.ts';
import { FlowingNews, Outflow } from './outflow.ts';
import type { ByteSink } from './output-stream.ts';
import { GuestFault } from './result-error.ts';
import { byNews, whenReady } from './waiting.ts';

export interface ExecutionOptions {
  readonly port: ExecutionPort;
  readonly head: RequestHead;
  /** The most bytes that its responses may have together. */
  readonly bodyBytesMax: number;
  /** Throws what ends the execution when it has more. */
  readonly onTooLarge: (bytesMax: number) => never;
  /** Takes what the guest prints. */
  readonly onLog: ByteSink;
  /** Folders that the guest may read. */
  readonly preopens: readonly Preopen[];
}

/** How a guest has answered. */
export type Answered =
  | { readonly tag: 'none' }
  | { readonly tag: 'err'; readonly error: ErrorCodeCase }
  | {
      readonly tag: 'ok';
      readonly status: number;
      readonly bodyBytes: number;
      /** Why the body is not complete; undefined where it is, or still may become so. */
      readonly failure: ErrorCodeCase | undefined;
    };

/** Bytes that bodies may hold before somebody takes them, at most: they are the host's memory. */
const HELD_BYTES_MAX = 16 * 1_048_576;

/** What headers, trailers and other texts of messages may hold, all that a guest has at once: the host's memory too. */
const FIELDS_BYTES_MAX = 16 * 1_048_576;

function onTooManyFields(bytesMax: number): never {
  throw new GuestFault(`fields: expected at most ${bytesMax} bytes in all that is held at once, got more`);
}

const UNFINISHED: ErrorCodeCase = { tag: 'connection-terminated' };

export class Execution implements StartableContext {
  stack: GuestStack = { canSuspend: false };
  readonly port: ExecutionPort;
  readonly isHead: boolean;
  readonly onLog: ByteSink;
  readonly preopens: readonly Preopen[];
  readonly outflow = new Outflow();
  readonly news: News;
  readonly responseAllowance: Allowance;
  readonly heldAllowance: Allowance;
  readonly fieldsAllowance = new Allowance(FIELDS_BYTES_MAX, onTooManyFields);
  readonly request: IncomingRequest;
  readonly outparam: ResponseOutparam;
  /** Whether the guest returned with all bodies that it had begun complete; of no meaning before. */
  isTidy = false;
  #files: OpenFiles | undefined;

  constructor({ port, head, bodyBytesMax, onTooLarge, onLog, preopens }: ExecutionOptions) {
    this.port = port;
    this.isHead = head.method === 'HEAD';
    this.onLog = onLog;
    this.preopens = preopens;
    this.news = new FlowingNews(port.news, this.outflow);
    this.responseAllowance = new Allowance(bodyBytesMax, onTooLarge);
    this.heldAllowance = new Allowance(Math.min(bodyBytesMax, HELD_BYTES_MAX), onTooLarge);
    const guestNews = new NewsOnStack(
      () => this.news,
      () => this.stack,
    );
    this.request = new IncomingRequest(head, port.requestBody, guestNews, this.fieldsAllowance);
    this.outparam = new ResponseOutparam(port);
  }

  get files(): OpenFiles {
    this.#files ??= new OpenFiles(this.port);
    return this.#files;
  }

  get answered(): Answered {
    const set = this.outparam.value;
    if (!set) return { tag: 'none' };
    if (set.tag === 'err') return { tag: 'err', error: set.val };
    const { status, outlet } = set.val;
    return { tag: 'ok', status, bodyBytes: outlet?.writtenBytes ?? 0, failure: outlet?.failure };
  }

  /**
   * To be called once the guest has returned: closes its files, ends the bodies that it has left unfinished, and waits
   * until what is held of its response has been taken. Throws, or rejects, when the execution is stopped meanwhile.
   */
  end(): Answered | Promise<Answered> {
    this.#files?.closeAll();
    const set = this.outparam.value;
    const outlet = set?.tag === 'ok' ? set.val.outlet : undefined;
    this.isTidy = outlet?.state !== 'open' && !this.outflow.hasOthers(outlet);
    if (outlet?.state === 'open') outlet.abort(UNFINISHED);
    this.outflow.abort(UNFINISHED, outlet);
    const taken = byNews(() => this.outflow.isEmpty);
    this.outflow.pour();
    return whenReady(this.news, taken, () => this.answered);
  }

  /** To be called when the guest trapped or was stopped: closes its files, ends every body that is not complete. */
  abandon(error: ErrorCodeCase = UNFINISHED): void {
    this.#files?.closeAll();
    this.outflow.abort(error);
  }
}
