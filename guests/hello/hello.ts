// The smallest guest: the same text for every request.

import { Request, Response } from 'ebb';

export function handle(_request: Request): Response {
  return Response.text('Hello from Ebb\n');
}
