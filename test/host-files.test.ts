/** Folders that a host opens for its guests: what it is told of them, what functions choose, what guests get. */
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hostConfig } from '../host/config.ts';
import { checkSettings, effectiveSettings } from '../host/function-settings.ts';
import { openPreopens } from '../host/preopens.ts';
import { startHost } from '../host/server.ts';
import { ebb } from './cli-kit.ts';
import { FilesFolder, script } from './files-kit.ts';
import { closeAll, errorOf, scratchFolder, TestHost } from './host-kit.ts';
import { adaptedRust, rustComponent } from './rust-guest.ts';

let guest: Uint8Array;
let folder: FilesFolder;
let offered: string[];

beforeAll(async () => {
  guest = await rustComponent('rust-files');
});
beforeEach(() => {
  folder = new FilesFolder();
  offered = [`${folder.path}::/data`, `${join(folder.path, 'folder')}::/data/more`];
});
afterEach(async () => {
  await closeAll();
  folder.remove();
});

type Lines = Parameters<typeof script>[0];

async function said(host: TestHost, lines: Lines, path = '/std', name = 'files'): Promise<string> {
  const answer = await host.call(`/f/${name}${path}`, { method: 'POST', body: script(lines) });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.text;
}

describe('the host’s list', () => {
  const wrong = [
    ['no pair', 'data'],
    ['no folder', '::/data'],
    ['no name', 'data::'],
    ['a relative name', 'data::data'],
    ['a name that goes back', 'data::/a/../b'],
    ['a name that is not in its shortest form', 'data::/a/'],
    ['two slashes', 'data::/a//b'],
    ['a NUL', 'data::/a\0b'],
  ] as const;

  test.each(wrong)('refuses %s', (_what, text) => {
    expect(() => hostConfig({ preopens: [text] })).toThrow(/preopens: expected FOLDER::\/NAME, .*, got "/);
  });

  test('refuses what is no list, and a name twice', () => {
    expect(() => hostConfig({ preopens: 'a::/b' as unknown as string[] })).toThrow(
      /preopens: expected a list/,
    );
    expect(() => hostConfig({ preopens: [1 as unknown as string] })).toThrow(/got 1$/);
    expect(() => hostConfig({ preopens: ['a::/x', 'b::/x'] })).toThrow(/each name once, got \/x twice/);
    expect(hostConfig({ preopens: ['a::b::/', 'C:\\x::/x'] }).preopens).toHaveLength(2);
  });

  test('with folders that are not there keeps the host from starting, and names each', async () => {
    const nothing = join(folder.path, 'nothing');
    const preopens = [`${nothing}::/a`, `${join(folder.path, 'text')}::/b`, `${folder.path}::/c`];
    const config = hostConfig({ preopens, port: 0, adminPort: 0, dataDir: await scratchFolder() });
    const starting = startHost(config, { nowMs: Date.now, onInternal: () => undefined });
    await expect(starting).rejects.toMatchObject({
      code: 'config-invalid',
      details: {
        faults: [
          expect.stringMatching(/expected a folder for \/a, got .*nothing: ENOENT/),
          expect.stringMatching(/expected a folder for \/b, got .*text: it is no folder/),
        ],
      },
    });
  });

  test('with the host’s own data, or in it, keeps the host from starting', async () => {
    const outer = folder.outer;
    const to = join(outer, 'to');
    symlinkSync(join(outer, 'data'), to);
    const starts = (preopen: string, dataDir: string) => {
      const config = hostConfig({ preopens: [`${preopen}::/a`], port: 0, adminPort: 0, dataDir });
      return startHost(config, { nowMs: Date.now, onInternal: () => undefined });
    };
    const refused = {
      code: 'config-invalid',
      message: expect.stringContaining('guests would read the host’s own data there'),
    };
    await expect(starts(outer, join(outer, 'data'))).rejects.toMatchObject(refused);
    await expect(starts(outer, join(outer, 'not', 'yet'))).rejects.toMatchObject(refused);
    await expect(starts('/', join(outer, 'data'))).rejects.toMatchObject(refused);
    mkdirSync(join(outer, 'data', 'journal'), { recursive: true });
    await expect(starts(join(outer, 'data', 'journal'), to)).rejects.toMatchObject(refused);
    await expect(starts(to, join(outer, 'data'))).rejects.toMatchObject(refused);
    expect(readdirSync(join(outer, 'data'))).toEqual(['journal']);
    const beside = await starts(join(outer, 'root'), join(outer, 'root-but-other'));
    await beside.stop();
  });

  test('whose paths do not fit beside a request keeps the host from starting', () => {
    const names = Array.from(
      { length: 300 },
      (_none, index) => `${folder.path}::/${'n'.repeat(150)}${index}`,
    );
    expect(() => openPreopens(names, '/none')).toThrow(
      /expected all paths to take at most 32768 bytes, got \d{5}$/,
    );
    expect(openPreopens(names.slice(0, 100), '/none')).toHaveLength(100);
  });

  test('is what functions have, and the most that they can', () => {
    const host = hostConfig({ preopens: ['a::/a', 'b::/b'] });
    expect(effectiveSettings({}, host).preopens).toEqual(['/a', '/b']);
    expect(effectiveSettings(checkSettings({ preopens: ['/b'] }, host), host).preopens).toEqual(['/b']);
    expect(effectiveSettings(checkSettings({ preopens: [] }, host), host).preopens).toEqual([]);
    expect(effectiveSettings({ preopens: ['/b', '/gone'] }, host).preopens).toEqual(['/b']);
    expect(() => checkSettings({ preopens: ['/c', 1] }, host)).toThrow(
      /preopens: expected some of \/a, \/b, got "\/c"; preopens: expected some of \/a, \/b, got 1/,
    );
    expect(() => checkSettings({ preopens: '/a' }, host)).toThrow(/preopens: expected a list, got "\/a"/);
    expect(() => checkSettings({ preopens: ['/a', '/b', '/a'] }, host)).toThrow(
      /^preopens: expected each name once, got \/a twice$/,
    );
    expect(() => checkSettings({ preopens: ['/a'] }, hostConfig())).toThrow(
      /expected nothing, since this host/,
    );
  });
});

describe('a guest', () => {
  test('reads the host’s folders in threads, with a record, and leaves nothing open', async () => {
    const host = await TestHost.start({ preopens: offered });
    await host.deploy('files', guest);
    await host.deploy('adapted', await adaptedRust('rust-files'));
    for (const name of ['files', 'adapted', 'files', 'adapted']) {
      const lines: Lines = [
        ['read', '/data/größe'],
        ['read', '/data/more/inner'],
        ['read', '/data/to-outside'],
      ];
      expect(await said(host, lines, '/std', name)).toBe('straße\ninside\nPermissionDenied\n');
      const raw = await said(host, [['dirs'], ['open', 0, 'stay', 'text'], ['forget']], '/raw', name);
      expect(raw).toBe('/data /data/more\nopened\nforgotten\n');
    }
    const trapping = script([['dirs'], ['open', 0, 'stay', 'text'], ['trap']]);
    expect((await host.call('/f/files/raw', { method: 'POST', body: trapping })).status).toBe(500);
    expect(folder.openCount).toBe(0);
    const outcomes = (await host.executions()).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['trap', ...Array(8).fill('ok')]);
  });

  test('is told the same with as many folders as a host can have, and files are no bytes that came in', async () => {
    const names = Array.from({ length: 180 }, (_none, index) => `/${'ö'.repeat(40)}${index}`);
    const host = await TestHost.start({ preopens: names.map((name) => `${folder.path}::${name}`) });
    await host.deploy('files', guest);
    const headers = Object.fromEntries(
      Array.from({ length: 15 }, (_none, index) => [`x-${index}`, 'a'.repeat(1_000)]),
    );
    const lines: Lines = [['dirs'], ['open', 0, 'stay', 'big'], ['stream', 180, 0]];
    const answer = await host.call('/f/files/raw', { method: 'POST', body: script(lines), headers });
    expect([answer.status, answer.text]).toEqual([
      200,
      expect.stringMatching(/^\/ö+0 .*179\nopened\n300000 \d+\n$/),
    ]);
    const [record] = await host.executions();
    expect(record).toMatchObject({ bytesIn: script(lines).length, bytesOut: answer.body.length });
  });

  test('reads nothing where there is no folder', async () => {
    const host = await TestHost.start();
    await host.deploy('files', guest);
    expect(await said(host, [['read', '/data/text']])).toBe('NotFound\n');
    expect(await said(host, [['dirs']], '/raw')).toBe('\n');
  });

  test('that serves again keeps its folders, and loses its files', async () => {
    const host = await TestHost.start({ preopens: offered, workers: 1 });
    await host.deploy('files', guest, { reuseRequests: 100 });
    for (const text of ['one', 'two', 'three']) {
      writeFileSync(join(folder.path, 'text'), text);
      expect(await said(host, [['read', '/data/text']])).toBe(`${text}\n`);
      expect(
        await said(
          host,
          [['dirs'], ['many', 0, 'text', 100], ['open', 0, 'stay', 'text'], ['forget']],
          '/raw',
        ),
      ).toBe('/data /data/more\n100\nopened\nforgotten\n');
      expect(folder.openCount).toBe(0);
    }
    expect((await host.executions()).map(({ warmth }) => warmth)).toEqual([...Array(5).fill('warm'), 'cold']);
  });

  test('has the folders that its function chose, also after a restart that offers fewer', async () => {
    const host = await TestHost.start({ preopens: offered });
    await host.deploy('files', guest, { preopens: ['/data/more'] });
    const lines: Lines = [
      ['read', '/data/text'],
      ['read', '/data/more/inner'],
    ];
    expect(await said(host, lines)).toBe('NotFound\ninside\n');
    const refused = await host.admin('/v1/functions/files/settings', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ preopens: ['/etc'] }),
    });
    expect([refused.status, errorOf(refused).code]).toEqual([400, 'settings-invalid']);
    expect(errorOf(refused).message).toContain('expected some of /data, /data/more, got "/etc"');
    const { dataDir } = host;
    await host.stop();
    const fewer = await TestHost.start({ preopens: [offered[0] as string], dataDir });
    expect(await said(fewer, lines)).toBe('NotFound\nNotFound\n');
    await fewer.stop();
    const again = await TestHost.start({ preopens: offered, dataDir });
    expect(await said(again, lines)).toBe('NotFound\ninside\n');
  });
});

