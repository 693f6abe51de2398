/**
 * The one error class of Ebb and the one catalogue of its codes. A code is a promise to users and to CI:
 * it says whose fault the error is, which HTTP status carries it and with which exit code a command ends.
 */

/** Who has to change something: the caller, the guest's author, or whoever runs the host. */
export type Fault = 'user' | 'guest' | 'system';

interface ErrorKind {
  readonly fault: Fault;
  readonly httpStatus: number;
}

const user = (httpStatus = 400): ErrorKind => ({ fault: 'user', httpStatus });
const guest = (httpStatus = 500): ErrorKind => ({ fault: 'guest', httpStatus });
const system = (httpStatus = 500): ErrorKind => ({ fault: 'system', httpStatus });

/** Every code that Ebb can answer with. A code is never renamed, and never reused for something else. */
export const ERRORS = {
  usage: user(),
  'config-invalid': user(),
  'value-invalid': user(),
  'file-unreadable': user(),
  'file-unwritable': user(),
  'build-failed': user(),
  'content-type-unsupported': user(415),
  'name-invalid': user(),
  'query-invalid': user(),
  'settings-invalid': user(),
  'component-not-wasm': user(422),
  'component-truncated': user(422),
  'component-core-module': user(422),
  'component-invalid': user(422),
  'component-no-handler': user(422),
  'component-import-unknown': user(422),
  'component-too-large': user(413),
  'function-unknown': user(404),
  'path-unknown': user(404),
  'method-not-allowed': user(405),
  'request-invalid': user(),
  'request-too-large': user(413),
  'client-closed': user(499),
  'prices-unknown': user(404),
  'prices-invalid': user(),
  'prices-unfit': user(),
  'prices-outdated': user(),
  'trace-format-unknown': user(),
  'trace-invalid': user(),
  'trace-empty': user(),
  'trace-too-large': user(413),
  'record-invalid': user(),
  'guest-trap': guest(),
  'guest-exit': guest(),
  'guest-no-response': guest(),
  'guest-response-invalid': guest(),
  'guest-response-too-large': guest(),
  'guest-time-limit': guest(504),
  'guest-fuel-limit': guest(),
  'queue-full': system(503),
  'queue-timeout': system(503),
  'host-draining': system(503),
  'host-unreachable': system(502),
  'port-unavailable': system(),
  'data-dir-unusable': system(),
  'node-unsupported': system(),
  interrupted: system(),
  internal: system(),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** Exit codes of the command line by fault; 0 is success, and 1 is left to crashes of Node itself. */
export const EXIT_CODES: Readonly<Record<Fault, number>> = { user: 2, guest: 3, system: 4 };

/** The wire form of an error, the same on both listeners and in `--json`. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly fault: Fault;
    readonly message: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/**
 * An expected refusal. The message names what was expected and what came; `details` holds the same as data.
 * Anything else that is thrown is a mistake of Ebb's own.
 */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, details?: Readonly<Record<string, unknown>>) {
    super(message);
    this.name = 'CodedError';
    this.code = code;
    this.details = details;
  }

  get fault(): Fault {
    return ERRORS[this.code].fault;
  }

  get httpStatus(): number {
    return ERRORS[this.code].httpStatus;
  }

  get exitCode(): number {
    return EXIT_CODES[this.fault];
  }

  toBody(): ErrorBody {
    const { code, fault, message, details } = this;
    return { error: details === undefined ? { code, fault, message } : { code, fault, message, details } };
  }
}

/** Turns whatever was thrown into a CodedError; what is not one already becomes `internal`. */
export function asCodedError(thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  return new CodedError('internal', thrown instanceof Error ? thrown.message : String(thrown));
}
