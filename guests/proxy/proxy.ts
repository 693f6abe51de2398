// Fetches the URL in `?url=` and answers with what came back.

import { fetch, Request, Response } from 'ebb';

export function handle(request: Request): Response {
  const url = request.query('url');
  if (!url) return Response.text('expected ?url=http://host/path, found no url\n', 400);

  const upstream = fetch(url);
  if (upstream.error == 'HTTP-request-URI-invalid') {
    return Response.text(`expected an absolute http or https URL, found ${url}\n`, 400);
  }
  if (upstream.failed) return Response.text(`the fetch failed: ${upstream.error}\n`, 502);

  const response = new Response(upstream.status, upstream.body);
  const contentType = upstream.headers.get('content-type');
  if (contentType) response.header('content-type', contentType);
  return response.header('x-upstream-status', upstream.status.toString());
}