describe('the command line', () => {
  test('chooses folders for a function, and denies them', async () => {
    const host = await TestHost.start({ preopens: offered });
    await host.deploy('files', guest);
    const run = (...args: string[]) => ebb(...args, '--host', host.running.adminUrl);
    expect((await run('settings', 'files')).stdout).toMatch(/^preopens +\/data, \/data\/more +the host’s$/m);
    expect((await run('settings', 'files', '--preopen', '/data')).stdout).toMatch(
      /^preopens +\/data +its own$/m,
    );
    expect((await run('settings', 'files', '--deny-preopens')).stdout).toMatch(/^preopens +none +its own$/m);
    expect((await run('settings', 'files', '--preopen', '/x')).stderr).toContain('got "/x"');
    expect((await run('settings', 'files', '--preopen', '/data', '--deny-preopens')).exitCode).toBe(2);
  });

  test('refuses a folder that is not there before anything else', async () => {
    const dataDir = join(await scratchFolder(), 'data');
    const args = ['serve', '--port', '0', '--admin-port', '0', '--data-dir', dataDir];
    const missing = await ebb(...args, '--preopen', `${folder.path}/nothing::/data`);
    expect([missing.exitCode, missing.stderr]).toEqual([
      2,
      expect.stringContaining('expected a folder for /data'),
    ]);
    const wrong = await ebb(...args, '--preopen', folder.path);
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('FOLDER::/NAME')]);
    expect(existsSync(dataDir)).toBe(false);
  });
});
