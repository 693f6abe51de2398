/**
 * What the serving thread and a worker say to each other about one execution, and how heads travel as text. Stream 0
 * is the request that the function serves; the requests that it sends count from 1.
 */
import type { Preopen } from '../preopens.ts';
import type { Reuse } from '../run-limits.ts';
import type { ErrorCodeCase, OutboundHead, RequestHead, ResponseHead } from '../wasi/execution-port.ts';
import type { WireHeaders } from '../wasi/fields.ts';

/** Types of frames; each direction uses its own share of them. */
export const FRAME = {
  /** To the worker: what to run, under which limits, for which request. */
  start: 1,
  /** To the worker: the head of the response to a request that the guest has sent. */
  answer: 2,
  /** Both ways: bytes of a body. */
  body: 3,
  /** Both ways: the body is complete; its trailers. */
  end: 4,
  /** Both ways: the body, or the answer, will never come; why. */
  fail: 5,
  /** Both ways: that many bytes of a body were taken. */
  taken: 6,
  /** To the worker: nobody takes the response any more. From it: the guest wants no more of a stream. */
  cancel: 7,
  /** From the worker: an informational response. */
  inform: 8,
  /** From the worker: the head of the response. */
  respond: 9,
  /** From the worker: the guest sends a request. */
  send: 10,
  /** From the worker: what the guest has printed. */
  log: 11,
  /** From the worker: how the run ended, in words where it failed. Nothing follows. */
  result: 12,
} as const;

/** Neither header values nor anything else in a head can contain it. */
const SEPARATOR = '\0';

const split = (text: string): string[] => text.split(SEPARATOR);

/** What a run begins with: which component, which limits, and the request. */
export interface StartHead {
  /** Number of the component, as it was given to this thread. */
  readonly component: number;
  readonly responseBytesMax: number;
  readonly logBytesMax: number;
  /** Under this number instances of its function are kept and found. */
  readonly lease: number;
  readonly reuse: Reuse;
  /** Folders that it may read. */
  readonly preopens: readonly Preopen[];
  readonly request: RequestHead;
}

const NO_PREOPENS: readonly Preopen[] = Object.freeze([]);

/** Paths may have characters that a head has not. */
const preopensText = (preopens: readonly Preopen[]): string =>
  preopens.length === 0 ? '' : encodeURIComponent(JSON.stringify(preopens));
const readPreopens = (text: string): readonly Preopen[] =>
  text === '' ? NO_PREOPENS : (JSON.parse(decodeURIComponent(text)) as Preopen[]);

export function startText(start: StartHead): string {
  const { component, responseBytesMax, logBytesMax, lease, reuse, preopens, request } = start;
  const { method, pathWithQuery, scheme, authority, headers } = request;
  const limits = [component, responseBytesMax, logBytesMax, lease, reuse.requestsMax, reuse.idleMs];
  const fields = [...limits, preopensText(preopens), method, pathWithQuery, scheme, authority];
  const head = fields.join(SEPARATOR);
  return headers.length === 0 ? head : head + SEPARATOR + headers.join(SEPARATOR);
}

/** Numbers in front. */
const LIMITS = 6;
type Limits = [number, number, number, number, number, number];

export function readStart(text: string): StartHead {
  const fields = split(text);
  const limits = fields.slice(0, LIMITS).map(Number) as Limits;
  const [component, responseBytesMax, logBytesMax, lease, requestsMax, idleMs] = limits;
  const [preopens, method, pathWithQuery, scheme, authority] = fields.slice(LIMITS);
  return {
    component,
    responseBytesMax,
    logBytesMax,
    lease,
    reuse: { requestsMax, idleMs },
    preopens: readPreopens(preopens as string),
    request: {
      method: method as string,
      pathWithQuery: pathWithQuery as string,
      scheme: scheme as RequestHead['scheme'],
      authority: authority as string,
      headers: fields.slice(LIMITS + 5),
    },
  };
}

export const responseText = ({ status, headers }: ResponseHead): string =>
  headers.length === 0 ? String(status) : status + SEPARATOR + headers.join(SEPARATOR);

export function readResponse(text: string): ResponseHead {
  const fields = split(text);
  return { status: Number(fields[0]), headers: fields.slice(1) };
}

const numberText = (value: number | undefined): string => (value === undefined ? '' : String(value));
const readNumber = (text: string | undefined): number | undefined =>
  text === undefined || text === '' ? undefined : Number(text);

export function outboundText(head: OutboundHead): string {
  const { method, pathWithQuery, scheme, authority, headers } = head;
  const numbers = [
    head.bodyBytes,
    head.connectTimeoutMs,
    head.firstByteTimeoutMs,
    head.betweenBytesTimeoutMs,
  ];
  const fields = [method, pathWithQuery, scheme, authority, ...numbers.map(numberText), ...headers];
  return fields.join(SEPARATOR);
}

export function readOutbound(text: string): OutboundHead {
  const fields = split(text);
  return {
    method: fields[0] as string,
    pathWithQuery: fields[1] as string,
    scheme: fields[2] as OutboundHead['scheme'],
    authority: fields[3] as string,
    bodyBytes: readNumber(fields[4]),
    connectTimeoutMs: readNumber(fields[5]),
    firstByteTimeoutMs: readNumber(fields[6]),
    betweenBytesTimeoutMs: readNumber(fields[7]),
    headers: fields.slice(8),
  };
}

export const trailersText = (trailers: WireHeaders): string => trailers.join(SEPARATOR);
export const readTrailers = (text: string): WireHeaders => (text === '' ? [] : split(text));

/** Bigints are numbers of bytes, and small enough. */
export const errorText = (error: ErrorCodeCase): string =>
  JSON.stringify(error, (_key, part) => (typeof part === 'bigint' ? { big: String(part) } : part));

export const readError = (text: string): ErrorCodeCase =>
  JSON.parse(text, (_key, part) =>
    typeof part === 'object' && part !== null && 'big' in part ? BigInt(part.big) : part,
  ) as ErrorCodeCase;
