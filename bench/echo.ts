/**
 * What a long body costs in memory: bytes POSTed to the echo guest and read back as they come, and the growth of the
 * host's resident memory meanwhile. `npm run bench:echo [-- MEGABYTES [ROUNDS]]`; needs Linux's /proc.
 */
import http from 'node:http';
import { cpus } from 'node:os';
import { ServedHost } from './served-host.ts';

const MEGABYTES = Number(process.argv[2] ?? 1_024);
const ROUNDS = Number(process.argv[3] ?? 3);
const MB = 1_048_576;
const PIECE = Buffer.from(
  Array.from({ length: 65_536 }, (_byte, index) => (index * 31 + (index >> 8)) & 0xff),
);
const TIME_LIMIT_MS = 600_000;

/** Writes the pattern over and over, as fast as it is taken. */
function pour(request: http.ClientRequest, bytes: number): void {
  let leftBytes = bytes;
  const more = () => {
    while (leftBytes > 0) {
      const piece = leftBytes < PIECE.length ? PIECE.subarray(0, leftBytes) : PIECE;
      leftBytes -= piece.length;
      if (!request.write(piece)) return;
    }
    request.end();
  };
  request.on('drain', more);
  more();
}

/** Whether a chunk goes on with the pattern after so many bytes of it. */
function matches(chunk: Buffer, fromBytes: number): boolean {
  for (let at = 0; at < chunk.length; ) {
    const start = (fromBytes + at) % PIECE.length;
    const length = Math.min(chunk.length - at, PIECE.length - start);
    if (chunk.compare(PIECE, start, start + length, at, at + length) !== 0) return false;
    at += length;
  }
  return true;
}

/** @throws unless every byte comes back. */
function echo(origin: string, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': bytes };
    const request = http.request(`${origin}/f/echo/`, { method: 'POST', headers });
    request.on('error', reject);
    request.on('response', (response) => {
      let receivedBytes = 0;
      let isWhole = response.statusCode === 200;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        isWhole &&= matches(chunk, receivedBytes);
        receivedBytes += chunk.length;
      });
      response.on('end', () => {
        if (isWhole && receivedBytes === bytes) resolve();
        else
          reject(
            new Error(`expected ${bytes} bytes back, got ${receivedBytes}, status ${response.statusCode}`),
          );
      });
    });
    pour(request, bytes);
  });
}

const limits = ['--request-mb', `${MEGABYTES}`, '--response-mb', `${MEGABYTES}`];
const host = await ServedHost.start([...limits, '--time-limit-ms', `${TIME_LIMIT_MS}`]);
try {
  const [cpu] = cpus();
  process.stdout.write(`${cpu?.model} × ${cpus().length}, Node ${process.versions.node}\n`);
  // What any first requests take: threads, compiled code, buffers of sockets.
  for (let count = 0; count < 20; count++) await echo(host.publicUrl, 4 * PIECE.length);
  for (let round = 1; round <= ROUNDS; round++) {
    host.forgetPeak();
    const before = host.rssBytes;
    const startMs = performance.now();
    await echo(host.publicUrl, MEGABYTES * MB);
    const seconds = (performance.now() - startMs) / 1_000;
    const grownMb = (host.rssBytesPeak - before) / MB;
    process.stdout.write(
      `round ${round}: ${MEGABYTES} MB there and back at ${(MEGABYTES / seconds).toFixed(0)} MB/s; resident memory ` +
        `${(before / MB).toFixed(0)} MB, at its peak ${grownMb.toFixed(1)} MB more\n`,
    );
  }
} finally {
  await host.stop();
}
