/**
 * How fast traces are read: a seeded file of each of the larger formats is written to a temporary folder and read
 * from there, one warm-up, the median of several runs. Run: `node bench/traces.ts [rows] [runs]`.
 */
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { RandomStream } from '../simulator/kernel/random.ts';
import { readTraceFile } from '../simulator/traces/file.ts';
import type { TraceOptions } from '../simulator/traces/format.ts';

const rows = Number(process.argv[2] ?? 1_980_951);
const runs = Number(process.argv[3] ?? 5);
const SEED = 1;
// As in the trace of 2021: 119 apps with 424 functions over two weeks.
const FUNCTIONS = 424;
const SPAN_S = 14 * 86_400;

const stream = new RandomStream(SEED, 'bench');
const hash = (): string =>
  Array.from({ length: 8 }, () => stream.nextUint32().toString(16).padStart(8, '0')).join('');
const names = Array.from({ length: FUNCTIONS }, () => `${hash()},${hash()}`);
const pick = (): number => Math.floor(stream.uniform() ** 3 * FUNCTIONS);

function azure2021Row(at: number): string {
  const durationS = Math.round(stream.exponential(2) * 1_000) / 1_000;
  const startS = Math.max(0, (at / rows) * SPAN_S + (stream.uniform() - 0.5) * 100);
  return `${names[pick()]},${startS + durationS},${durationS}`;
}

const iso = (at: number): string => new Date(1_700_000_000_000 + Math.floor(at * 7.3)).toISOString();
const day = (at: number): string => {
  const [date = '', time = ''] = iso(at).split('T');
  return `${date.slice(8)}/Nov/2023:${time.slice(0, 8)} +0000`;
};

interface Case {
  readonly title: string;
  readonly header: string;
  readonly row: (at: number) => string;
  readonly options: TraceOptions;
}

const CASES: readonly Case[] = [
  { title: 'azure2021', header: 'app,func,end_timestamp,duration\n', row: azure2021Row, options: {} },
  {
    title: 'csv',
    header: 't,d,f\n',
    row: (at) => `${1_700_000_000 + at * 0.0073},${stream.uniform().toFixed(6)},f${pick()}`,
    options: { csvTime: 't', csvDuration: 'd', csvFunction: 'f' },
  },
  {
    title: 'alb',
    header: '',
    row: (at) =>
      `https ${iso(at).replace('Z', '123Z')} app/lb/50dc6c495c0c9188 192.0.2.1:2817 10.0.0.1:80 0.000 ${stream.uniform().toFixed(3)} 0.000 200 200 34 366 "GET https://www.example.com:443/a/${pick()} HTTP/1.1" "curl/7.46.0" - -`,
    options: {},
  },
  {
    title: 'common-log',
    header: '',
    row: (at) => `192.0.2.1 - - [${day(at)}] "GET /a/${pick()} HTTP/1.1" 200 2326`,
    options: { serviceTime: 'exponential:120ms', functionBy: 'segment' },
  },
];

async function write(path: string, { header, row }: Case): Promise<void> {
  const out = createWriteStream(path);
  out.write(header);
  for (let at = 0; at < rows; ) {
    const lines: string[] = [];
    for (const end = Math.min(at + 10_000, rows); at < end; at++) lines.push(row(at));
    if (!out.write(`${lines.join('\n')}\n`)) await new Promise((resolve) => out.once('drain', resolve));
  }
  out.end();
  await finished(out);
}

async function measure(path: string, options: TraceOptions): Promise<string> {
  const seconds: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const startedMs = performance.now();
    const trace = await readTraceFile(path, options);
    if (trace.count !== rows) throw new Error(`${path}: expected ${rows} requests, got ${trace.count}`);
    if (run > 0) seconds.push((performance.now() - startedMs) / 1_000);
  }
  seconds.sort((a, b) => a - b);
  const median = seconds[seconds.length >> 1] ?? Number.NaN;
  const mb = statSync(path).size / 1e6;
  const perSecond = `${(rows / median / 1e6).toFixed(2)} M rows/s`;
  return `${median.toFixed(2)} s (${(seconds[0] ?? 0).toFixed(2)} to ${(seconds.at(-1) ?? 0).toFixed(2)})  ${perSecond}  ${(mb / median).toFixed(0)} MB/s`;
}

const folder = mkdtempSync(join(tmpdir(), 'ebb-bench-'));
const lines = [
  `${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, ${rows} rows, seed ${SEED}, median of ${runs} runs after one warm-up`,
];
try {
  for (const each of CASES) {
    const path = join(folder, each.title);
    await write(path, each);
    lines.push(`${each.title.padEnd(16)}${await measure(path, each.options)}`);
    if (each.title === 'azure2021') {
      const packed = `${path}.gz`;
      writeFileSync(packed, gzipSync(readFileSync(path), { level: 1 }));
      lines.push(`${'azure2021 gzip'.padEnd(16)}${await measure(packed, each.options)}`);
      rmSync(packed);
    }
    rmSync(path);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${lines.join('\n')}\n`);
