/** What the system holds for guests that read files: that it is what was asked for, given back, and never all there is. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileErrorCode } from '../host/wasi/files/file-errors.ts';
import { FileSource } from '../host/wasi/files/file-source.ts';
import { OpenFiles } from '../host/wasi/files/open-files.ts';
import { checkPlace, statsAt, targetAt } from '../host/wasi/files/pinned.ts';
import { InputStream } from '../host/wasi/io.ts';
import { ResultError } from '../host/wasi/result-error.ts';
import { FilesFolder } from './files-kit.ts';

let folder: FilesFolder;
let files: OpenFiles;

beforeEach(() => {
  folder = new FilesFolder();
  files = new OpenFiles({ beforeBlocking: () => undefined });
});
afterEach(() => {
  files.closeAll();
  expect(folder.openCount).toBe(0);
  folder.remove();
});

const at = (...names: string[]) => join(folder.path, ...names);

function refused(ask: () => unknown): unknown {
  try {
    ask();
  } catch (thrown) {
    if (thrown instanceof ResultError) return thrown.payload;
    throw thrown;
  }
  return 'done';
}

describe('a path on which a folder has become a link since it was followed', () => {
  const ways = {
    'opens no file': () => files.openFile(at('to-folder', 'deep', 'leaf')),
    'lists no folder': () => files.openListing(at('to-folder', 'deep')),
    'tells nothing of what is there': () => statsAt(at('to-folder', 'deep')),
    'tells no link': () => {
      symlinkSync('leaf', at('folder', 'deep', 'to-leaf'));
      return targetAt(at('to-folder', 'deep', 'to-leaf'));
    },
  };

  test.each(Object.entries(ways))('%s', (_what, ask) => {
    expect(refused(ask)).toBe('not-permitted');
    expect(folder.openCount).toBe(0);
  });
});

test('a place without links on the way is looked at, whatever it is', () => {
  expect(statsAt(at('folder', 'inner')).size).toBe(6n);
  expect(statsAt(at('folder')).isDirectory()).toBe(true);
  expect(statsAt(at('pipe')).isFIFO()).toBe(true);
  expect(statsAt(at('to-folder')).isSymbolicLink()).toBe(true);
  expect(targetAt(at('folder', 'up'))).toBe('../text');
  expect(refused(() => statsAt(at('nothing')))).toBe('no-entry');
  expect(folder.openCount).toBe(0);
});

test('a folder that became a link is not listed, nor a pipe opened as a file', () => {
  expect(refused(() => files.openListing(at('to-folder')))).toMatch(/^(loop|not-directory)$/);
  expect(refused(() => files.openListing(at('text')))).toBe('not-directory');
  expect(refused(() => files.openFile(at('pipe')))).toBe('not-permitted');
  expect(refused(() => files.openFile(at('folder')))).toBe('not-permitted');
});

test('a file that is replaced in the moment in which it is opened is the one that was there', () => {
  const fd = openSync(at('text'), 'r');
  writeFileSync(at('new'), 'new');
  renameSync(at('new'), at('text'));
  expect(refused(() => checkPlace(fd, at('text')))).toBe('done');
  expect(refused(() => checkPlace(fd, at('new')))).toBe('not-permitted');
  closeSync(fd);
});

test('a listing that is read to its end knows every name once', () => {
  for (let number = 0; number < 500; number++) writeFileSync(at('folder', 'deep', `n${number}`), '');
  const listing = files.openListing(at('folder', 'deep'));
  const names = new Set<string>();
  for (let entry = listing.dir.readSync(); entry; entry = listing.dir.readSync())
    names.add(String(entry.name));
  expect(names.size).toBe(501);
  expect(folder.openCount).toBeGreaterThan(0);
  listing.letGo();
  expect(folder.openCount).toBe(0);
});

test('one that cannot be closed does not keep the others open', () => {
  const [first] = [files.openFile(at('text')), files.openFile(at('big')), files.openListing(at('folder'))];
  closeSync(first.fd);
  files.closeAll();
  expect(folder.openCount).toBe(0);
});

test('a stream over a file that can no longer be read is ready, tells why, and is closed', () => {
  const file = files.openFile(at('text'));
  const stream = new InputStream(new FileSource(file, files, 0n));
  const pollable = stream.subscribe();
  closeSync(file.fd);
  expect(pollable.ready()).toBe(true);
  expect(refused(() => stream.read(10n))).toMatchObject({
    tag: 'last-operation-failed',
    val: { fileCode: 'bad-descriptor' },
  });
  expect(refused(() => stream.read(10n))).toEqual({ tag: 'closed' });
  expect(pollable.ready()).toBe(true);
});

test('a stream goes on where its file has grown, and with files whose size is not told', () => {
  const read = (stream: InputStream) => Buffer.from(stream.read(100n) as Uint8Array).toString();
  const growing = new InputStream(new FileSource(files.openFile(at('text')), files, 0n));
  expect(read(growing)).toBe('hello, file\n');
  expect(refused(() => read(growing))).toEqual({ tag: 'closed' });
  writeFileSync(at('text'), 'more', { flag: 'a' });
  expect(read(growing)).toBe('more');
  const made = files.openFile('/proc/sys/kernel/ostype');
  expect(statsAt('/proc/sys/kernel/ostype').size).toBe(0n);
  const stream = new InputStream(new FileSource(made, files, 0n));
  expect(read(stream)).toBe('Linux\n');
  expect(refused(() => read(stream))).toEqual({ tag: 'closed' });
});

test('half of the process’s file numbers stay the host’s', () => {
  const script = `
    import { openSync } from 'node:fs';
    import { OpenFiles } from ${JSON.stringify(new URL('../host/wasi/files/open-files.ts', import.meta.url).href)};
    const all = Array.from({ length: 9 }, () => new OpenFiles({ beforeBlocking: () => undefined }));
    const ends = all.map((files) => {
      for (let count = 0; count < 128; count++) {
        try {
          if (count % 3 === 0) files.openListing(${JSON.stringify(at('folder'))});
          else files.openFile(${JSON.stringify(at('text'))});
        } catch (refused) { return refused.payload; }
      }
      return 'all';
    });
    let left = 0;
    try { for (;;) { openSync('/dev/null'); left++; } } catch {}
    console.log(JSON.stringify({ ends: [...new Set(ends)], left }));
  `;
  const command = 'ulimit -n 600 && exec "$0" --input-type=module --eval "$1"';
  const said = execFileSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' });
  const { ends, left } = JSON.parse(said) as { ends: string[]; left: number };
  expect(ends).toEqual(['all', 'quota']);
  expect(left).toBeGreaterThan(250);
  expect(left).toBeLessThanOrEqual(300);
});

test('errors of the system have the names that WIT gives them', () => {
  const codes = ['EACCES', 'EAGAIN', 'EMFILE', 'ENODEV', 'ENOENT', 'ENXIO', 'ESTALE', 'toString'];
  expect(codes.map((code) => fileErrorCode({ code }))).toEqual([
    ...['access', 'would-block', 'quota', 'no-device', 'no-entry', 'no-such-device', 'io', 'io'],
  ]);
});
