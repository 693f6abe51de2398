/** Errors as both listeners answer them: a JSON body with a stable code. */
import { asCodedError, CodedError, type ErrorBody } from '../metering/errors.ts';
import { ExecutionError } from './executor.ts';

/** Seconds after which a refused client may try again. */
const RETRY_AFTER_S = 1;

/** What an error looks like on the wire. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

/** @param onInternal is told of everything that is no refusal; the client learns no more than that it happened. */
export function errorAnswer(thrown: unknown, onInternal: (error: unknown) => void): ErrorAnswer {
  const isCoded = thrown instanceof CodedError;
  if (!isCoded || thrown.code === 'internal') onInternal(thrown);
  const error = isCoded ? thrown : new CodedError('internal', 'the host failed; its own output says why');
  const headers: Record<string, string> = {};
  if (error instanceof ExecutionError) headers['x-ebb-execution'] = String(error.executionId);
  if (error.httpStatus === 503) headers['retry-after'] = String(RETRY_AFTER_S);
  return { status: error.httpStatus, headers, body: asCodedError(error).toBody() };
}

/** The whole answer as bytes, for a connection that brought no request that HTTP allows. */
export function rawErrorAnswer(error: CodedError): string {
  const { status, body } = errorAnswer(error, () => undefined);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} Bad Request`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}
