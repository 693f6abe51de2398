/** Parquet: files of three writers and every codec give the same requests as the CSV of the same rows. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTraceFile } from '../simulator/traces/file.ts';
import type { TraceOptions } from '../simulator/traces/format.ts';
import { parquetAsCsv } from '../simulator/traces/parquet-thread.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-parquet-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name: string): string => new URL(`./traces/${name}`, import.meta.url).pathname;
const parquet = (name: string): string => fixture(`parquet/${name}.parquet`);
const sample = (name: string): string =>
  new URL(`../simulator/traces/samples/${name}`, import.meta.url).pathname;

function put(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function textOf(path: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of parquetAsCsv(path)) text += decoder.decode(bytes, { stream: true });
  return text;
}

/** A trace without its name, which is the file's. */
async function read(path: string, options: TraceOptions = {}) {
  const { name: _, ...trace } = await readTraceFile(path, options);
  return trace;
}

async function refusal(path: string, options: TraceOptions = {}): Promise<unknown> {
  return readTraceFile(path, options).then(
    () => Promise.reject(new Error('it was read')),
    (thrown: unknown) => thrown,
  );
}

describe('a Parquet file', () => {
  it.each(['snappy', 'plain', 'lz4', 'brotli', 'zstd', 'gzip'])(
    'gives the requests of the CSV of its rows (%s)',
    async (packing) => {
      const expected = await read(fixture('azure2021_invocations_sample200.csv'));
      expect(expected.count).toBe(199);
      expect(await read(parquet(`azure2021_${packing}`))).toEqual(expected);
    },
  );

  it.each([
    ['huawei2023_null', 'huawei2023_requests_minute_head.csv'],
    ['huawei2023_nan', 'huawei2023_requests_minute_head.csv'],
    ['huawei2025_cold_starts', 'huawei2025_cold_starts_head.csv'],
  ])('does so for what has no duration or no count in a column (%s)', async (name, csv) => {
    const options = { serviceTime: 'exponential:50ms' };
    expect(await read(parquet(name), options)).toEqual(await read(fixture(csv), options));
  });

  it('keeps every digit of times, and is read by named columns as a CSV is', async () => {
    const options = { csvTime: 'TIMESTAMP', csvDuration: '0.05+0.02*GeneratedTokens' };
    const head = readFileSync(sample('azure_llm2023_code.csv'), 'utf8').split('\n').slice(0, 101).join('\n');
    const expected = await read(put('llm.csv', head), options);
    expect(await read(parquet('azure_llm2023_head'), options)).toEqual(expected);
    expect(await refusal(parquet('azure_llm2023_head'), { ...options, csvTime: 'TIMESTAMPS' })).toMatchObject(
      { code: 'usage', message: expect.stringContaining('did you mean TIMESTAMP?') },
    );
  });

  it('of a format whose files are JSON Lines is one of that format, lists in other columns or not', async () => {
    const options = { csvDuration: '0.05+0.01*output_length' };
    const trace = await read(parquet('mooncake_head'), options);
    expect(trace).toEqual(await read(fixture('mooncake_conversation_head.jsonl'), options));
    expect(trace).toMatchObject({ format: 'mooncake', count: 100 });
  });

  it('has each kind of value as a CSV would write it, nothing where one is missing', async () => {
    expect(await textOf(parquet('kinds'))).toBe(
      [
        'float32,decimal,ms,us,int16,uint64,flag,text,day,list,pair,fixed,clock,last',
        '0.7,0.69,2023-11-14T22:13:20.123Z,2023-11-14T22:13:20.123456Z,-3,18446744073709551615,true,"a,""b""',
        'c",2023-11-14,(nested),(nested),(bytes),(TIME),1',
        '0.1,-1.15,1970-01-01T00:00:00.000Z,1969-12-31T23:59:59.999999Z,7,0,false,,1970-01-01,(nested),(nested),(bytes),(TIME),2',
        ',,,,,,,,,(nested),(nested),(bytes),(TIME),3',
        '',
      ].join('\n'),
    );
  });

  it('takes its options and its bad rows as any trace', async () => {
    const all = await read(parquet('azure2021_snappy'));
    const thinned = await read(parquet('azure2021_snappy'), { transform: 'scale=0.5' });
    expect(thinned.count).toBeLessThan(all.count);
    const options = { csvTime: 'last', csvDuration: 'float32' };
    expect(await refusal(parquet('kinds'), options)).toMatchObject({
      code: 'trace-invalid',
      // The header and the rows before it take four lines: one text has a line end in it.
      message: expect.stringMatching(/line 5, column float32: expected a number, got ""$/),
    });
    const trace = await read(parquet('kinds'), { ...options, maxBadRows: 1 });
    expect([...trace.runUs]).toEqual([700_000, 100_000]);
    expect(trace.skippedBad).toBe(1);
  });
});

