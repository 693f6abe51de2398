/** The text of WASI 0.2 itself: all that its interfaces have can be imported, in both ways of linking. */
import { readFile } from 'node:fs/promises';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { expect, test } from 'vitest';
import { PROVIDED_INTERFACES } from '../host/component/contract.ts';
import { LINKINGS, link, linkBoth, loadedPlan } from './linking-harness.ts';

const PACKAGES = ['io', 'clocks', 'random', 'cli', 'filesystem', 'sockets', 'http'];
/** The newest text that comes with jco. */
const WIT = new URL('../node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12/', import.meta.url);

/** The packages one after the other, each in braces, as they may stand in one text. */
async function wasiText(): Promise<string> {
  const texts = await Promise.all(
    PACKAGES.map(async (name) => {
      const text = await readFile(new URL(`wasi-${name}/package.wit`, WIT), 'utf8');
      return `${text.replace(/^package (\S+);/, 'package $1 {')}\n}`;
    }),
  );
  return texts.join('\n');
}

function interfacesIn(text: string): string[] {
  let inPackage = '';
  return [...text.matchAll(/^package (\S+)@|^interface (\S+) \{/gm)].flatMap(([, opened, name]) => {
    if (opened) inPackage = opened;
    return name ? [`${inPackage}/${name}`] : [];
  });
}

/**
 * A component in a world that imports these interfaces with all that they have.
 * @param binary its core module; without it one that imports every function, and traps when it is called.
 */
async function componentIn(interfaces: readonly string[], version: string, binary?: Uint8Array) {
  const imports = interfaces.map((name) => `import ${name}@0.2.12;`).join('\n');
  const world = `package test:all; world all { ${imports} export wasi:http/incoming-handler@0.2.12; }`;
  const witSource = `${world}\n${await wasiText()}`.replaceAll('0.2.12', version);
  const module = binary ? { binary } : { dummy: true };
  return componentNew(
    await componentEmbed({ ...module, witSource, world: 'all', features: { tag: 'all' } }),
    [],
  );
}

test('all interfaces of the standard are provided, but for those that a guest exports', async () => {
  const missing = interfacesIn(await wasiText()).filter(
    (name) => !PROVIDED_INTERFACES.includes(name as never),
  );
  expect(missing).toEqual(['wasi:cli/run', 'wasi:http/incoming-handler']);
});

test.each(['0.2.0', '0.2.12'])(
  'every function of them can be imported at %s, in both ways',
  async (version) => {
    const component = await componentIn(PROVIDED_INTERFACES, version);
    for (const linking of LINKINGS) {
      const { plan } = await loadedPlan(component, linking);
      expect(plan.linking).toBe(linking);
      expect(plan.imports).toHaveLength(PROVIDED_INTERFACES.length);
      const { linked } = await link(component, linking);
      linked.close();
    }
  },
);

const ZONE = 'wasi:clocks/timezone@0.2.12';

test('the time zone of guests is UTC, whatever that of the machine', async () => {
  // Prints the record, the name that it points to, and the offset.
  const guest = `(module
    (import "${ZONE}" "display" (func $display (param i64 i32 i32)))
    (import "${ZONE}" "utc-offset" (func $offset (param i64 i32) (result i32)))
    (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $say (param i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 256))
    (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32)
      (memory.fill (i32.const 64) (i32.const 0xff) (i32.const 32))
      (call $display (i64.const 1763769600) (i32.const 0) (i32.const 64))
      (i32.store (i32.const 80) (call $offset (i64.const 1763769600) (i32.const 0)))
      (i32.store (i32.const 84) (i32.load (i32.load (i32.const 68))))
      (call $say (call $stdout) (i32.const 64) (i32.const 24) (i32.const 128))))`;
  const both = await linkBoth(await componentIn(PROVIDED_INTERFACES, '0.2.12', await parse(guest)));
  for (const linking of LINKINGS) {
    const said = Buffer.from(both[linking].run().log, 'latin1');
    expect([said.readInt32LE(0), said.readUInt32LE(8), said[12], said.readInt32LE(16)]).toEqual([0, 3, 0, 0]);
    expect(said.toString('latin1', 20, 23)).toBe('UTC');
  }
});
