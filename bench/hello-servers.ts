/** Minimal servers to compare with, run as processes of their own: `node bench/hello-servers.ts node|hono PORT`. */
import { createServer } from 'node:http';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const [, , kind, port] = process.argv;
const TEXT = 'Hello\n';

if (kind === 'hono') {
  const app = new Hono();
  app.get('/', (context) => context.text(TEXT));
  serve({ fetch: app.fetch, port: Number(port), hostname: '127.0.0.1' });
} else {
  createServer((_request, response) => response.end(TEXT)).listen(Number(port), '127.0.0.1');
}
