/**
 * How long the first answers of a process take: `npm run bench:first [-- ROUNDS [FOLDER …]]`. Each round starts
 * `ebb serve` anew: a deploy and its first answer, another deploy, and after a restart the first answers of two
 * functions, by a request that comes when the host is ready and by one that comes a second later. What a warm answer
 * takes after such a second is what the machine and the client take to wake up, not the host's start. Folders are
 * checkouts to compare side by side; by default there is this one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildExamples } from '../guests/build.ts';
import { ask } from '../test/host-kit.ts';

const [rounds = 5, ...folders] = process.argv
  .slice(2)
  .map((text, index) => (index === 0 ? Number(text) : text));
const ROOTS = folders.length > 0 ? folders.map(String) : [join(import.meta.dirname, '..')];
const REST_MS = 1_000;
const WARM_REQUESTS = 15;

const { component } = (await buildExamples()).get('hello') as { component: Uint8Array };
const dataDir = join(mkdtempSync(join(tmpdir(), 'ebb-first-')), 'data');
let agent = new http.Agent({ keepAlive: true });

const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

async function tookMs(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

/** One process, from its start to its end. */
class Served {
  readonly readyMs: number;
  readonly #child: ChildProcess;
  readonly #urls: { readonly publicUrl: string; readonly adminUrl: string };

  private constructor(child: ChildProcess, readyMs: number, line: string) {
    this.#child = child;
    this.readyMs = readyMs;
    this.#urls = JSON.parse(line);
  }

  static async start(root: string): Promise<Served> {
    const ports = ['--port', '0', '--admin-port', '0'];
    const args = [join(root, 'cli', 'launch.js'), 'serve', ...ports, '--data-dir', dataDir, '--json'];
    const beganMs = performance.now();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return new Served(child, performance.now() - beganMs, line);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    agent.destroy();
    agent = new http.Agent({ keepAlive: true });
  }

  async deploy(name: string, number: number): Promise<void> {
    // A custom section, so that it is another version.
    const body = Buffer.concat([component, Uint8Array.of(0, 3, 1, 120, number)]);
    const headers = { 'content-type': 'application/wasm', 'content-length': body.length };
    const path = `/v1/functions/${name}`;
    const { status, text } = await ask(this.#urls.adminUrl, path, { method: 'PUT', headers, body, agent });
    if (status !== 201) throw new Error(`expected 201 from a deploy, got ${status}: ${text}`);
  }

  async call(name: string): Promise<void> {
    const { status, text } = await ask(this.#urls.publicUrl, `/f/${name}/`, { agent });
    if (status !== 200) throw new Error(`expected 200 from ${name}, got ${status}: ${text}`);
  }

  async warmMs(name: string): Promise<number> {
    const took = [];
    for (let count = 0; count < WARM_REQUESTS; count++) took.push(await tookMs(() => this.call(name)));
    return medianOf(took);
  }
}

type Figures = Record<string, number[]>;

async function measureRound(root: string, round: number, figures: Figures): Promise<void> {
  const note = (name: string, ms: number) => {
    figures[name] ??= [];
    figures[name].push(ms);
  };
  const deployed = async (host: Served, name: string, number: number) => {
    await host.deploy(name, number);
    await host.call(name);
  };
  rmSync(dataDir, { recursive: true, force: true });
  let host = await Served.start(root);
  note('process start to ready', host.readyMs);
  await sleep(REST_MS);
  note('first deploy to first answer', await tookMs(() => deployed(host, 'one', round)));
  note('second deploy to first answer', await tookMs(() => deployed(host, 'two', round + 128)));
  await host.stop();
  host = await Served.start(root);
  await sleep(REST_MS);
  const firstMs = await tookMs(() => host.call('one'));
  const otherMs = await tookMs(() => host.call('two'));
  const warmMs = await host.warmMs('one');
  note('a warm answer', warmMs);
  note('first answer after a restart, over warm', firstMs - warmMs);
  note("another function's, over warm", otherMs - warmMs);
  await sleep(REST_MS);
  note('a warm one after such a rest, over warm', (await tookMs(() => host.call('one'))) - warmMs);
  await host.stop();
  host = await Served.start(root);
  note('first answer at once when ready', await tookMs(() => host.call('one')));
  await host.stop();
}

const all = ROOTS.map((root) => ({ root, figures: {} as Figures }));
process.stdout.write(`${cpus()[0]?.model} × ${cpus().length}, Node ${process.versions.node}\n`);
for (let round = 0; round < Number(rounds); round++)
  for (const { root, figures } of all) await measureRound(root, round, figures);
for (const { root, figures } of all) {
  process.stdout.write(`${root}: medians of ${rounds} rounds in ms, and all of them\n`);
  for (const [name, values] of Object.entries(figures)) {
    const each = values.map((ms) => ms.toFixed(1)).join(' ');
    process.stdout.write(`${name.padEnd(42)} ${medianOf(values).toFixed(1).padStart(6)}   ${each}\n`);
  }
}
agent.destroy();
rmSync(join(dataDir, '..'), { recursive: true, force: true });
