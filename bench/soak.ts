/**
 * Whether the host's memory stays what it is: very many requests of all kinds, those that trap and clients that go
 * away among them, and the drift of resident memory from after the warm-up to the end.
 * `npm run bench:soak [-- REQUESTS]`; needs Linux's /proc. Exits with 1 above the bar or after an unexpected answer.
 */
import http from 'node:http';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../test/host-kit.ts';
import { ServedHost } from './served-host.ts';

const REQUESTS = Number(process.argv[2] ?? 1_000_000);
const CONNECTIONS = 32;
const SAMPLES = 200;
/** Share of the samples that the warm-up has, and that each of the two compared medians is taken of. */
const WARM_UP_SHARE = 0.2;
const COMPARED_SHARE = 0.1;
const DRIFT_PERCENT_MAX = 5;
/** Twice as long as threads stay that were added for the load. */
const REST_MS = 10_000;
const BODY = Buffer.alloc(65_536, 'body ');

const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });

/** A client that goes away: with half of a body sent, or before its answer. */
function leave(origin: string, isInBody: boolean): Promise<void> {
  return new Promise((resolve) => {
    const path = isInBody ? '/f/echo/' : '/f/burn/fib/20';
    const headers = isInBody ? { 'content-length': BODY.length } : {};
    const request = http.request(origin + path, { method: isInBody ? 'POST' : 'GET', headers, agent: false });
    request.on('error', () => undefined);
    request.on('close', resolve);
    if (isInBody) request.write(BODY.subarray(0, BODY.length / 2), () => request.destroy());
    else request.end(() => request.destroy());
  });
}

async function expectStatus(origin: string, path: string, status: number, body?: Buffer): Promise<boolean> {
  const method = body ? 'POST' : 'GET';
  const answer = await ask(origin, path, { method, agent, ...(body ? { body } : {}) });
  return answer.status === status && (!body || answer.body.equals(body));
}

/** Of a thousand requests 5 are given up, 15 trap, 80 echo up to 64 KiB and 900 say hello, well mixed. */
async function one(origin: string, index: number): Promise<boolean> {
  const kind = (index * 7_919) % 1_000;
  if (kind < 5) {
    await leave(origin, kind % 2 === 0);
    return true;
  }
  if (kind < 20) return expectStatus(origin, '/f/burn/trap', 500);
  if (kind >= 100) return expectStatus(origin, '/f/hello/', 200);
  return expectStatus(origin, '/f/echo/', 200, BODY.subarray(0, (index * 4_099) % BODY.length));
}

interface Soaked {
  readonly rssBytes: readonly number[];
  readonly unexpected: number;
  readonly durationMs: number;
}

async function soak(host: ServedHost): Promise<Soaked> {
  const rssBytes: number[] = [];
  const startMs = performance.now();
  const perSample = Math.ceil(REQUESTS / SAMPLES);
  let begun = 0;
  let unexpected = 0;
  const client = async () => {
    while (begun < REQUESTS) {
      const index = begun++;
      if (!(await one(host.publicUrl, index))) unexpected++;
      if ((index + 1) % perSample === 0) rssBytes.push(host.rssBytes);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  return { rssBytes, unexpected, durationMs: performance.now() - startMs };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const inMb = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`;

const host = await ServedHost.start([]);
try {
  const filesBefore = host.openFiles;
  const { rssBytes, unexpected, durationMs } = await soak(host);
  const filesUnderLoad = host.openFiles;
  agent.destroy();
  await sleep(REST_MS);
  const at = (share: number) => Math.floor(rssBytes.length * share);
  const early = median(rssBytes.slice(at(WARM_UP_SHARE), at(WARM_UP_SHARE + COMPARED_SHARE)));
  const late = median(rssBytes.slice(at(1 - COMPARED_SHARE)));
  const driftPercent = (100 * (late - early)) / early;
  const perSecond = (REQUESTS / durationMs) * 1_000;
  process.stdout.write(
    `${cpus()[0]?.model} × ${cpus().length}, Node ${process.versions.node}\n` +
      `${REQUESTS} requests in ${(durationMs / 1_000).toFixed(0)} s, ${perSecond.toFixed(0)} a second, ` +
      `${unexpected} with another answer than expected\n` +
      `resident memory: ${inMb(early)} after the warm-up, ${inMb(late)} at the end, largest ${inMb(Math.max(...rssBytes))}\n` +
      `drift: ${driftPercent.toFixed(1)} % (bar: ${DRIFT_PERCENT_MAX} %); open files: ` +
      `${filesBefore} before, ${filesUnderLoad} at the end of the load, ${host.openFiles} after ${REST_MS / 1_000} s of rest\n`,
  );
  if (driftPercent > DRIFT_PERCENT_MAX || unexpected > 0) process.exitCode = 1;
} finally {
  await host.stop();
}
