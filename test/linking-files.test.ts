/** wasi:filesystem over a folder that was opened for a guest, in both ways of linking, by a guest in Rust. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BIG, FilesFolder, script, TEXT_AT_MS } from './files-kit.ts';
import { comparable, LINKINGS, type Linking, linkBoth, type Runnable } from './linking-harness.ts';
import { adaptedRust, rustComponent } from './rust-guest.ts';

/** With what each answers to a read of a folder: the adapter has an error of its own for that. */
const FORMS = [
  ['a component for WASI 0.2', () => rustComponent('rust-files'), 'IsADirectory'],
  ['a module for preview 1 with the adapter', () => adaptedRust('rust-files'), 'Uncategorized'],
] as const;

let folder: FilesFolder;

beforeEach(() => {
  folder = new FilesFolder();
});
afterEach(() => folder.remove());

type Lines = Parameters<typeof script>[0];

/** What the guest says to each line. */
function answers(runnable: Runnable, path: '/std' | '/raw', lines: Lines): string[] {
  const { preopen } = folder;
  const seen = runnable.run({ path, method: 'POST', body: script(lines), preopens: [preopen] });
  if (seen.outcome !== 'ok') throw new Error(`the guest ended with ${seen.outcome}: ${seen.message}`);
  expect(folder.openCount).toBe(0);
  return Buffer.from(seen.body ?? '', 'latin1')
    .toString('utf8')
    .split('\n')
    .slice(0, -1);
}

describe.each(FORMS)('Rust’s standard library, %s,', (_what, made, ofFolder) => {
  let both: Readonly<Record<Linking, Runnable>>;

  beforeAll(async () => {
    both = await linkBoth(await made());
  });

  test.each(LINKINGS)('reads what it is let, linked %s', (linking) => {
    const said = answers(both[linking], '/std', [
      ['read', '/data/größe'],
      ['read', '/data/to-text'],
      ['read', '/data/to-folder/up'],
      ['size', '/data/big'],
      ['tail', '/data/folder/inner', 4],
      ['list', '/data'],
      ['list', '/data/folder/'],
      ['stat', '/data/text'],
      ['stat', '/data/folder'],
      ['link', '/data/folder/up'],
    ]);
    expect(said).toEqual([
      'straße',
      ...['hello, file', '', 'hello, file', ''],
      String(BIG.length),
      'side',
      'big circle@ empty folder/ größe out-and-back@ pipe text to-absolute@ to-folder@ to-outside@ to-text@',
      'deep/ inner up@',
      `false 12 ${TEXT_AT_MS}`,
      expect.stringMatching(/^true \d+ \d+$/),
      '../text',
    ]);
  });

  test.each(LINKINGS)('sees nothing else, and changes nothing, linked %s', (linking) => {
    const said = answers(both[linking], '/std', [
      ['read', '/data/to-outside'],
      ['read', '/data/../secret'],
      ['read', '/data/out-and-back'],
      ['read', '/data/to-absolute'],
      ['read', '/etc/passwd'],
      ['read', join(folder.outer, 'secret')],
      ['read', '/data/nothing'],
      ['list', '/data/text'],
      ['read', '/data/folder'],
      ['read', '/data/pipe'],
      ['write', '/data/new'],
      ['write', '/data/text'],
      ['append', '/data/text'],
      ['remove', '/data/text'],
      ['rename', '/data/text', '/data/other'],
      ['mkdir', '/data/new'],
    ]);
    expect(said).toEqual([
      ...Array(4).fill('PermissionDenied'),
      ...['NotFound', 'NotFound', 'NotFound', 'NotADirectory', ofFolder, 'PermissionDenied'],
      ...Array(6).fill('ReadOnlyFilesystem'),
    ]);
  });

  test('without a folder there is none', () => {
    for (const linking of LINKINGS) {
      const ask = { path: '/std', method: 'POST', body: script([['read', '/data/text']]) };
      expect(both[linking].run(ask)).toMatchObject({ outcome: 'ok', body: 'NotFound\n' });
      expect(both[linking].run({ ...ask, path: '/raw', body: 'dirs' })).toMatchObject({ body: '\n' });
    }
  });

  test('each request finds its folders anew in an instance that is made as new', async () => {
    for (const name of ['one', 'two', 'three']) {
      writeFileSync(join(folder.path, 'text'), name);
      expect(answers(both.direct, '/std', [['read', '/data/text']])).toEqual([name]);
    }
    expect(both.direct.plan).toMatchObject({ linking: 'direct', isRenewable: true });
    const { preopen } = folder;
    const ask = { path: '/std', method: 'POST', body: script([['read', '/data/text']]), preopens: [preopen] };
    expect(await both.direct.runSuspendably(ask)).toMatchObject({ outcome: 'ok', body: 'three\n' });
  });
});

