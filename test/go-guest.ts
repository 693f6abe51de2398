/** A guest in Go as its compiler made it: a module for preview 1 that is joined with the adapter. */
import { readFile } from 'node:fs/promises';
import { brotliDecompressSync } from 'node:zlib';
import { toComponentOf } from './linking-harness.ts';

const read = (path: string): Promise<Uint8Array> => readFile(new URL(path, import.meta.url));

export async function goComponent(): Promise<Uint8Array> {
  const adapter = await read('../node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.reactor.wasm');
  const module = brotliDecompressSync(await read('./fixtures/go-hello/wasip1.wasm.br'));
  const adapters: [string, Uint8Array][] = [['wasi_snapshot_preview1', new Uint8Array(adapter)]];
  return toComponentOf(new Uint8Array(module), { adapters });
}
