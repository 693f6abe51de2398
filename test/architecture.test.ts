/** The house's rules of direction, checked on every import of every module. */
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const FOLDERS = ['metering', 'host', 'simulator', 'guests', 'cli', 'bench', 'test'] as const;
type Folder = (typeof FOLDERS)[number];

/** Which folders each folder may import, itself always. */
const MAY_IMPORT: Readonly<Record<Folder, readonly Folder[]>> = {
  metering: [],
  host: ['metering'],
  simulator: ['metering'],
  guests: ['metering'],
  cli: ['metering', 'host', 'simulator', 'guests'],
  // What a test drives, a measurement may drive as well.
  bench: ['metering', 'host', 'simulator', 'guests', 'cli', 'test'],
  test: ['metering', 'host', 'simulator', 'guests', 'cli'],
};

/** One door for each dependency: the modules that may import it. */
const DOORS: Readonly<Record<string, RegExp>> = {
  hono: /^host\/admin-app\.ts$/,
  '@hono/node-server': /^host\/server\.ts$/,
  'better-sqlite3': /^host\/database\.ts$/,
  '@bytecodealliance/jco-transpile': /^(host\/component\/generator|guests\/wasm-tools)\.ts$/,
  assemblyscript: /^guests\//,
  commander: /^cli\//,
  hyparquet: /^simulator\/traces\/parquet\.ts$/,
  'hyparquet-compressors': /^simulator\/traces\/parquet\.ts$/,
  // The SDK under the name that guests know; it stands in the entry that the build writes around a guest.
  ebb: /^guests\/compile\.ts$/,
};

interface Import {
  readonly from: string;
  readonly specifier: string;
}

/** AssemblyScript sources lie one folder down in `guests/` and are no modules of ours. */
const sources = globSync('{metering,host,simulator,cli,bench,test}/**/*.ts', { cwd: root }).concat(
  globSync('guests/*.ts', { cwd: root }),
);

const IMPORT = /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

const imports: readonly Import[] = sources.flatMap((from) => {
  const text = readFileSync(join(root, from), 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => ({ from, specifier: (match[1] ?? match[2]) as string }));
});

const folderOf = (path: string): Folder => path.split('/')[0] as Folder;
const isRelative = ({ specifier }: Import): boolean => specifier.startsWith('.');
const targetOf = ({ from, specifier }: Import): string =>
  relative(root, join(root, dirname(from), specifier));
const shown = ({ from, specifier }: Import): string => `${from} imports ${specifier}`;

describe('the house', () => {
  it('is read completely: each folder has modules, and imports were found in them', () => {
    for (const folder of FOLDERS)
      expect(
        sources.some((path) => folderOf(path) === folder),
        folder,
      ).toBe(true);
    expect(imports.length).toBeGreaterThan(sources.length);
  });

  it('keeps its directions: metering imports nothing, host and simulator never each other', () => {
    const wrong = imports.filter((item) => {
      if (!isRelative(item)) return false;
      const from = folderOf(item.from);
      const to = folderOf(targetOf(item));
      return from !== to && to in MAY_IMPORT && !MAY_IMPORT[from].includes(to);
    });
    expect(wrong.map(shown)).toEqual([]);
  });

  it('keeps metering pure: no package and nothing of Node', () => {
    const outside = imports.filter((item) => folderOf(item.from) === 'metering' && !isRelative(item));
    expect(outside.map(shown)).toEqual([]);
    const impure = sources.filter((path) => {
      if (folderOf(path) !== 'metering') return false;
      return /\b(Date\.now|new Date|Math\.random|performance\.|process\.|crypto\.)/.test(
        readFileSync(join(root, path), 'utf8'),
      );
    });
    expect(impure).toEqual([]);
  });

  it('keeps clocks and randomness out of the simulator', () => {
    const impure = sources.filter((path) => {
      if (folderOf(path) !== 'simulator') return false;
      return /\b(Date\.now|Math\.random|performance\.|randomBytes|hrtime)/.test(
        readFileSync(join(root, path), 'utf8'),
      );
    });
    expect(impure).toEqual([]);
  });

  it('has one door for each dependency', () => {
    const wrong = imports.filter((item) => {
      if (isRelative(item) || ['test', 'bench'].includes(folderOf(item.from))) return false;
      if (item.specifier.startsWith('node:')) return false;
      const name = item.specifier
        .split('/')
        .slice(0, item.specifier.startsWith('@') ? 2 : 1)
        .join('/');
      return !DOORS[name]?.test(item.from);
    });
    expect(wrong.map(shown)).toEqual([]);
  });

  it('names Node modules with node:', () => {
    expect(imports.filter(({ specifier }) => builtinModules.includes(specifier)).map(shown)).toEqual([]);
  });

  it('keeps better-sqlite3 from being compiled by npm 10, which a clean machine could not do', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    expect(lock.packages['node_modules/better-sqlite3'].gypfile).toBe(false);
  });

  it('pins every dependency exactly', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect(range, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });
});
