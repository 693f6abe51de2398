/** A guest in Rust as its compiler made it: a component, and a module for preview 1 that is joined with the adapter. */
import { readFile } from 'node:fs/promises';
import { componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';

const read = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(new URL(path, import.meta.url)));

export const rustComponent = (): Promise<Uint8Array> => read('./fixtures/rust-hello/wasip2.wasm');

export async function adaptedRust(): Promise<Uint8Array> {
  const adapter = await read('../node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.reactor.wasm');
  const module = await read('./fixtures/rust-hello/wasip1.wasm');
  return componentNew(module, [['wasi_snapshot_preview1', adapter]]);
}
