/**
 * An HTTP/1.1 load generator for the benches: a fixed number of connections, one request at a time on each, raw
 * sockets, so that it costs little beside what it measures. As a program it runs one measurement and prints JSON:
 * `node bench/load.ts URL CONNECTIONS DURATION_MS`.
 */
import { connect, type Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';

export interface LoadResult {
  readonly requests: number;
  /** Answers whose status was not 200, and connections that broke. */
  readonly failures: number;
  readonly durationMs: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const OK = 'HTTP/1.1 200';

/** Length of the first whole response in the buffer, or 0 while it is incomplete. */
function responseLength(buffer: Buffer): number {
  const headEnd = buffer.indexOf(END_OF_HEAD);
  if (headEnd < 0) return 0;
  const head = buffer.toString('latin1', 0, headEnd).toLowerCase();
  const declared = /\r\ncontent-length: *(\d+)/.exec(head);
  if (declared) {
    const length = headEnd + 4 + Number(declared[1]);
    return buffer.length >= length ? length : 0;
  }
  const chunkedEnd = buffer.indexOf('0\r\n\r\n', headEnd + 2, 'latin1');
  return chunkedEnd < 0 ? 0 : chunkedEnd + 5;
}

interface Totals {
  failures: number;
  readonly latenciesMs: number[];
}

function runConnection(url: URL, endsAtMs: number, totals: Totals): Promise<void> {
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`;
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    let pending: Buffer = Buffer.alloc(0);
    let sentMs = 0;
    const send = () => {
      sentMs = performance.now();
      socket.write(request);
    };
    const end = (failed: boolean) => {
      if (failed) totals.failures++;
      socket.destroy();
      resolve();
    };
    socket.once('connect', send);
    socket.once('error', () => end(true));
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const length = responseLength(pending);
      if (length === 0) return;
      const nowMs = performance.now();
      if (pending.toString('latin1', 0, OK.length) !== OK) totals.failures++;
      totals.latenciesMs.push(nowMs - sentMs);
      pending = pending.subarray(length);
      if (nowMs >= endsAtMs) end(false);
      else send();
    });
  });
}

export async function load(url: string, connections: number, durationMs: number): Promise<LoadResult> {
  const totals: Totals = { failures: 0, latenciesMs: [] };
  const startedMs = performance.now();
  const target = new URL(url);
  await Promise.all(
    Array.from({ length: connections }, () => runConnection(target, startedMs + durationMs, totals)),
  );
  const sorted = Float64Array.from(totals.latenciesMs).sort();
  const at = (share: number) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(3));
  return {
    requests: sorted.length,
    failures: totals.failures,
    durationMs: performance.now() - startedMs,
    latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
  };
}

if (isMainThread && process.argv[1]?.endsWith('load.ts')) {
  const [, , url = '', connections = '32', durationMs = '2000'] = process.argv;
  process.stdout.write(`${JSON.stringify(await load(url, Number(connections), Number(durationMs)))}\n`);
}
