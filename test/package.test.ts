/** The package as its users get it: packed, installed into an empty folder, and run with nothing around it. */
import { execFile, spawn } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ebb-package-'));
const ebb = join(folder, 'node_modules', '.bin', 'ebb');
/** The user's machine: this Node 26 first, nothing of this checkout's npm, and how it reaches a registry. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_|VITEST|INIT_CWD)/.test(name) || name === 'NODE_EXTRA_CA_CERTS',
  ),
);
env.PATH = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':');

function sizeBytes(path: string): number {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (!status?.isDirectory()) return status?.size ?? 0;
  return readdirSync(path).reduce((sum, name) => sum + sizeBytes(join(path, name)), 0);
}

describe('the installed package', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root });
    const tarball = stdout.trim().split('\n').at(-1) as string;
    writeFileSync(join(folder, 'package.json'), '{"name":"user","private":true}');
    await run('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder, env });
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes less than 200 MB', () => {
    expect(sizeBytes(join(folder, 'node_modules'))).toBeLessThan(200 * 1024 * 1024);
  });

  it('has an `ebb` command with help', async () => {
    const { stdout } = await run(ebb, ['--help'], { cwd: folder, env });
    for (const command of [
      'serve',
      'build',
      'deploy',
      'list',
      'remove',
      'logs',
      'bill',
      'trace',
      'simulate',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
    }
  });

  it('builds a guest, serves it and simulates its executions', async () => {
    const source =
      "import { Request, Response } from 'ebb';\n\nexport function handle(request: Request): Response {\n  return Response.text('hi ' + request.path);\n}\n";
    writeFileSync(join(folder, 'hi.ts'), source);
    await run(ebb, ['build', 'hi.ts', '-o', 'hi.wasm'], { cwd: folder, env });
    const host = spawn(ebb, ['serve', '--port', '0', '--admin-port', '0', '--json'], { cwd: folder, env });
    try {
      const line = await new Promise<string>((resolve) => createInterface(host.stdout).once('line', resolve));
      const { publicUrl, adminUrl } = JSON.parse(line) as Record<string, string>;
      await run(ebb, ['deploy', 'hi.wasm', '--name', 'hi', '--host', adminUrl as string], {
        cwd: folder,
        env,
      });
      const response = await fetch(`${publicUrl}/f/hi/there`);
      expect([response.status, await response.text()]).toEqual([200, 'hi /there']);
      await run(ebb, ['trace', 'export', '-o', 'trace.jsonl', '--host', adminUrl as string], {
        cwd: folder,
        env,
      });
    } finally {
      const ended = new Promise((resolve) => host.once('exit', resolve));
      host.kill('SIGTERM');
      expect(await ended).toBe(0);
    }
    const { stdout } = await run(ebb, ['simulate', 'trace.jsonl', '--json'], { cwd: folder, env });
    expect(JSON.parse(stdout).platforms.map((platform: { requests: number }) => platform.requests)).toEqual([
      1, 1, 1,
    ]);
  });
});
