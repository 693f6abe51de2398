/** The command line itself: its help, its version, and what it says to mistakes in calling it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Collected, ebb } from './cli-kit.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ebb-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('ebb', () => {
  it('lists its commands and exit codes in the help', async () => {
    const { exitCode, stdout } = await ebb('--help');
    expect(exitCode).toBe(0);
    for (const command of [
      'serve',
      'build',
      'deploy',
      'list',
      'remove',
      'settings',
      'logs',
      'usage',
      'bill',
      'trace',
      'simulate',
      'demo',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    }
    expect(stdout).toContain('Exit codes: 0 success');
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect((await ebb('--version')).stdout).toBe(`${version}\n`);
  });

  it.each([
    ['serve'],
    ['build'],
    ['deploy'],
    ['list'],
    ['remove'],
    ['settings'],
    ['logs'],
    ['usage'],
    ['bill'],
    ['trace', 'export'],
    ['trace', 'info'],
    ['simulate'],
    ['demo'],
  ])('has help for %s %s', async (...command) => {
    const { exitCode, stdout } = await ebb(...command.filter(Boolean), '--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: ebb ${command.filter(Boolean).join(' ')}`);
  });

  it('suggests the option or command that was meant', async () => {
    const option = await ebb('simulate', 'x.csv', '--keep-aliv-s', '3');
    expect([option.exitCode, option.stderr]).toEqual([
      2,
      expect.stringContaining('Did you mean --keep-alive-s?'),
    ]);
    const command = await ebb('simulat');
    expect([command.exitCode, command.stderr]).toEqual([
      2,
      expect.stringContaining('Did you mean simulate?'),
    ]);
  });

  it('refuses a value out of range and says which is expected', async () => {
    const { exitCode, stderr } = await ebb('serve', '--port', '70000');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Expected a whole number from 0 to 65535, got "70000".');
  });

  it('says that no host is running, with the exit code of a system fault', async () => {
    const { exitCode, stderr } = await ebb('list', '--host', 'http://127.0.0.1:9');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('no host answers at http://127.0.0.1:9');
    expect(stderr).toContain('ebb serve');
  });

  it('prints errors as JSON where JSON was asked for', async () => {
    const { exitCode, stdout, stderr } = await ebb('list', '--host', 'nonsense', '--json');
    expect([exitCode, stdout, JSON.parse(stderr).error.code]).toEqual([2, '', 'value-invalid']);
  });
});

describe('the launcher', () => {
  it('says which Node is needed when it is too old', async () => {
    const old =
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });";
    const preloaded = join(folder, 'old-node.cjs');
    writeFileSync(preloaded, old);
    const child = spawn(process.execPath, [
      '--require',
      preloaded,
      join(root, 'cli', 'launch.js'),
      '--version',
    ]);
    const stderr = new Collected();
    child.stderr.pipe(stderr);
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    expect(exitCode).toBe(4);
    expect(stderr.text).toContain('expected Node 26 or newer, got 20.20.2 (node-unsupported)');
  });
});