describe('wasi:filesystem itself', () => {
  let both: Readonly<Record<Linking, Runnable>>;

  beforeAll(async () => {
    both = await linkBoth(await rustComponent('rust-files'));
  });

  /** In both ways, which must agree. Descriptor 0 is the folder. */
  function raw(...lines: Lines): string[] {
    const [generated, direct] = LINKINGS.map((linking) =>
      answers(both[linking], '/raw', [['dirs'], ...lines]),
    ) as [string[], string[]];
    expect(direct).toEqual(generated);
    expect(direct[0]).toBe('/data');
    return direct.slice(1);
  }

  test('tells types, flags and times, and what is the same', () => {
    const said = raw(
      ['open', 0, 'follow', 'to-text'],
      ['open', 0, 'stay', 'folder', 'dr'],
      ['open', 0, 'stay', '.', '-'],
      ['type', 0],
      ['type', 1],
      ['flags', 0],
      ['flags', 1],
      ['flags', 3],
      ['stat', 1],
      ['stat-at', 0, 'stay', 'to-text'],
      ['stat-at', 0, 'follow', 'to-text'],
      ['stat-at', 0, 'stay', 'pipe'],
      ['same', 0, 3],
      ['same', 0, 2],
      ['same', 1, 1],
      ['advise', 1],
      ['sync', 1],
    );
    const times = 'Some((1700000000, 250000000)) [true, true]';
    expect(said).toEqual([
      ...['opened', 'opened', 'opened'],
      ...['DescriptorType::Directory', 'DescriptorType::RegularFile', '1', '1', '0'],
      `DescriptorType::RegularFile 1 12 ${times}`,
      expect.stringMatching(/^DescriptorType::SymbolicLink 1 4 Some/),
      `DescriptorType::RegularFile 1 12 ${times}`,
      expect.stringMatching(/^DescriptorType::Fifo 1 0 Some/),
      ...['true', 'false', 'true', '()', '() ()'],
    ]);
  });

  test('reads at any place, and says where the end is', () => {
    const far = 2n ** 63n;
    const said = raw(
      ['open', 0, 'stay', 'text'],
      ['read', 1, 5, 0],
      ['read', 1, 5, 7],
      ['read', 1, 100, 7],
      ['read', 1, 100, 12],
      ['read', 1, 0, 0],
      ['read', 1, 5, 4_294_967_296],
      ['read', 1, 5, String(far)],
      ['read', 1, String(far), 0],
      ['read', 0, 5, 0],
      ['open', 0, 'stay', 'text', '-'],
      ['read', 2, 5, 0],
      ['stream', 2, 0],
      ['stat', 2],
    );
    expect(said.slice(1, -1)).toEqual([
      ...['hello false', 'file', ' false', 'file', ' false', ' true', ' true', ' true', 'invalid'],
      ...['hello, file', ' false', 'is-directory', 'opened', 'not-permitted', 'not-permitted'],
    ]);
  });

  test('streams whole files, and parts', () => {
    const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => (Math.imul(total, 31) + byte) >>> 0, 0);
    const said = raw(
      ['open', 0, 'stay', 'big'],
      ['stream', 1, 0],
      ['stream', 1, 299_990],
      ['stream', 1, 300_000],
      ['stream', 1, 4_294_967_296],
      ['stream', 1, String(2n ** 63n)],
      ['stream', 0, 0],
      ['open', 0, 'stay', 'empty'],
      ['stream', 2, 0],
    );
    expect(said.slice(1)).toEqual([
      ...[`300000 ${sum(BIG)}`, `10 ${sum(BIG.subarray(-10))}`, '0 0', '0 0', 'invalid', 'is-directory'],
      ...['opened', '0 0'],
    ]);
  });

  test('lists a folder, a name that is no text as an error', () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/folder/`), Buffer.from([0xff, 0x61])]), '');
    expect(raw(['open', 0, 'stay', 'folder'], ['list', 1], ['open', 0, 'stay', 'text'], ['list', 2])).toEqual(
      [
        'opened',
        'deep:DescriptorType::Directory illegal-byte-sequence inner:DescriptorType::RegularFile up:DescriptorType::SymbolicLink',
        'opened',
        'not-directory',
      ],
    );
  });

  test('lists a folder that was opened without the flag for reading data, as Go does', () => {
    const said = raw(['open', 0, 'stay', 'folder/deep', '-'], ['flags', 1], ['list', 1]);
    expect(said).toEqual(['opened', '0', 'leaf:DescriptorType::RegularFile']);
  });

  test.each([
    ['', 'no-entry'],
    ['/text', 'not-permitted'],
    ['..', 'not-permitted'],
    ['folder/../..', 'not-permitted'],
    ['folder/../../root/text', 'not-permitted'],
    ['to-outside', 'not-permitted'],
    ['out-and-back', 'not-permitted'],
    ['to-absolute', 'not-permitted'],
    ['pipe', 'not-permitted'],
    ['circle', 'loop'],
    ['nothing', 'no-entry'],
    ['nothing/..', 'no-entry'],
    ['text/', 'not-directory'],
    ['text/..', 'not-directory'],
    ['text/inner', 'not-directory'],
    ['a\0b', 'invalid'],
    ['n'.repeat(256), 'name-too-long'],
    ['./'.repeat(2_049), 'name-too-long'],
    ['.', 'opened'],
    ['./folder/.././text', 'opened'],
    ['folder//deep/./leaf', 'opened'],
    ['to-folder/deep/leaf', 'opened'],
    ['to-folder/up', 'opened'],
    ['to-folder/', 'opened'],
  ])('answers to the path %j with %s', (path, answer) => {
    expect(raw(['open', 0, 'follow', path])).toEqual([answer]);
  });

  test('a folder below is a bound of its own', () => {
    const said = raw(
      ['open', 0, 'stay', 'folder'],
      ['open', 1, 'follow', 'inner'],
      ['open', 1, 'follow', '../text'],
      ['open', 1, 'follow', 'up'],
      ['open', 1, 'stay', 'up'],
      ['open', 2, 'stay', 'inner'],
      ['read-link', 1, 'up'],
      ['read-link', 0, 'to-absolute'],
      ['read-link', 0, 'text'],
    );
    expect(said).toEqual([
      ...['opened', 'opened', 'not-permitted', 'not-permitted', 'loop', 'not-directory'],
      ...['../text', 'not-permitted', 'invalid'],
    ]);
  });

  test('nothing can be written', () => {
    const ways = [
      'bytes',
      'stream',
      'append',
      'size',
      'times',
      'times-at',
      'folder',
      'link',
      'remove-folder',
    ];
    const lines = [...ways, 'rename', 'symlink', 'unlink'].map((way) => ['write', 0, way] as const);
    const flags = ['rw', 'w', 'rm', 'rc', 'rt', 'rcx'].map(
      (letters) => ['open', 0, 'stay', 'text', letters] as const,
    );
    const said = raw(['open', 0, 'stay', 'new', 'rc'], ...lines, ...flags);
    expect(new Set(said)).toEqual(new Set(['read-only']));
    expect(raw(['open', 0, 'stay', 'text', 'rd'])).toEqual(['not-directory']);
  });

  test('a hash stays while its file does, and changes with it', () => {
    const lines: Lines = [
      ['open', 0, 'stay', 'text'],
      ['hash', 1],
      ['hash-at', 0, 'follow', 'to-text'],
      ['hash-at', 0, 'stay', 'to-text'],
      ['hash', 0],
    ];
    const [, ...before] = raw(...lines);
    expect(before[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(before[1]).toBe(before[0]);
    expect(new Set(before).size).toBe(3);
    expect(raw(...lines).slice(1)).toEqual(before);
    writeFileSync(join(folder.path, 'other'), 'hello, file\n');
    renameSync(join(folder.path, 'other'), join(folder.path, 'text'));
    expect(raw(...lines)[1]).not.toBe(before[0]);
  });

  test('so many files can be open at once, and all are closed however the guest ends', () => {
    expect(raw(['many', 0, 'text', 128])).toEqual(['128']);
    expect(raw(['many', 0, 'text', 129])).toEqual(['128 quota']);
    expect(raw(['many', 0, 'folder', 300])).toEqual(['300']);
    expect(raw(['open', 0, 'stay', 'text'], ['drop', 1], ['many', 0, 'text', 128])[2]).toBe('128');
    expect(raw(['open', 0, 'stay', 'text'], ['forget'])).toEqual(['opened', 'forgotten']);
    const preopens = [folder.preopen];
    for (const linking of LINKINGS) {
      const body = script([['dirs'], ['open', 0, 'stay', 'text'], ['trap']]);
      const seen = both[linking].run({ path: '/raw', method: 'POST', body, preopens });
      expect(comparable(seen)).toMatchObject({ outcome: 'trap' });
      expect(folder.openCount).toBe(0);
    }
  });

  test('a folder that goes away is an error, not the end', () => {
    renameSync(folder.path, `${folder.path}-away`);
    const lines: Lines = [
      ['open', 0, 'stay', 'text'],
      ['list', 0],
      ['stat', 0],
      ['type', 0],
      ['same', 0, 0],
      ['dirs'],
      ['same', 0, 1],
    ];
    expect(raw(...lines)).toEqual([
      ...['no-entry', 'no-entry', 'no-entry', 'DescriptorType::Directory', 'true', '/data', 'false'],
    ]);
  });
});
