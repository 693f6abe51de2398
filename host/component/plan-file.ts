/**
 * A link plan with its modules and script as one file under a hash: a first request waits for two steps of reading, not
 * for those of several files. Knows nothing of where plans lie and which are used.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { LinkPlan } from './plan.ts';
import type { Planned } from './planner.ts';

/** A plan with the content of its files. */
export interface LoadedPlan {
  readonly plan: LinkPlan;
  /** The generated linking code; empty for a plan that needs none. */
  readonly script: string;
  readonly modules: readonly { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
}

/** What comes after the hash, in one line of JSON; the contents follow in this order. */
interface Contents {
  readonly plan: LinkPlan;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/** Plans of small components are read in one step. */
const FIRST_READ_BYTES = 65_536;
/** Hashing this much takes about a millisecond. */
const SLICE_BYTES = 1_048_576;
const HASH_CHARACTERS = 64;

/** SHA-256 in hex, with room for other work in between: 10 MB at once would hold up every request. */
async function hashOf(parts: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256');
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE_BYTES) {
      if (at > 0) await setImmediate();
      hash.update(part.subarray(at, at + SLICE_BYTES));
    }
  }
  return hash.digest('hex');
}

/** Writes it to a file that is not there yet. */
export async function writePlanFile(path: string, { plan, files }: Planned): Promise<void> {
  const lengths = files.map(({ name, bytes }) => ({ name, bytes: bytes.length }));
  const contents = JSON.stringify({ plan, files: lengths } satisfies Contents);
  const parts = [Buffer.from(`${contents}\n`), ...files.map(({ bytes }) => bytes)];
  const hash = await hashOf(parts);
  const file = await open(path, 'wx');
  try {
    for (const part of [Buffer.from(`${hash}\n`), ...parts]) await file.writeFile(part);
  } finally {
    await file.close();
  }
}

async function readWhole(file: FileHandle): Promise<Buffer<ArrayBuffer>> {
  const first = Buffer.allocUnsafe(FIRST_READ_BYTES);
  const { bytesRead } = await file.read(first, 0, FIRST_READ_BYTES, 0);
  if (bytesRead < FIRST_READ_BYTES) return first.subarray(0, bytesRead);
  const { size } = await file.stat();
  const whole = Buffer.allocUnsafe(size);
  first.copy(whole);
  for (let at = bytesRead; at < size; ) {
    const read = await file.read(whole, at, size - at, at);
    if (read.bytesRead === 0) throw new Error('a plan that was cut off');
    at += read.bytesRead;
  }
  return whole;
}

/** Throws whenever anything is not as it was written: code that runs guests is not taken on trust. */
export async function readPlanFile(path: string): Promise<LoadedPlan> {
  const file = await open(path);
  // What is read does not wait for that.
  const whole = await readWhole(file).finally(() => void file.close().catch(() => undefined));
  const sealed = whole.subarray(HASH_CHARACTERS + 1);
  if (whole.toString('latin1', 0, HASH_CHARACTERS + 1) !== `${await hashOf([sealed])}\n`)
    throw new Error('a damaged plan');
  let at = sealed.indexOf('\n') + 1;
  const { plan, files } = JSON.parse(sealed.toString('utf8', 0, at)) as Contents;
  const bytesOf = new Map<string, Buffer<ArrayBuffer>>();
  for (const { name, bytes } of files) {
    bytesOf.set(name, sealed.subarray(at, at + bytes));
    at += bytes;
  }
  return {
    plan,
    script: plan.linking === 'generated' ? String(bytesOf.get(plan.script)) : '',
    modules: plan.modules.map((name) => ({ name, bytes: bytesOf.get(name) as Buffer<ArrayBuffer> })),
  };
}
