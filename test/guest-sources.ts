/** Sources of guests for tests, each alone in a folder outside of this repository. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export const HELLO = `import { Request, Response } from 'ebb';
export function handle(request: Request): Response {
  return Response.text('hi');
}
`;

/** Reaches the corners of the SDK; each path is a case of its own. */
export const CORNERS = `import { fetch, log, OutboundRequest, Request, Response } from 'ebb';

const greeting: string = 'made at ' + 'start';

export function handle(request: Request): Response {
  const path = request.pathname;
  if (path == '/start') return Response.text(greeting);
  if (path == '/unicode') return Response.text('grün — 日本 — 🦀');
  if (path == '/lone') return Response.text('a' + String.fromCharCode(0xd83e) + 'b');
  if (path == '/text') return Response.text(request.text().length.toString() + ':' + request.text());
  if (path == '/empty') return Response.empty(204);
  if (path == '/query') {
    const name = request.query('name');
    return Response.text((name ? name : '(null)') + '|' + request.queryAll('x').join(','));
  }
  if (path == '/headers') {
    const headers = request.headers;
    let list = '';
    for (let i = 0; i < headers.size; i++) list += headers.nameAt(i) + '=' + headers.valueAt(i) + ';';
    const missing = headers.get('missing');
    return Response.text(list + headers.getAll('ACCEPT').join(',') + (missing ? '' : ';none'));
  }
  if (path == '/cookies') {
    const response = Response.text('').header('X-One', '1').header('x-one', '2');
    response.headers.append('set-cookie', 'a=1');
    response.headers.append('set-cookie', 'b=2');
    return response;
  }
  if (path == '/log') {
    log('one');
    log('zwölf');
    return Response.text(request.method);
  }
  if (path == '/throw') throw new Error('on purpose');
  if (path == '/bounds') return Response.text(path.split('/')[7]);
  if (path == '/bad-status') return Response.empty(request.headers.size ? 99 : 70000);
  if (path == '/bad-header') return Response.text('').header('with space', 'x');
  if (path == '/post') {
    const outbound = new OutboundRequest('https://example.test:8443?q=1#part', 'POST').header('x-a', 'ä');
    const result = fetch(outbound.withText('körper'));
    return Response.text(result.failed ? result.error : result.status.toString() + result.text());
  }
  if (path == '/verb') return Response.text(fetch(new OutboundRequest('http://a/', 'PURGE')).status.toString());
  if (path == '/bad-verb') return Response.text(fetch(new OutboundRequest('http://a/', 'A B')).error);
  if (path == '/forbidden') return Response.text(fetch(new OutboundRequest('http://a/').header('connection', 'x')).error);
  return Response.text(path, 404);
}
`;

let made: Promise<string> | undefined;
afterAll(async () => {
  if (made) await rm(await made, { recursive: true, force: true });
});

/** A folder that lives as long as the tests of a file. */
export function scratchFolder(): Promise<string> {
  made ??= mkdtemp(join(tmpdir(), 'ebb-guests-'));
  return made;
}

/** A source alone in a new folder. */
export async function sourceFile(name: string, text: string): Promise<string> {
  const dir = await mkdtemp(join(await scratchFolder(), 'source-'));
  await writeFile(join(dir, `${name}.ts`), text);
  return join(dir, `${name}.ts`);
}
