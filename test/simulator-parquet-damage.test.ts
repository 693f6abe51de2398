/** Damaged Parquet always ends: by what it still says, by a fault, or by being given up. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asCodedError } from '../metering/errors.ts';
import { RandomStream } from '../simulator/kernel/random.ts';
import { parquetAsCsv, type ReadingLimits } from '../simulator/traces/parquet-thread.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-parquet-damage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (name: string): Buffer =>
  readFileSync(new URL(`./traces/parquet/${name}.parquet`, import.meta.url));

/** How reading ends: the code of its fault and what came, or `read`. */
async function ending(bytes: Uint8Array, limits: ReadingLimits): Promise<{ code: string; message: string }> {
  const path = join(folder, 'damaged.parquet');
  writeFileSync(path, bytes);
  try {
    for await (const _ of parquetAsCsv(path, limits));
    return { code: 'read', message: '' };
  } catch (thrown) {
    return asCodedError(thrown);
  }
}

/**
 * A page of the newer kind, without compression, that says its values are runs of places in a dictionary, of no bits
 * each: the library then counts a run without reading a byte of the file.
 */
function withRun(...run: readonly number[]): Buffer {
  const bytes = bytesOf('azure2021_plain');
  // 199 values, none missing, 199 rows, split bytes: numbers of the page's header as zigzag.
  const header = Buffer.from([0x15, 0x8e, 0x03, 0x15, 0x00, 0x15, 0x8e, 0x03, 0x15, 0x12]);
  const at = bytes.indexOf(header);
  bytes[at + header.length - 1] = 0x10;
  // What follows are three bytes of levels (199 times 1), and then the values.
  const values = bytes.indexOf(Buffer.from([0x8e, 0x03, 0x01]), at + header.length) + 3;
  Buffer.from([0, ...run]).copy(bytes, values);
  return bytes;
}

describe('a damaged Parquet file', () => {
  it('that counts without end is given up', async () => {
    // A packed run whose length is below zero when it is read as a signed number.
    expect(await ending(withRun(0xff, 0xff, 0xff, 0xff, 0x0f), { looks: 3, bytes: 2 ** 40 })).toMatchObject({
      code: 'trace-invalid',
      message: expect.stringContaining(
        'expected a whole Parquet file, got one with a page that is not decoded in',
      ),
    });
  });

  it('that takes all memory there is is given up before', async () => {
    // A run of 2^30 − 1 values in a page of 199.
    expect(
      await ending(withRun(0xfe, 0xff, 0xff, 0xff, 0x07), { looks: 1_000, bytes: 2 ** 28 }),
    ).toMatchObject({
      code: 'trace-invalid',
      message: expect.stringContaining(`got one with a page that takes more than ${2 ** 28} bytes of memory`),
    });
  });

  it('ends in one of these ways wherever it is damaged', async () => {
    const random = new RandomStream(3, 'damage');
    const below = (end: number): number => Math.floor(random.uniform() * end);
    const names = ['azure2021_plain', 'azure2021_snappy', 'azure2021_zstd', 'kinds', 'huawei2023_null'];
    const codes = new Set<string>();
    for (let round = 0; round < 24; round++) {
      const bytes = bytesOf(names[round % names.length] as string);
      for (let hits = 1 + below(3); hits > 0; hits--) {
        bytes[below(bytes.length)] = [0, 0xff, 0x7f, below(256)][below(4)] as number;
      }
      codes.add((await ending(bytes, { looks: 40, bytes: 2 ** 30 })).code);
    }
    expect([...codes].sort()).toEqual(['read', 'trace-invalid']);
  });

  it('is left alone when its reader stops early', async () => {
    const path = join(folder, 'whole.parquet');
    writeFileSync(path, bytesOf('azure2021_plain'));
    const pieces = parquetAsCsv(path);
    expect((await pieces.next()).done).toBe(false);
    await pieces.return(undefined);
    expect((await pieces.next()).done).toBe(true);
  });
});
