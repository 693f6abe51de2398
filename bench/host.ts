/**
 * Requests per second of the host beside its peers, side by side and interleaved: hello, 32 connections, loopback.
 * `npm run bench:host [-- ROUNDS]`. Ebb makes a fresh instance for each request, meters it and commits its record;
 * workerd reuses its isolate; plain Hono and node:http are what a JavaScript server does without any sandbox.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildGuest } from '../guests/build.ts';
import type { LoadResult } from './load.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ebb-bench-'));
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

const ROUNDS = Number(process.argv[2] ?? 5);
const CONNECTIONS = 32;
const ROUND_MS = 3_000;
const FIRST_PORT = 18_400;

interface Peer {
  readonly name: string;
  readonly url: string;
  readonly process: ChildProcess;
}

const WORKERD_CONFIG = (port: number) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .hello)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]);
const hello :Workerd.Worker = (
  modules = [(name = "hello.js", esModule = "export default { fetch() { return new Response('Hello\\\\n'); } }")],
  compatibilityDate = "2026-01-01");
`;

const quiet = { stdio: 'ignore', detached: true } as const;

/** Waits until a server answers. */
async function ready(url: string): Promise<void> {
  for (;;) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startEbb(port: number, wasm: Uint8Array): Promise<Peer> {
  const args = [
    'serve',
    '--port',
    `${port}`,
    '--admin-port',
    `${port + 1}`,
    '--data-dir',
    join(folder, 'data'),
  ];
  const child = spawn(process.execPath, [join(root, 'cli', 'launch.js'), ...args], quiet);
  await ready(`http://127.0.0.1:${port + 1}/healthz`);
  const headers = { 'content-type': 'application/wasm' };
  const body = wasm as Uint8Array<ArrayBuffer>;
  const deployed = await fetch(`http://127.0.0.1:${port + 1}/v1/functions/hello`, {
    method: 'PUT',
    body,
    headers,
  });
  if (deployed.status !== 201) throw new Error(`expected 201 from the deploy, got ${deployed.status}`);
  return { name: 'Ebb, fresh instance each', url: `http://127.0.0.1:${port}/f/hello/`, process: child };
}

function startWorkerd(port: number): Peer {
  const config = join(folder, 'workerd.capnp');
  writeFileSync(config, WORKERD_CONFIG(port));
  const child = spawn(bin('workerd'), ['serve', config], quiet);
  return { name: 'workerd, reused isolate', url: `http://127.0.0.1:${port}/`, process: child };
}

function startJco(port: number, wasmFile: string): Peer {
  const child = spawn(
    bin('jco'),
    ['serve', '--isolate-requests', 'instance', '--port', `${port}`, wasmFile],
    quiet,
  );
  return { name: 'jco serve, instance each', url: `http://127.0.0.1:${port}/`, process: child };
}

function startServer(kind: 'node' | 'hono', port: number): Peer {
  const child = spawn(process.execPath, [join(root, 'bench', 'hello-servers.ts'), kind, `${port}`], quiet);
  const name = kind === 'hono' ? 'plain Hono' : 'bare node:http';
  return { name, url: `http://127.0.0.1:${port}/`, process: child };
}

async function measure(peer: Peer): Promise<LoadResult> {
  const args = [join(root, 'bench', 'load.ts'), peer.url, `${CONNECTIONS}`, `${ROUND_MS}`];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout) as LoadResult;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const perSecond = ({ requests, durationMs }: LoadResult): number => requests / (durationMs / 1_000);

function report(results: ReadonlyMap<Peer, readonly LoadResult[]>): void {
  const rows = [...results].map(([{ name }, rounds]) => ({
    name,
    rps: median(rounds.map(perSecond)),
    p50: median(rounds.map((round) => round.latencyMs.p50)),
    p99: median(rounds.map((round) => round.latencyMs.p99)),
    failures: rounds.reduce((sum, round) => sum + round.failures, 0),
  }));
  const own = rows[0]?.rps ?? 0;
  for (const { name, rps, p50, p99, failures } of rows) {
    const text = `${name.padEnd(26)} ${rps.toFixed(0).padStart(7)} req/s   p50 ${p50.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms`;
    process.stdout.write(`${text}   failures ${failures}   Ebb is ${(own / rps).toFixed(2)} ×\n`);
  }
}

const cpu = cpus();
process.stdout.write(
  `${cpu[0]?.model} × ${cpu.length}, Node ${process.versions.node}; ${ROUNDS} rounds of ${ROUND_MS} ms each, `,
);
process.stdout.write(`${CONNECTIONS} connections, medians\n`);
const wasmFile = join(folder, 'hello.wasm');
const { component } = await buildGuest({ source: join(root, 'guests', 'hello', 'hello.ts'), out: wasmFile });
const peers = [
  await startEbb(FIRST_PORT, component),
  startWorkerd(FIRST_PORT + 2),
  startJco(FIRST_PORT + 3, wasmFile),
  startServer('hono', FIRST_PORT + 4),
  startServer('node', FIRST_PORT + 5),
];
try {
  const results = new Map<Peer, LoadResult[]>(peers.map((peer) => [peer, []]));
  for (const peer of peers) await ready(peer.url);
  for (const peer of peers) await measure(peer);
  for (let round = 0; round < ROUNDS; round++) {
    for (const peer of peers) results.get(peer)?.push(await measure(peer));
  }
  report(results);
} finally {
  for (const { process: child } of peers) {
    // The whole group: jco serve leaves a child of its own behind.
    if (child.pid) process.kill(-child.pid, 'SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
}
