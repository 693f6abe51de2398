/**
 * Everything that a guest can import, put together for one execution. Interfaces whose name a component may
 * import are listed in component/contract.ts; a test holds the two together.
 */
import type { HostFunctions } from '../component/link.ts';
import type { Preopen } from '../preopens.ts';
import { wallMs } from '../wall-clock.ts';
import type { Allowance } from './allowance.ts';
import type { ExecutionPort, News } from './execution-port.ts';
import { fieldsClass } from './fields.ts';
import { Descriptor } from './files/descriptor.ts';
import { DirectoryEntryStream } from './files/directory-entry-stream.ts';
import type { OpenFiles } from './files/open-files.ts';
import { IncomingRequest, outgoingResponseClass, ResponseOutparam } from './http-incoming.ts';
import {
  FutureIncomingResponse,
  handleOutgoing,
  IncomingResponse,
  type OutgoingRequest,
  outgoingRequestClass,
  RequestOptions,
} from './http-outgoing.ts';
import { FutureTrailers, IncomingBody } from './incoming-body.ts';
import { InputStream, IoError, Pollable } from './io.ts';
import type { Outflow } from './outflow.ts';
import { OutgoingBody } from './outgoing-body.ts';
import { alwaysOpen, type ByteSink, OutputStream } from './output-stream.ts';
import { RANDOM } from './random.ts';
import { ResultError } from './result-error.ts';
import { SOCKETS } from './sockets.ts';
import { standing } from './standing.ts';

/** Thrown through the guest by `exit`; ends this execution only. */
export class GuestExit extends Error {
  readonly isSuccess: boolean;

  constructor(isSuccess: boolean) {
    super(`the guest called exit with ${isSuccess ? 'success' : 'failure'}`);
    this.isSuccess = isSuccess;
  }
}

/** What one execution gives its guest to work with. Looked at whenever something is made, not before. */
export interface ExecutionContext {
  readonly port: ExecutionPort;
  /** The port's news, at which whatever is held flows on. */
  readonly news: News;
  readonly outflow: Outflow;
  /** Whether the request was HEAD, so that a response may declare a length without a body. */
  readonly isHead: boolean;
  /** Counts all that is written into bodies of responses. */
  readonly responseAllowance: Allowance;
  /** Counts what bodies hold that nobody takes yet. */
  readonly heldAllowance: Allowance;
  /** Counts what is held of headers, trailers and other texts of messages. */
  readonly fieldsAllowance: Allowance;
  readonly onLog: ByteSink;
  /** Folders that the guest may read. */
  readonly preopens: readonly Preopen[];
  /** What it has open of them. */
  readonly files: OpenFiles;
}

const nowNs = (): bigint => process.hrtime.bigint();

function timer(atNs: bigint, news: News): Pollable {
  const remainingMs = () => Math.max(0, Number(atNs - nowNs()) / 1e6);
  return standing(new Pollable({ isReady: () => nowNs() >= atNs, remainingMs }, news));
}

function clocks(context: ExecutionContext): HostFunctions {
  return {
    'wasi:clocks/monotonic-clock': {
      now: nowNs,
      resolution: () => 1n,
      subscribeInstant: (atNs: bigint) => timer(atNs, context.news),
      subscribeDuration: (durationNs: bigint) => timer(nowNs() + durationNs, context.news),
    },
    // A guest has no place of its own: its time is UTC, whatever the machine's is.
    'wasi:clocks/timezone': {
      display: () => ({ utcOffset: 0, name: 'UTC', inDaylightSavingTime: false }),
      utcOffset: () => 0,
    },
    'wasi:clocks/wall-clock': {
      now: () => {
        const ms = wallMs();
        return { seconds: BigInt(Math.floor(ms / 1_000)), nanoseconds: Math.floor((ms % 1_000) * 1e6) };
      },
      resolution: () => ({ seconds: 0n, nanoseconds: 1_000 }),
    },
  };
}

class TerminalInput {}
class TerminalOutput {}

function cli(context: ExecutionContext): HostFunctions {
  const output = () => standing(new OutputStream(alwaysOpen((bytes) => context.onLog(bytes))));
  return {
    'wasi:cli/environment': { getEnvironment: () => [], getArguments: () => [], initialCwd: () => undefined },
    'wasi:cli/exit': {
      exit: (status: { readonly tag: string }) => {
        throw new GuestExit(status.tag === 'ok');
      },
      exitWithCode: (code: number) => {
        throw new GuestExit(code === 0);
      },
    },
    'wasi:cli/stdin': { getStdin: () => standing(new InputStream()) },
    'wasi:cli/stdout': { getStdout: output },
    'wasi:cli/stderr': { getStderr: output },
    'wasi:cli/terminal-input': { TerminalInput },
    'wasi:cli/terminal-output': { TerminalOutput },
    'wasi:cli/terminal-stdin': { getTerminalStdin: () => undefined },
    'wasi:cli/terminal-stdout': { getTerminalStdout: () => undefined },
    'wasi:cli/terminal-stderr': { getTerminalStderr: () => undefined },
  };
}

function filesystem(context: ExecutionContext): HostFunctions {
  return {
    'wasi:filesystem/preopens': {
      getDirectories: () =>
        context.preopens.map(({ hostPath: folder, guestPath }) => [
          standing(new Descriptor(context, { folder })),
          guestPath,
        ]),
    },
    'wasi:filesystem/types': {
      Descriptor,
      DirectoryEntryStream,
      filesystemErrorCode: (error: IoError) => error.fileCode,
    },
  };
}

/** The host functions for one execution, by interface name without version. */
export function hostFunctions(context: ExecutionContext): HostFunctions {
  return {
    ...clocks(context),
    ...RANDOM,
    ...cli(context),
    ...filesystem(context),
    ...SOCKETS,
    'wasi:io/error': { Error: IoError },
    'wasi:io/poll': { Pollable, poll: Pollable.poll },
    'wasi:io/streams': { InputStream, OutputStream },
    'wasi:http/types': {
      Fields: fieldsClass(context),
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      OutgoingRequest: outgoingRequestClass(context),
      OutgoingResponse: outgoingResponseClass(context),
      RequestOptions,
      ResponseOutparam,
      httpErrorCode: (error: IoError) => error.code,
    },
    'wasi:http/outgoing-handler': {
      handle: (request: OutgoingRequest, options: RequestOptions | undefined) => {
        try {
          return handleOutgoing(context, request, options);
        } catch (thrown) {
          if (thrown instanceof ResultError) throw thrown;
          throw new ResultError({ tag: 'internal-error', val: String(thrown) });
        }
      },
    },
  };
}