describe('what is refused of Parquet', () => {
  const bytes = readFileSync(parquet('azure2021_snappy'));

  it('a file that only begins like one, or is cut, or damaged', async () => {
    for (const [name, content] of Object.entries({
      text: 'PAR1,and,other,columns\n1,2,3,4\n',
      magic: 'PAR1',
      cut: bytes.subarray(0, 9_000),
      damaged: Buffer.concat([bytes.subarray(0, 100), bytes.subarray(1_100)]),
    })) {
      expect(await refusal(put(name, content)), name).toMatchObject({
        code: 'trace-invalid',
        message: expect.stringMatching(/expected a whole Parquet file, got \S/),
      });
    }
    expect(await refusal(put('locked', 'PARE'))).toMatchObject({
      code: 'trace-format-unknown',
      message: expect.stringContaining('got encrypted Parquet'),
    });
  });

  it('a row group whose columns do not have its rows', async () => {
    // Field 3 of a row group: 50 rows, as a zigzag number; and before it its size. The first of four is taken.
    const rows = Buffer.from([0x16, 100, 0x26]);
    const at = bytes.indexOf(rows, bytes.lastIndexOf('app\u0015\u0002') - 3_000);
    expect(at).toBeGreaterThan(0);
    const longer = Buffer.from(bytes);
    longer[at + 1] = 110;
    expect(await refusal(put('longer', longer))).toMatchObject({
      code: 'trace-invalid',
      message: expect.stringMatching(/expected 55 rows in column app, got 50$/),
    });
  });

  it('a codec that is not known, and a row group that would not fit in memory', async () => {
    // In the footer a column's codec follows its name: field 4, a zigzag number; snappy is 1 and LZO 3.
    const codec = bytes.lastIndexOf('app\u0015\u0002');
    expect(codec).toBeGreaterThan(0);
    const lzo = Buffer.from(bytes);
    lzo[codec + 4] = 6;
    expect(await refusal(put('lzo', lzo))).toMatchObject({
      code: 'trace-format-unknown',
      message: expect.stringMatching(
        /expected one of the codecs UNCOMPRESSED, SNAPPY, .*, got LZO in column app$/,
      ),
    });
  });

  it('columns that a format lacks, or that hold something else', async () => {
    expect(await refusal(parquet('kinds'))).toMatchObject({
      code: 'trace-format-unknown',
      message: expect.stringContaining('"float32,decimal,ms,us,'),
    });
    expect(await refusal(parquet('kinds'), { format: 'azure2021' })).toMatchObject({
      code: 'trace-invalid',
      message: expect.stringMatching(/expected a header with a column app, got columns float32, decimal/),
    });
    const kinds = { list: 'nested', fixed: 'bytes', clock: 'TIME' };
    for (const [column, kind] of Object.entries(kinds)) {
      expect(await refusal(parquet('kinds'), { csvTime: 'last', csvDuration: column })).toMatchObject({
        code: 'trace-invalid',
        message: expect.stringContaining(`line 2, column ${column}: expected a number, got "(${kind})"`),
      });
    }
    expect(await refusal(parquet('nested'))).toMatchObject({
      code: 'trace-invalid',
      message: expect.stringMatching(
        /expected columns of numbers, text or times, got list \(nested\), fixed/,
      ),
    });
    expect(await refusal(parquet('empty'))).toMatchObject({ code: 'trace-empty' });
    expect(await refusal(parquet('kinds'), { csvTime: 'flag', csvDuration: 'last' })).toMatchObject({
      message: expect.stringMatching(/line 2, column flag: expected a time .* got "true"$/),
    });
  });
});
