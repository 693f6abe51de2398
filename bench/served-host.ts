/** `ebb serve` as a process of its own for the benches: functions deployed, and its memory read from Linux's /proc. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildExamples } from '../guests/build.ts';
import { ask } from '../test/host-kit.ts';

const KIB = 1_024;

export class ServedHost {
  readonly publicUrl: string;
  readonly #adminUrl: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, urls: { publicUrl: string; adminUrl: string }) {
    this.#child = child;
    this.#folder = folder;
    this.publicUrl = urls.publicUrl;
    this.#adminUrl = urls.adminUrl;
  }

  /** Starts a host on free ports with the examples as functions. @param options of `ebb serve`. */
  static async start(options: readonly string[]): Promise<ServedHost> {
    const folder = await mkdtemp(join(tmpdir(), 'ebb-bench-'));
    const main = join(import.meta.dirname, '..', 'cli', 'launch.js');
    const own = ['--port', '0', '--admin-port', '0', '--data-dir', folder, '--json'];
    const child = spawn(process.execPath, [main, 'serve', ...own, ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const host = new ServedHost(child, folder, JSON.parse(line));
    for (const [name, { component }] of await buildExamples()) await host.#deploy(name, component);
    return host;
  }

  /** Bytes of the process that are in memory now. */
  get rssBytes(): number {
    return this.#statusKib('VmRSS') * KIB;
  }

  /** Most bytes that were in memory since `forgetPeak`. */
  get rssBytesPeak(): number {
    return this.#statusKib('VmHWM') * KIB;
  }

  /** Lets the peak begin anew from what is in memory now (proc(5), clear_refs). */
  forgetPeak(): void {
    writeFileSync(this.#proc('clear_refs'), '5');
  }

  get openFiles(): number {
    return readdirSync(this.#proc('fd')).length;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #deploy(name: string, component: Uint8Array): Promise<void> {
    const headers = { 'content-type': 'application/wasm', 'content-length': component.length };
    const path = `/v1/functions/${name}`;
    const { status, text } = await ask(this.#adminUrl, path, { method: 'PUT', headers, body: component });
    if (status !== 201) throw new Error(`expected 201 from the deploy of ${name}, got ${status}: ${text}`);
  }

  #proc(name: string): string {
    return `/proc/${this.#child.pid}/${name}`;
  }

  #statusKib(name: string): number {
    const [, kib] =
      new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(this.#proc('status'), 'utf8')) ?? [];
    if (kib === undefined) throw new Error(`expected ${name} in ${this.#proc('status')}, found none`);
    return Number(kib);
  }
}
