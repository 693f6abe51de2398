/**
 * Makes a wasi:http component of a core module that follows the canonical ABI. Must not know the language that the
 * module was written in.
 */
import { readFile } from 'node:fs/promises';
import { CodedError } from '../metering/errors.ts';
import { componentEmbed, componentNew } from './wasm-tools.ts';

const WIT_URL = new URL('./wit/guest.wit', import.meta.url);
const WASM_HEADER_BYTES = 8;
const CUSTOM_SECTION = 0;

/**
 * The component of a core module whose imports and exports bear the `cm32p2` names of the guest world.
 * @throws CodedError `build-failed` when the module asks for something that the world has not.
 */
export async function toComponent(core: Uint8Array): Promise<Uint8Array> {
  const witSource = await readFile(WIT_URL, 'utf8');
  const embedded = await componentEmbed({ binary: core, witSource, world: 'guest', stringEncoding: 'utf8' });
  try {
    return withoutCustomSections(await componentNew(embedded, []));
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CodedError('build-failed', `expected imports of the wasi:http/proxy world only: ${reason}`);
  }
}

/** Drops the top-level custom sections (names, producers): 2 KB that no host reads. */
function withoutCustomSections(wasm: Uint8Array): Uint8Array {
  const kept = [wasm.subarray(0, WASM_HEADER_BYTES)];
  let at = WASM_HEADER_BYTES;
  while (at < wasm.length) {
    const sizeField = readLeb(wasm, at + 1);
    const end = sizeField.end + sizeField.value;
    if (wasm[at] !== CUSTOM_SECTION) kept.push(wasm.subarray(at, end));
    at = end;
  }
  return new Uint8Array(Buffer.concat(kept));
}

function readLeb(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let end = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[end++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end };
  }
}
