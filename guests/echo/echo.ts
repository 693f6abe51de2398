// Answers with what it was asked, while it is still being asked: the same body and content type, the method and the
// path as headers.

import { Request, Response } from 'ebb';

export function handle(request: Request): Response {
  const response = Response.empty(200);
  const contentType = request.headers.get('content-type');
  if (contentType) response.header('content-type', contentType);
  response.header('x-method', request.method).header('x-path', request.path);

  const body = request.stream();
  const out = response.stream();
  let piece = body.read();
  while (piece && out.write(piece)) piece = body.read();
  return response;
}
