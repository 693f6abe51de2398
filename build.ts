/**
 * Makes `dist/`, what the package ships: compiled JavaScript (Node strips no types inside node_modules), the
 * guest SDK and the sample traces as they are, and a copy of the two files of jco-transpile that Ebb uses.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = import.meta.dirname;
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);

/** What is no TypeScript of ours but is read at run time, relative to the root. */
const PLAIN_FILES = ['guests/{sdk,hello,echo,burn,proxy}/*.ts', 'guests/wit/*', 'simulator/traces/samples/*'];

/** Modules that import jco-transpile, and the file of its package that takes the place of the import. */
const REDIRECTED = [
  {
    module: 'host/component/generator.js',
    specifier: 'component',
    file: 'vendor/js-component-bindgen-component.js',
  },
  { module: 'guests/wasm-tools.js', specifier: 'wasm-tools', file: 'dist/wasm-tools.js' },
] as const;
const VENDORED = [
  'dist/wasm-tools.js',
  'vendor/js-component-bindgen-component*.{js,wasm}',
  'vendor/wasm-tools*.{js,wasm}',
  'LICENSE',
  'package.json',
];

function compile(): void {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  execFileSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
}

function copyPlainFiles(): void {
  for (const file of globSync(PLAIN_FILES, { cwd: root }))
    cpSync(join(root, file), join(dist, file), { recursive: true });
}

function vendorTranspiler(): void {
  const installed = join(dirname(require.resolve('@bytecodealliance/jco-transpile/component')), '..');
  for (const file of globSync(VENDORED, { cwd: installed })) {
    cpSync(join(installed, file), join(dist, 'vendor', 'jco-transpile', file));
  }
  for (const { module, specifier, file } of REDIRECTED) {
    const path = join(dist, module);
    const parts = readFileSync(path, 'utf8').split(`'@bytecodealliance/jco-transpile/${specifier}'`);
    if (parts.length !== 2) throw new Error(`expected ${module} to import jco-transpile/${specifier} once`);
    const up = '../'.repeat(module.split('/').length - 1);
    writeFileSync(path, parts.join(`'${up}vendor/jco-transpile/${file}'`));
  }
}

rmSync(dist, { recursive: true, force: true });
compile();
copyPlainFiles();
vendorTranspiler();
