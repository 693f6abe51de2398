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

/** 240,000 bytes, packed by bzip2 1.0.8 in blocks of 100, 200, 500 and 900 kB: three, two and one of them. */
const BLOCKS_TEXT = Array.from({ length: 60_000 }, (_, at) => `${at % 7},${at % 5}\n`).join('');
const BLOCKS: readonly [level: number, base64: string][] = [
  [
    1,
    'QlpoMTFBWSZTWR7euREAa2bYAAAQAAR/AEACPAAOCDJiCDJiBNSoAClVD/VPVDkinxIpkiniRTkimSKakUyRTJFMkUyRTJFNSKZIpkimSKZIpkimpFMkUyRTJFMkUyRTUimSKZIpkimSKZIpqRTJFMkUyRTJFPyRTUimSKZIpkiniRT8kU5IpyRTqRTkinJFOSKckU5IpyRTkinUinJFOSKckU5IpyRTkinJFOpFOSKckU5IpyRTkinJFOSKdSKckU+FUK30oE4FUKxQJhVCsUCYVQrFAmFUK1RCl+YoKyTKazXHj8lgB1KrAAACAACP4AgAR4ABwQZMQQZMQJqVAAUqqH/qp+lJyRT+SKakU+JFOSKZIpkimSKakUyRTJFMkUyRTJFNSKakUyRTJFMkUyRTJFMkUyRTJFMkUyRTJFMkUyRTJFMkU1IpkimSKakU+pFMkUyRTJFMkU+JFPqRT76kU8kU8kU8kU8kU8kU8kU5Ip1IpyRTkinJFOSKckU5IpyRTqRTkinJFOSKckU5IpyRTkinUinJFOSKckVeiqFfFAmFUKxQJhVCsUCYVQrFAmFUKwkKX5igrJMprOYf2GeAFPIsAAAIAAI/gCABDgOARBkxBBkxAmqVB/qpoFKofqgeVUOlUMqh2qh4qhlUMqhlUMqhlUMqhlUMqhlUMqhpUMqhlUMqhlUMqhlUMqhlUMqhlUMqhlUMqhlUMqhlUMqhlUMqh8qhlUMqhlUXxCr7BV5BVoKtBVoKtBVoKtBVoKtBVoKtBVoKtBVoKtBVoKtBVoKtBVoKtBVoKvegq0FWgq9oVaCrQVaCrxJRedQVdEoulIOiUXSkHRKLpSDklF0pB0qgPxdyRThQkOs9qBw=',
  ],
  [
    2,
    'QlpoMjFBWSZTWZgph2kA1tLYAAAQAAR/AEACfAAHAgyYggyYgTUqAApVQ/1T1Q4kU+EimkinhIp0kUxIppIpiRTSRTEimkimJFNJFMSKaSKaSKYkUxIppIpiRTEimkimJFMSKaSKaSKYkU0kUxIpiRTEimkimJFNJFMSKfiRTSRTEimJFNJFPCRT9JFOkinEinSRTiRTiRTpIpxIpxIp0kU4kU6SKcSKcSKdJFOkinEinSRTiRTpIpxIpxIpxIp0kU4kU6SKcSKdSUXlJRfBVCu/ooE4CqFYUCYKoVooEwVQrRQJgqhWlEKX5igrJMprJz0XXwACpusAAAIAAI/gCAA/cBAEGTEEGTECapU0f6qAUqo36o0YFXkFXuCr5BVkKvaIZVDKoZVDKoZVDKoZVDKoZVDSoZVDKoZVDKoZVDSoZVDKoZVDKoZVDSoZVDKoZVDKoZVDSoZVD1VDKoaVDztVDuVDxVD1VDiqHFUOIVaCrQVZCrQVaCrQVaCrQVaCrQVZCrIVaCrQVaCrQVaCrQVeaCrIVaCrxCrQVaCrQVflSD8kouVIOSUXKkHRKLlSDklFypBwEqv4u5IpwoSATd2hWA==',
  ],
  [
    5,
    'QlpoNTFBWSZTWUQQxAUBBSlYAAAQAAR/AEACeAAOBBkxBBkxAmqqH+qeqAUlQBxRJ8lEmKJPJRJ0ok0okxRJpRJiiTSiTSiTSiTFEmlEmKJNKJNKJNKJMUSaUSaUSaUSaUSaUSYokxRJpRJpRJpRJpRJpRJiiTSiTSiTSiT9KJMUSaUSaUSaUSeSiT8UScUSdKJOKJOlEnSiTpRJ0ok6UScUSdKJOKJOlEnSiTpRJ0ok6UScUSdKJOKJOlEnSiTpRJulEnSiT3KJOlEnUUl4ikvgVKnxVSDAqVMVUgwKlTFVIMCpU1KpBgVKmhUIvxdyRThQkEQQxAU=',
  ],
  [
    9,
    'QlpoOTFBWSZTWUQQxAUBBSlYAAAQAAR/AEACeAAOBBkxBBkxAmqqH+qeqAUlQBxRJ8lEmKJPJRJ0ok0okxRJpRJiiTSiTSiTSiTFEmlEmKJNKJNKJNKJMUSaUSaUSaUSaUSaUSYokxRJpRJpRJpRJpRJpRJiiTSiTSiTSiT9KJMUSaUSaUSaUSeSiT8UScUSdKJOKJOlEnSiTpRJ0ok6UScUSdKJOKJOlEnSiTpRJ0ok6UScUSdKJOKJOlEnSiTpRJulEnSiT3KJOlEnUUl4ikvgVKnxVSDAqVMVUgwKlTFVIMCpU1KpBgVKmhUIvxdyRThQkEQQxAU=',
  ],
];

describe('bzip2', () => {
  it('unpacks what bzip2 packed', async () => {
    for (const [text, base64] of SMALL) {
      expect((await unpacked(Buffer.from(base64, 'base64'))).toString(), `${text.length}`).toBe(text);
    }
    expect((await unpacked(packed)).equals(plain)).toBe(true);
  });

  it('unpacks blocks of every size, and streams of different sizes after each other', async () => {
    const streams = BLOCKS.map(([level, base64]) => [level, Buffer.from(base64, 'base64')] as const);
    for (const [level, stream] of streams) {
      expect((await unpacked(stream)).toString() === BLOCKS_TEXT, `-${level}`).toBe(true);
    }
    const all = await unpacked(...streams.map(([, stream]) => stream));
    expect(all.toString() === BLOCKS_TEXT.repeat(streams.length)).toBe(true);
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
