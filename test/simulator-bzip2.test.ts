/** The bzip2 unpacker against what bzip2 itself packed: edges of its runs, many blocks, broken data. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bunzip2 } from '../simulator/traces/bzip2.ts';
import { readTraceFile } from '../simulator/traces/file.ts';

const fixture = (name: string): string => new URL(`./traces/${name}`, import.meta.url).pathname;
const plain = readFileSync(fixture('azure2021_invocations_sample200.csv'));
const packed = readFileSync(fixture('azure2021_invocations_sample200.csv.bz2'));

async function unpacked(...chunks: Uint8Array[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const input = (async function* () {
    yield* chunks;
  })();
  for await (const part of bunzip2(input)) parts.push(part);
  return Buffer.concat(parts);
}

/** Packed by bzip2 1.0.8: nothing, one byte, and runs around the lengths at which they are written differently. */
const SMALL: readonly [text: string, base64: string][] = [
  ['', 'QlpoORdyRThQkAAAAAA='],
  ['a', 'QlpoOTFBWSZTWRmTm2sAAAABACAAIAAhGEaC7kinChIDMnNtYA=='],
  ['aaaa', 'QlpoOTFBWSZTWYgSM6YAAAJBAEAAIAAgACEAggsXckU4UJCIEjOm'],
  ['a'.repeat(5), 'QlpoOTFBWSZTWUSkMD0AAAJBACAAIAAgACEAggsXckU4UJBEpDA9'],
  ['a'.repeat(259), 'QlpoOTFBWSZTWUutlGwAAALBAMAAIAAACCAAIKptQZjFR4u5IpwoSCXWyjYA'],
  [`${'a'.repeat(260)}b`, 'QlpoOTFBWSZTWQT4Xd0AAALBAKAAMAAACCAAIZpoM00JF1Ti7kinChIAnwu7oA=='],
  ['ab'.repeat(3_000), 'QlpoOTFBWSZTWVhIWLEABduBADAAIAAwgE1GqELVCFxdyRThQkFhIWLE'],
];

describe('bzip2', () => {
  it('unpacks what bzip2 packed', async () => {
    for (const [text, base64] of SMALL) {
      expect((await unpacked(Buffer.from(base64, 'base64'))).toString(), `${text.length}`).toBe(text);
    }
    expect((await unpacked(packed)).equals(plain)).toBe(true);
  });

  it('unpacks streams one after the other, in whatever chunks they come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: packed.length })), async (cuts) => {
        const ends = [...cuts.sort((a, b) => a - b), packed.length];
        const chunks = ends.map((end, at) => packed.subarray(ends[at - 1] ?? 0, end));
        expect((await unpacked(...chunks)).equals(plain)).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  it('refuses every cut and every flipped bit, and never hangs', async () => {
    for (let end = 1; end < packed.length; end += 997) {
      await expect(unpacked(packed.subarray(0, end)), `cut at ${end}`).rejects.toThrow(/^bzip2: /);
    }
    for (let at = 4; at < 4_000; at += 211) {
      const broken = Buffer.from(packed);
      broken[at] = (broken[at] as number) ^ 0x10;
      await expect(unpacked(broken), `bit of byte ${at}`).rejects.toThrow(/^bzip2: /);
    }
  });

  it('is found by its first bytes when a trace is read', async () => {
    const trace = await readTraceFile(fixture('azure2021_invocations_sample200.csv.bz2'));
    expect(trace).toMatchObject({ format: 'azure2021', count: 199 });
    await expect(readTraceFile(fixture('MANIFEST.md'))).rejects.toMatchObject({
      code: 'trace-format-unknown',
    });
  });
});
