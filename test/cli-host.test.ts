/** The command line against a host in a process of its own: from a guest's source to its bill, and through a restart. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ebb } from './cli-kit.ts';

const launcher = join(import.meta.dirname, '..', 'cli', 'launch.js');
const folder = mkdtempSync(join(tmpdir(), 'ebb-cli-host-'));
const path = (name: string) => join(folder, name);

interface Served {
  readonly process: ChildProcess;
  readonly line: string;
  readonly publicUrl: string;
  readonly adminUrl: string;
}

/** Starts `ebb serve` as a process of its own and waits for its one line. */
async function serve(...args: string[]): Promise<Served> {
  const child = spawn(process.execPath, [launcher, 'serve', '--port', '0', '--admin-port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
  const [publicUrl = '', adminUrl = ''] = line.match(/http:\/\/[\d.]+:\d+/g) ?? [];
  return { process: child, line, publicUrl, adminUrl };
}

async function stop({ process: child }: Served): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return ended;
}

const GUEST = `import { Request, Response, log } from 'ebb';

export function handle(request: Request): Response {
  log('asked for ' + request.path);
  return Response.text('hi');
}
`;

let host: Served;

beforeAll(async () => {
  writeFileSync(path('hi.ts'), GUEST);
  host = await serve('--data-dir', path('data'));
});

afterAll(async () => {
  if (host.process.exitCode === null) await stop(host);
  rmSync(folder, { recursive: true, force: true });
});

describe('ebb build', () => {
  it('builds a guest and says how large it is', async () => {
    const built = await ebb('build', path('hi.ts'), '-o', path('hi.wasm'), '--json');
    expect(built.exitCode).toBe(0);
    expect(built.json().componentBytes).toBe(readFileSync(path('hi.wasm')).length);
  });

  it('shows the compiler’s error with its line, and writes nothing', async () => {
    writeFileSync(path('broken.ts'), GUEST.replace("'hi'", '42'));
    const { exitCode, stderr } = await ebb('build', path('broken.ts'), '-o', path('broken.wasm'));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/ERROR TS\d+: .*\n(.*\n)*.*broken\.ts\(5,/);
    expect(existsSync(path('broken.wasm'))).toBe(false);
  });
});

describe('a host', () => {
  it('prints one line with both addresses', () => {
    expect(host.line).toMatch(
      /^ebb is ready: functions at http:\/\/127\.0\.0\.1:\d+\/f\/\{name\}\/, admin at http:\/\/127\.0\.0\.1:\d+$/,
    );
  });

  it('is said to be ready when its rehearsal is over', async () => {
    // Both outputs in one, so that their lines are in the order in which they were written.
    const both = [
      '-c',
      'exec "$0" "$@" 2>&1',
      process.execPath,
      launcher,
      'serve',
      '--data-dir',
      path('rehearsed'),
    ];
    const child = spawn('sh', [...both, '--port', '0', '--admin-port', '0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, NODE_DEBUG: 'ebb' },
    });
    const lines: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(line);
      if (line.startsWith('ebb is ready')) child.kill('SIGTERM');
    }
    const rehearsed = lines.findIndex((line) => line.includes('GET /f/(rehearsal)/: HTTP/1.1 200'));
    const ready = lines.findIndex((line) => line.startsWith('ebb is ready'));
    expect(rehearsed).toBeGreaterThanOrEqual(0);
    expect(ready).toBeGreaterThan(rehearsed);
  });

  it('is deployed to, listed, called, billed and exported, then replayed', async () => {
    const at = ['--host', host.adminUrl];
    await ebb('build', path('hi.ts'), '-o', path('hi.wasm'));
    const deployed = await ebb('deploy', path('hi.wasm'), '--name', 'hi', ...at);
    expect(deployed.stdout).toMatch(/^deployed hi: version [0-9a-f]{12}, \d+ bytes\n$/);
    expect((await ebb('deploy', path('hi.wasm'), '--name', 'hi', ...at)).stdout).toMatch(/^unchanged hi: /);
    expect((await ebb('list', ...at, '--json')).json().functions).toMatchObject([{ name: 'hi' }]);
    for (let count = 0; count < 3; count++) {
      const response = await fetch(`${host.publicUrl}/f/hi/there`);
      expect([response.status, await response.text()]).toEqual([200, 'hi']);
    }
    const logs = await ebb('logs', ...at, '--limit', '2');
    expect(logs.stdout.match(/ {4}asked for \/there/g)).toHaveLength(2);
    expect((await ebb('usage', ...at, '--json')).json().functions).toMatchObject([
      { name: 'hi', executions: 3 },
    ]);
    const bill = (await ebb('bill', ...at, '--json')).json();
    expect(bill.lines[0]).toMatchObject({ meter: 'requests', quantity: 0.000003, unit: '1M requests' });
    expect((await ebb('bill', ...at)).stdout).toContain('3 executions at the prices of aws-lambda-x86');
    const exported = await ebb('trace', 'export', ...at, '-o', path('trace.jsonl'));
    expect(exported.stderr).toContain('exported 3 executions');
    expect((await ebb('trace', 'export', ...at)).stdout).toBe(readFileSync(path('trace.jsonl'), 'utf8'));
    const replay = await ebb(
      'simulate',
      path('trace.jsonl'),
      '--keep-alive-s',
      '0',
      '--cold-start-ms',
      'trace',
      '--json',
    );
    const [functions] = replay.json().platforms;
    expect([functions.requests, functions.costUsd]).toEqual([3, bill.totalUsd]);
  });

  it('passes the host’s own refusals on, with their codes', async () => {
    const at = ['--host', host.adminUrl];
    writeFileSync(path('text.wasm'), 'not a component at all');
    const deployed = await ebb('deploy', path('text.wasm'), '--name', 'text', ...at);
    expect([deployed.exitCode, deployed.stderr]).toEqual([
      2,
      expect.stringContaining('(component-not-wasm)'),
    ]);
    const removed = await ebb('remove', 'nobody', ...at);
    expect([removed.exitCode, removed.stderr]).toEqual([2, expect.stringContaining('(function-unknown)')]);
    const billed = await ebb('bill', '--prices', 'nobody', ...at);
    expect([billed.exitCode, billed.stderr]).toEqual([
      2,
      expect.stringContaining('there are aws-lambda-x86, '),
    ]);
  });

  it('refuses a data folder that another host uses, and a port that is taken', async () => {
    const second = await ebb('serve', '--port', '0', '--admin-port', '0', '--data-dir', path('data'));
    expect([second.exitCode, second.stderr]).toEqual([
      4,
      expect.stringContaining('another host is using it'),
    ]);
    const { port } = new URL(host.publicUrl);
    const third = await ebb('serve', '--port', port, '--admin-port', '0', '--data-dir', path('other'));
    expect([third.exitCode, third.stderr]).toEqual([
      4,
      expect.stringContaining('something else listens there'),
    ]);
  });

  it('ends cleanly on SIGTERM and serves the same functions when it is started again', async () => {
    expect(await stop(host)).toBe(0);
    host = await serve('--data-dir', path('data'));
    expect((await fetch(`${host.publicUrl}/f/hi/`)).status).toBe(200);
    const removed = await ebb('remove', 'hi', '--host', host.adminUrl);
    expect(removed.stdout).toContain('removed hi');
    expect((await fetch(`${host.publicUrl}/f/hi/`)).status).toBe(404);
  });
});
