/** Where paths of guests lead, against a model of the tree: never out of the folder, and everywhere else. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeOf } from '../host/wasi/files/guest-path.ts';
import { ResultError } from '../host/wasi/result-error.ts';

interface Folder {
  readonly parent: Folder | undefined;
  readonly entries: Map<string, Node>;
}
type Node = Folder | { readonly text: string } | { readonly target: string };

const TREE = {
  text: 'text',
  a: {
    text: 'a/text',
    b: { text: 'a/b/text', up: '@../text', out: '@../../../secret', self: '@.' },
    c: '@b',
  },
  to: '@a/b',
  back: '@a/../to/up',
  out: '@../root/text',
  absolute: '@/text',
  circle: '@a/../circle',
  parent: '@a/b/../..',
  nowhere: '@a/nothing',
} as const;

let outer: string;
let root: string;
const model: Folder = { parent: undefined, entries: new Map() };

type Tree = { readonly [name: string]: string | Tree };

function grow(tree: Tree, folder: Folder, path: string): void {
  mkdirSync(path);
  for (const [name, entry] of Object.entries(tree)) {
    const at = join(path, name);
    if (typeof entry !== 'string') {
      const below: Folder = { parent: folder, entries: new Map() };
      folder.entries.set(name, below);
      grow(entry, below, at);
    } else if (entry.startsWith('@')) {
      folder.entries.set(name, { target: entry.slice(1) });
      symlinkSync(entry.slice(1), at);
    } else {
      folder.entries.set(name, { text: entry });
      writeFileSync(at, entry);
    }
  }
}

beforeAll(() => {
  outer = realpathSync(mkdtempSync(join(tmpdir(), 'ebb-paths-')));
  writeFileSync(join(outer, 'secret'), 'secret');
  root = join(outer, 'root');
  grow(TREE, model, root);
});
afterAll(() => rmSync(outer, { recursive: true, force: true }));

/** What the standard says of a path, told step by step from a folder of the model. */
function expected(from: Folder, path: string, links = 0): Node | string {
  if (path.startsWith('/')) return 'not-permitted';
  let here: Node = from;
  const steps = path.split('/');
  for (const [index, step] of steps.entries()) {
    if (!('entries' in here)) return 'not-directory';
    if (step === '' || step === '.') continue;
    const next: Node | undefined = step === '..' ? here.parent : here.entries.get(step);
    if (!next) return step === '..' ? 'not-permitted' : 'no-entry';
    if (!('target' in next)) {
      here = next;
      continue;
    }
    if (links === 40) return 'loop';
    const rest = steps.slice(index + 1);
    return expected(here, [next.target, ...rest].join('/'), links + 1);
  }
  return here;
}

/** What was found: the text of a file, `folder`, or the error. */
function found(path: string): string {
  try {
    const { hostPath, stats } = placeOf(root, path, true);
    expect(hostPath === root || hostPath.startsWith(`${root}/`)).toBe(true);
    expect(realpathSync(hostPath)).toBe(hostPath);
    return stats.isDirectory() ? 'folder' : `text ${readFileSync(hostPath, 'utf8')}`;
  } catch (thrown) {
    if (thrown instanceof ResultError) return String(thrown.payload);
    throw thrown;
  }
}

const STEPS = [
  'a',
  'b',
  'c',
  'to',
  'back',
  'up',
  'out',
  'absolute',
  'circle',
  'parent',
  'self',
  'text',
  'nowhere',
];
const steps = fc.array(fc.constantFrom(...STEPS, '..', '..', '.', '', 'nothing'), {
  minLength: 1,
  maxLength: 8,
});

test('every path leads where the standard says, and never out of its folder', () => {
  const fates = new Map<string, number>();
  fc.assert(
    fc.property(steps, (taken) => {
      const path = taken.join('/');
      fc.pre(path !== '');
      const told = expected(model, path);
      const fate = typeof told === 'string' ? told : 'text' in told ? `text ${told.text}` : 'folder';
      expect(found(path)).toBe(fate);
      fates.set(fate, (fates.get(fate) ?? 0) + 1);
    }),
    { numRuns: 5_000, seed: 20_261_122 },
  );
  for (const fate of [
    'folder',
    'text text',
    'text a/text',
    'not-permitted',
    'not-directory',
    'no-entry',
    'loop',
  ])
    expect(fates.get(fate), fate).toBeGreaterThan(20);
});

test('a link at the end is followed only where that was asked for', () => {
  expect(placeOf(root, 'to', false).stats.isSymbolicLink()).toBe(true);
  expect(placeOf(root, 'to/', false).stats.isDirectory()).toBe(true);
  expect(placeOf(root, 'out', false).hostPath).toBe(join(root, 'out'));
});

test('the root of the machine is a folder as well', () => {
  expect(placeOf('/', '.', true).hostPath).toBe('/');
  expect(placeOf('/', root.slice(1), true).hostPath).toBe(root);
});

test('links may be many and long, but not without an end', () => {
  const far = 'a/../'.repeat(800);
  symlinkSync(`${far}a`, join(root, 'far'));
  symlinkSync(`${far}far`, join(root, 'farther'));
  symlinkSync(`${far}farther`, join(root, 'too-far'));
  expect(found(`${far}a`)).toBe('folder');
  expect(found('farther')).toBe('folder');
  expect(found('too-far')).toBe('loop');
});
