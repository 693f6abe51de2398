// Answers with what it was asked: the same body and content type, the method and the path as headers.

import { Request, Response } from 'ebb';

export function handle(request: Request): Response {
  const response = new Response(200, request.body);
  const contentType = request.headers.get('content-type');
  if (contentType) response.header('content-type', contentType);
  return response.header('x-method', request.method).header('x-path', request.path);
}
