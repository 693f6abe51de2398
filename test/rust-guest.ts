/** Guests in Rust as the compiler made them: as components, and as modules for preview 1 that are joined with the adapter. */
import { readFile } from 'node:fs/promises';
import { componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';

/** Those in fixtures: one that answers, one that reads files. */
type RustGuest = 'rust-hello' | 'rust-files';

const read = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(new URL(path, import.meta.url)));

export const rustComponent = (guest: RustGuest = 'rust-hello'): Promise<Uint8Array> =>
  read(`./fixtures/${guest}/wasip2.wasm`);

export async function adaptedRust(guest: RustGuest = 'rust-hello'): Promise<Uint8Array> {
  const adapter = await read('../node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.reactor.wasm');
  const module = await read(`./fixtures/${guest}/wasip1.wasm`);
  return componentNew(module, [['wasi_snapshot_preview1', adapter]]);
}
