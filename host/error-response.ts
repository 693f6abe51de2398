/** Errors as both listeners answer them: a JSON body with a stable code. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { asCodedError } from '../metering/errors.ts';
import { ExecutionError } from './executor.ts';

/** Seconds after which a refused client may try again. */
const RETRY_AFTER_S = 1;

export function errorResponse(
  context: Context,
  thrown: unknown,
  onInternal: (error: unknown) => void,
): Response {
  const error = asCodedError(thrown);
  if (error.code === 'internal') onInternal(thrown);
  if (error instanceof ExecutionError) context.header('x-ebb-execution', String(error.executionId));
  if (error.httpStatus === 503) context.header('retry-after', String(RETRY_AFTER_S));
  if (error.code === 'request-too-large' || error.code === 'component-too-large')
    context.header('connection', 'close');
  return context.json(error.toBody(), error.httpStatus as ContentfulStatusCode);
}
