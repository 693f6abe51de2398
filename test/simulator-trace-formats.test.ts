/** Trace formats of providers, logs and load generators: real samples where there are, and each one's own edges. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readTraceFile } from '../simulator/traces/file.ts';
import { TRACE_FORMATS, type TraceOptions } from '../simulator/traces/format.ts';
import { FORMATS } from '../simulator/traces/formats.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import type { Trace } from '../simulator/traces/trace.ts';

const fixture = (name: string): string => new URL(`./traces/${name}`, import.meta.url).pathname;
const sample = (name: string): string =>
  new URL(`../simulator/traces/samples/${name}`, import.meta.url).pathname;
const MB = 2 ** 20;

const read = (text: string, options: TraceOptions = {}): Trace => readTraceText(text, 'x', options);
/** [function, arrival, run] of each arrival. */
const rowsOf = (trace: Trace) =>
  Array.from(trace.arrivedAtUs, (time, at) => [
    trace.functionNames[trace.functionIndex[at] as number],
    time,
    trace.runUs[at],
  ]);
const spanS = ({ arrivedAtUs, count }: Trace): number =>
  ((arrivedAtUs[count - 1] as number) - (arrivedAtUs[0] as number)) / 1e6;
const isSorted = ({ arrivedAtUs }: Trace): boolean =>
  arrivedAtUs.every((time, at) => at === 0 || time >= (arrivedAtUs[at - 1] as number));

function refusal(text: string, options?: TraceOptions): { code: string; message: string } {
  try {
    read(text, options);
  } catch (thrown) {
    return thrown as { code: string; message: string };
  }
  throw new Error('it was read');
}

describe('the list of formats', () => {
  it('has each name once, and each format knows its own', () => {
    expect(Object.keys(FORMATS).sort()).toEqual([...TRACE_FORMATS].sort());
    for (const [name, format] of Object.entries(FORMATS)) expect(format.name).toBe(name);
  });
});

describe('Azure Functions 2019', () => {
  const file = fixture('invocations_per_function_md.anon.d01.csv');

  it('finds its files of durations and memory by their names, and loses no invocation', async () => {
    const trace = await readTraceFile(file);
    expect(trace).toMatchObject({ format: 'azure2019', count: 4_525, skippedBad: 0 });
    expect(trace.functionNames).toHaveLength(4);
    expect(isSorted(trace)).toBe(true);
    expect(trace.filled).toEqual([
      'arrivedAtUs within their minute: uniform, seed 1',
      "runUs drawn from each function's percentiles, linear between them, seed 1",
      "memoryBytesPeak drawn from each app's percentiles, linear between them, seed 1",
      "memoryBytesLimit by each app's largest percentile",
    ]);
  });

  it('draws durations and memory inside what the percentiles allow', async () => {
    const trace = await readTraceFile(file);
    const first = trace.functionNames.findIndex((name) => name.endsWith('/c13acdc7'));
    const at = Array.from(trace.functionIndex.keys()).filter((place) => trace.functionIndex[place] === first);
    const runs = at.map((place) => trace.runUs[place] as number);
    expect(Math.min(...runs)).toBeGreaterThanOrEqual(99_000);
    expect(Math.max(...runs)).toBeLessThanOrEqual(101_000);
    const { memoryBytesPeak, memoryBytesLimit } = trace.columns;
    for (const place of at) {
      expect(memoryBytesLimit?.[place]).toBe(152 * MB);
      expect(memoryBytesPeak?.[place]).toBeGreaterThanOrEqual(100 * MB);
      expect(memoryBytesPeak?.[place]).toBeLessThanOrEqual(152 * MB);
    }
  });

  it('takes the files that options name, and another seed moves the requests but not their minutes', async () => {
    const options = {
      durations: fixture('function_durations_percentiles.anon.d01.csv'),
      memory: fixture('app_memory_percentiles.anon.d01.csv'),
    };
    const [first, same, other] = await Promise.all([
      readTraceFile(file, { ...options, seed: 1 }),
      readTraceFile(file, { ...options, seed: 1 }),
      readTraceFile(file, { ...options, seed: 2 }),
    ]);
    expect(same.arrivedAtUs).toEqual(first?.arrivedAtUs);
    expect(same.runUs).toEqual(first?.runUs);
    expect(other.arrivedAtUs).not.toEqual(first?.arrivedAtUs);
    const minutes = (trace: Trace) => Array.from(trace.arrivedAtUs, (us) => Math.floor(us / 60e6));
    expect(minutes(other)).toEqual(minutes(first));
    await expect(readTraceFile(file, { durations: 'none.csv' })).rejects.toMatchObject({
      code: 'file-unreadable',
    });
  });

  const header = 'HashOwner,HashApp,HashFunction,Trigger,1,2';

  it('without durations needs a rule for them, and spreads evenly when asked', () => {
    expect(refusal(`${header}\no,a,f,http,2,1`)).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/says no durations for all requests; serviceTime fills them/),
    });
    const trace = read(`${header}\no,a,f,http,2,1`, { serviceTime: 'constant:120ms', spread: 'even' });
    expect(rowsOf(trace)).toEqual([
      ['a/f', 15_000_000, 120_000],
      ['a/f', 45_000_000, 120_000],
      ['a/f', 90_000_000, 120_000],
    ]);
    expect(trace.filled).toEqual([
      'arrivedAtUs within their minute: evenly spaced',
      'runUs by constant(120ms), seed 1 (all requests)',
    ]);
  });

  it('names what is wrong', () => {
    expect(refusal(`${header}\no,a,f,http,2.5,1`).message).toMatch(
      /line 2, column 1: expected a whole number of invocations, got "2\.5"/,
    );
    expect(refusal('HashOwner,HashApp,HashFunction,Trigger,a\n', { format: 'azure2019' }).message).toMatch(
      /expected columns of minutes 1, 2, …, got none/,
    );
  });
});

describe('Huawei', () => {
  it('2023: counts by minute and column, absent ones none, at whole seconds since the start', () => {
    const text = 'day,time,0,1\n0,0,1,\n0,60,0,2.0\n';
    const trace = read(text, { serviceTime: 'constant:1ms', spread: 'even' });
    expect(trace.format).toBe('huawei2023');
    expect(rowsOf(trace)).toEqual([
      ['0', 30_000_000, 1_000],
      ['1', 75_000_000, 1_000],
      ['1', 105_000_000, 1_000],
    ]);
    expect(refusal('day,time,0\n0,0,x\n').message).toMatch(
      /line 2, column 0: expected a whole number of requests/,
    );
  });

  it('2025: a cold start has its start-up and its pool, but no duration', () => {
    const header =
      'day,time,clusterName,funcName,userID,requestID,totalCost_cold_start,podAllocationCost,deployCodeCost,deployDependencyCost,schedulingCost,podID';
    const row = '0,51937.425,1,10,134,82f1,2.239314,0.027,0.045,0.454,1.713,pool24-600-512-0000577863';
    const trace = read(`${header}\n${row}\n`, { serviceTime: 'constant:10ms' });
    expect(trace.format).toBe('huawei2025-cold-starts');
    expect(rowsOf(trace)).toEqual([['134/10', 51_937_425_000, 10_000]]);
    expect(trace.columns.startupUs).toEqual(Float64Array.of(2_239_314));
    expect(trace.columns.memoryBytesLimit).toEqual(Float64Array.of(512 * MB));
    expect(refusal(`${header}\n${row.replace('pool24-600-512', 'p')}`).message).toMatch(/column podID/);
  });

  it('2025: a request begins before the time at which it was logged', () => {
    const header =
      'time_worker,time_frontend,requestID,clusterName,funcName,podID,userID,totalCost_worker,runtimeCost,totalCost_frontend,cpu_usage,memory_usage';
    const row =
      '2600186.994,2600186.995,763f,1,296,pool22-300-128-0000618412,224,0.023749,0.023637,0.026421,0.29,32.308594';
    const trace = read(`${header}\n${row}\n`);
    expect(trace.format).toBe('huawei2025-requests');
    expect(rowsOf(trace)).toEqual([['224/296', 2_600_186_968_579, 23_637]]);
    expect(trace.columns.memoryBytesLimit).toEqual(Float64Array.of(128 * MB));
  });
});

describe('AWS', () => {
  it('CloudWatch events join START and REPORT to the very rows of the bundled sweep', async () => {
    const events = await readTraceFile(fixture('cloudwatch_aws_rps10_head.json'));
    const sweep = await readTraceFile(sample('aws_lambda_rps_sweep_2025-05.csv'));
    expect(events).toMatchObject({ format: 'cloudwatch', count: 29 });
    const key = (trace: Trace) => (at: number) =>
      [trace.arrivedAtUs[at], trace.runUs[at], trace.columns.startupUs?.[at]].join();
    const known = new Set(Array.from(sweep.arrivedAtUs.keys(), key(sweep)));
    for (const one of Array.from(events.arrivedAtUs.keys(), key(events))) expect(known).toContain(one);
    expect(new Set(events.columns.memoryBytesLimit)).toEqual(new Set([1769 * MB]));
  });

  const report = (id: string, rest = '') =>
    `REPORT RequestId: ${id}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t${rest}`;

  it('CloudWatch text needs a time before each line; a REPORT without its START ends at its time', () => {
    const text = [
      '2025-05-12T20:37:44.652Z INIT_START Runtime Version: nodejs:22.v1',
      '2025-05-12T20:37:45.000Z START RequestId: a Version: $LATEST',
      "2025-05-12T20:37:45.001Z the function's own line",
      `2025-05-12T20:37:45.013Z ${report('a', 'Init Duration: 98.40 ms')}`,
      `2025-05-12T20:37:46.013Z ${report('b').replaceAll('\t', '  ')}`,
    ].join('\n');
    const trace = read(text);
    expect(trace.format).toBe('cloudwatch');
    const start = Date.UTC(2025, 4, 12, 20, 37, 45) * 1_000;
    expect(rowsOf(trace)).toEqual([
      ['function', start, 12_340],
      ['function', start + 1_013_000 - 12_340, 12_340],
    ]);
    expect(trace.columns.startupUs).toEqual(Float64Array.of(98_400, 0));
    expect(refusal(report('a')).message).toMatch(
      /line 1, column time: expected a time before START and REPORT/,
    );
    const cut = '2025-05-12T20:37:45.013Z REPORT RequestId: a\tDuration: 1 ms';
    expect(refusal(cut).message).toMatch(/column Memory Size: expected a REPORT line with Memory Size/);
  });

  it('CloudWatch events name their function by the log group', () => {
    const event = { logGroupName: '/aws/lambda/api', timestamp: 1_000, message: report('a'), eventId: '1' };
    const trace = read(JSON.stringify({ events: [event] }));
    expect(rowsOf(trace)).toEqual([['api', 987_660, 12_340]]);
    expect(refusal('[{"eventId":"1","message":"START RequestId: a"}]').message).toMatch(
      /line 1, column timestamp: expected text or a number, got nothing/,
    );
  });

  const records = readFileSync(fixture('lambda_records.jsonl'), 'utf8');
  const [, start = '', , reported = ''] = records.split('\n');
  const startedUs = Date.UTC(2022, 9, 21, 14, 5, 3, 165) * 1_000;

  it('JSON records are what START and REPORT are, alone on a line, in events, in an array, behind a time', () => {
    const lines = records.trim().split('\n');
    const events = lines.map((message, at) => ({ eventId: String(at), timestamp: at, message }));
    for (const text of [
      records,
      JSON.stringify({ events }, null, 2),
      events.map((event) => JSON.stringify(event)).join('\n'),
      `[\n${lines.join(',\n')}\n]`,
      lines.map((line) => `2022-10-21T14:05:03.165Z 2022/10/21/[$LATEST]3f9a ${line}`).join('\n'),
    ]) {
      const trace = read(text);
      expect(trace.format).toBe('cloudwatch');
      expect(rowsOf(trace)).toEqual([['function', startedUs, 2_599_400]]);
      expect(trace.columns).toEqual({
        startupUs: Float64Array.of(549_040),
        memoryBytesLimit: Float64Array.of(128 * MB),
        memoryBytesPeak: Float64Array.of(94 * MB),
      });
    }
  });

  it('JSON records name the function by its ARN, and a report without its start ends at its time', () => {
    const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:api:3';
    const named = start.replace('"version"', `"functionArn":"${arn}","version"`);
    expect(rowsOf(read(`${named}\n${reported}`))).toEqual([['api', startedUs, 2_599_400]]);
    const endUs = Date.UTC(2022, 9, 21, 14, 5, 5, 766) * 1_000;
    expect(rowsOf(read(reported))).toEqual([['function', endUs - 2_599_400, 2_599_400]]);
    const restored = read(reported.replace('initDurationMs', 'restoreDurationMs'));
    expect(restored.columns.startupUs).toEqual(Float64Array.of(549_040));
    const warm = read(reported.replace(',"initDurationMs":549.04', ''));
    expect(warm.columns.startupUs).toEqual(Float64Array.of(0));
    expect(refusal(reported.replace('"memorySizeMB":128,', '')).message).toBe(
      'x line 1, column record.metrics.memorySizeMB: expected a number, got nothing',
    );
    expect(refusal(reported.replace('"requestId"', '"id"')).message).toMatch(
      /column record\.requestId: expected text or a number, got nothing/,
    );
    expect(refusal(`${start}\n${reported.slice(0, -9)}`).message).toMatch(/line 2: expected a JSON object/);
  });

  it('CloudWatch lines exported as CSV keep their times, and a snapshot that is restored is a cold start', () => {
    const text = [
      'timestamp,message',
      '1747082265000,"START RequestId: a Version: $LATEST',
      '"',
      `1747082265013,"${report('a', 'Restore Duration: 120.5 ms\tBilled Restore Duration: 121 ms')}`,
      '"',
    ].join('\n');
    const trace = read(text);
    expect(rowsOf(trace)).toEqual([['function', 1_747_082_265_000_000, 12_340]]);
    expect(trace.columns.startupUs).toEqual(Float64Array.of(120_500));
  });

  const alb = (times: string, status = '200') =>
    `https 2026-07-02T22:23:00.186641Z app/lb/50dc 192.0.2.1:2817 10.0.0.1:80 ${times} ${status} 200 34 366 "GET https://www.example.com:443/api/items?x=1 HTTP/1.1" "curl/7.46.0" - -`;

  it("an ALB's time is the response's, and what reached no target never ran", () => {
    const end = Date.UTC(2026, 6, 2, 22, 23, 0) * 1_000 + 186_641;
    const text = [alb('0.001 0.250 0.002'), alb('-1 -1 -1', '503'), alb('0.000 0.100 -1')].join('\n');
    const trace = read(text, { functionBy: 'segment' });
    expect(rowsOf(trace)).toEqual([
      ['/api', end - 253_000, 250_000],
      ['/api', end - 100_000, 100_000],
    ]);
    expect(trace).toMatchObject({ format: 'alb', skippedRejected: 1 });
    expect(trace.columns.bytesOut).toEqual(Float64Array.of(366, 366));
    expect(read(alb('0 0 0'), { functionBy: 'host' }).functionNames).toEqual(['www.example.com']);
    expect(read(alb('0 0 0'), { functionBy: 'path' }).functionNames).toEqual(['/api/items']);
    expect(refusal(`${alb('0 0 0')}\nhttp 2026`).message).toMatch(/line 2: expected type time elb/);
    expect(refusal(`${alb('0 0 0')}\n${alb('0 x 0')}`).message).toMatch(/column target_processing_time/);
  });

  it('CloudFront fields stand where #Fields says; a request is put inside its second', () => {
    const head =
      '#Version: 1.0\n#Fields: date time x-edge-location sc-bytes cs-uri-stem sc-status time-taken';
    const row = '2019-12-04\t21:02:31\tLAX1\t392\t/view/my/file.html\t200\t0.250';
    const trace = read(`${head}\n${row}\n${head}\n${row}\n`);
    expect(trace).toMatchObject({ format: 'cloudfront', count: 2 });
    expect([...trace.runUs]).toEqual([250_000, 250_000]);
    const end = Date.UTC(2019, 11, 4, 21, 2, 31) * 1_000;
    for (const time of trace.arrivedAtUs) {
      expect(time).toBeGreaterThanOrEqual(end - 250_000);
      expect(time).toBeLessThan(end + 750_000);
    }
    expect(trace.filled).toContain('arrivedAtUs within their second: uniform, seed 1');
    expect(refusal(`${head}\n${row}\tmore`).message).toMatch(/line 3: expected 7 fields between tabs, got 8/);
    expect(refusal('#Fields: date time x-edge-location\na\tb\tc').message).toMatch(
      /expected a field time-taken/,
    );
    expect(refusal(`${head}\n${row.replace('12', '13')}`).message).toMatch(/column time: expected a date/);
  });

  it('as a client measured it in 2020: arrivals by the client, durations by Lambda', async () => {
    const trace = await readTraceFile(fixture('aws_lambda_measured_2020-05-26_head.csv'));
    expect(trace).toMatchObject({ format: 'aws-measured', count: 200 });
    expect(trace.functionNames).toEqual(['function']);
    expect(isSorted(trace)).toBe(true);
    const header = 'is_cold,exist_id,aws_duration,aws_max_mem,client_start_time';
    expect(rowsOf(read(`${header}\nTrue,a,1848.19,53.0,1587650005.4912045`))).toEqual([
      ['function', 1_587_650_005_491_204, 1_848_190],
    ]);
    expect(refusal(`${header}\nmaybe,a,1,53,1`).message).toMatch(/column is_cold: expected True or False/);
  });

  it('as the bundled sweep has it', async () => {
    const trace = await readTraceFile(sample('aws_lambda_rps_sweep_2025-05.csv'));
    expect(trace).toMatchObject({ format: 'aws-sweep', count: 13_555 });
    expect(trace.functionNames).toHaveLength(11);
  });
});

describe('Google Cloud', () => {
  it('Cloud Run as the sweep has it, a function for each rate', async () => {
    const trace = await readTraceFile(fixture('gcp_cloudrun_rps_sweep_2025-05_head.csv'));
    expect(trace).toMatchObject({ format: 'cloud-run-sweep', count: 100, functionNames: ['rps-1'] });
    expect(trace.arrivedAtUs[0]).toBe(Date.UTC(2025, 4, 12, 21, 45, 32) * 1_000 + 338_627);
    expect(trace.runUs[0]).toBe(162_307);
  });

  it('Cloud Logging has latencies as text, and other entries than requests', async () => {
    const trace = await readTraceFile(fixture('cloudlogging_gcp_rps6_head.json'));
    expect(trace).toMatchObject({
      format: 'cloud-logging',
      count: 20,
      functionNames: ['pyaes-serving-model-test-1'],
    });
    expect([trace.runUs[0], trace.columns.bytesOut?.[0]]).toEqual([187_042, 188]);
    const entry = (more: object) =>
      JSON.stringify({
        logName: 'x',
        timestamp: '2026-01-01T00:00:00Z',
        httpRequest: { latency: '0.5s' },
        ...more,
      });
    const lines = [
      entry({}),
      '{"logName":"x","textPayload":"ready"}',
      entry({ timestamp: '2026-01-01T00:00:01Z' }),
    ];
    expect(read(lines.join('\n'))).toMatchObject({ format: 'cloud-logging', count: 2 });
    expect(refusal(entry({ httpRequest: { latency: '5 min' } })).message).toMatch(
      /line 1, column httpRequest\.latency: expected seconds such as "0\.244768516s", got "5 min"/,
    );
  });
});

describe('web servers', () => {
  it('the Combined Log Format: unsorted, in whole seconds, without durations', async () => {
    const file = fixture('apache_combined_head.log');
    const options = { serviceTime: 'exponential:50ms' };
    const trace = await readTraceFile(file, options);
    expect(trace).toMatchObject({ format: 'common-log', count: 200 });
    expect(isSorted(trace)).toBe(true);
    expect((await readTraceFile(file, options)).arrivedAtUs).toEqual(trace.arrivedAtUs);
    const other = await readTraceFile(file, { ...options, seed: 2 });
    const seconds = ({ arrivedAtUs }: Trace) => Array.from(arrivedAtUs, (us) => Math.floor(us / 1e6));
    expect(seconds(other)).toEqual(seconds(trace));
    expect(other.arrivedAtUs).not.toEqual(trace.arrivedAtUs);
    await expect(readTraceFile(file)).rejects.toMatchObject({ code: 'usage' });
  });

  it('the Common Log Format: zones, dashes, and quotes inside the request', () => {
    const line = '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a\\"b?x HTTP/1.0" 200 -';
    const trace = read(line, { serviceTime: 'constant:1ms', functionBy: 'path' });
    expect(Math.floor((trace.arrivedAtUs[0] as number) / 1e6)).toBe(Date.UTC(2000, 9, 10, 20, 55, 36) / 1e3);
    expect([trace.functionNames[0], trace.columns.bytesOut?.[0]]).toEqual(['/a\\"b', 0]);
    const day = line.replace('10/Oct', '32/Oct');
    expect(refusal(day).message).toMatch(/line 1, column time: expected a time such as 17\/May/);
    expect(refusal(`${line}\nnothing of the kind`).message).toMatch(/line 2: expected host ident user/);
  });
});

describe('load generators', () => {
  const end = Date.UTC(2026, 4, 9, 12, 34, 45) * 1_000;
  const point = (metric: string, value: number) =>
    JSON.stringify({
      type: 'Point',
      metric,
      data: {
        time: '2026-05-09T14:34:45.625742514+02:00',
        value,
        tags: { status: '200', url: 'https://a.example/x' },
      },
    });

  it('k6 JSON: points of http_req_duration, which end at their time', () => {
    const lines = [
      '{"type":"Metric","metric":"http_reqs","data":{}}',
      point('http_reqs', 1),
      point('http_req_duration', 459.865),
    ];
    const trace = read(lines.join('\n'), { functionBy: 'host' });
    expect(trace.format).toBe('k6-json');
    expect(rowsOf(trace)).toEqual([['a.example', end + 625_742 - 459_865, 459_865]]);
    expect(refusal(`${lines.join('\n')}\n{"type":"Point","metric":"http_req_duration"}`).message).toMatch(
      /line 4, column data\.time/,
    );
    expect(refusal(`${lines[0]}\n{"type":`).message).toMatch(/line 2: expected a JSON object/);
  });

  it('k6 CSV: the unit of its times from their digits', () => {
    const header =
      'metric_name,timestamp,metric_value,check,error,error_code,group,method,name,proto,scenario,status,subproto,tls_version,url,extra_tags';
    const row = (time: string | number) =>
      `http_req_duration,${time},221.899,,,,,GET,http://t.example,HTTP/1.1,default,200,,,http://t.example,`;
    const other = `http_reqs,1595325560,1.0,,,,,GET,u,HTTP/1.1,default,200,,,u,`;
    const timesOf = (time: string | number) =>
      read(`${header}\n${other}\n${row(time)}`).arrivedAtUs[0] as number;
    for (const time of [
      '1595325560123',
      '1595325560123000',
      '1595325560123000999',
      '2020-07-21T09:59:20.123Z',
    ]) {
      expect(timesOf(time), time).toBe(1_595_325_560_123_000 - 221_899);
    }
    const spread = timesOf(1_595_325_560) + 221_899;
    expect(Math.floor(spread / 1e6)).toBe(1_595_325_560);
    expect(refusal(`${header}\n${row('soon')}`).message).toMatch(/line 2, column timestamp/);
  });

  it('vegeta: nanoseconds, in CSV without a header and in JSON', () => {
    const csv = '1609459200123456789,200,5123456,12,3400,,aGk=,,0,GET,http://t.example/a,';
    const trace = read(`${csv}\n`, { functionBy: 'path' });
    expect(trace.format).toBe('vegeta-csv');
    expect(rowsOf(trace)).toEqual([['/a', 1_609_459_200_123_456, 5_123]]);
    expect([trace.columns.bytesIn?.[0], trace.columns.bytesOut?.[0]]).toEqual([12, 3_400]);
    expect(refusal(`${csv}\n1,2`).message).toMatch(/line 2: expected 12 fields, got 2/);
    const json =
      '{"attack":"","seq":0,"code":200,"timestamp":"2021-01-01T00:00:00.123456789Z","latency":5123456,"bytes_out":0,"bytes_in":0,"error":"","body":null,"method":"GET","url":"http://t.example/a"}';
    expect(rowsOf(read(json))).toEqual([['function', 1_609_459_200_123_456, 5_123]]);
    expect(refusal(json.replace('5123456', '"x"')).message).toMatch(
      /column latency: expected whole nanoseconds/,
    );
  });

  it("HAR: the server's wait of each entry, and nothing of its pages or of the browser's cache", () => {
    const entry = (startedDateTime: string, more: object) => ({
      startedDateTime,
      request: { url: 'https://a.example/x' },
      response: { status: 200, bodySize: 7 },
      ...more,
    });
    const log = {
      version: '1.2',
      pages: [{ startedDateTime: '2026-05-09T12:34:45Z', id: 'p' }],
      entries: [
        entry('2026-05-09T12:34:45.500Z', { time: 120, timings: { wait: 80.25 } }),
        entry('2026-05-09T12:34:45.000Z', { time: 12.5, timings: { wait: -1 } }),
      ],
    };
    for (const text of [JSON.stringify({ log }), JSON.stringify({ log }, null, 2)]) {
      const trace = read(text);
      expect(trace.format).toBe('har');
      expect(rowsOf(trace)).toEqual([
        ['function', end, 12_500],
        ['function', end + 500_000, 80_250],
      ]);
    }
    const cached = { ...entry('2026-05-09T12:34:46Z', { time: 1 }), _fromCache: 'disk' };
    const both = read(JSON.stringify({ log: { ...log, entries: [...log.entries, cached] } }));
    expect([both.count, both.skippedRejected]).toEqual([2, 1]);
    const text = JSON.stringify({ log }, null, 2);
    expect(refusal(text.slice(0, -9)).message).toMatch(
      /expected the end of a JSON array, got the end of the file/,
    );
    expect(refusal(text.replace('80.25', '"x"').replace('120', '"y"')).message).toMatch(
      /column time: expected milli/,
    );
  });
});

describe('other series', () => {
  it('Mooncake: an expression of its lengths, or a rule', async () => {
    const file = fixture('mooncake_conversation_head.jsonl');
    const trace = await readTraceFile(file, { csvDuration: '0.05+0.01*output_length' });
    expect(trace).toMatchObject({ format: 'mooncake', count: 100 });
    expect(spanS(trace)).toBe(33);
    const sum = trace.runUs.reduce((total, us) => total + us, 0);
    expect(sum).toBe(100 * 50_000 + 36_758 * 10_000);
    await expect(readTraceFile(file)).rejects.toThrow(/serviceTime fills them/);
    expect((await readTraceFile(file, { serviceTime: 'constant:1s' })).runUs[0]).toBe(1_000_000);
    expect(
      refusal('{"timestamp":0,"input_length":1,"output_length":1}', { csvDuration: 'length' }).message,
    ).toMatch(/no column "length"/);
  });

  it('counts: every one of 249,327 requests inside its five minutes', async () => {
    const trace = await readTraceFile(fixture('nab_elb_request_count_8c0756.csv'), {
      serviceTime: 'constant:1ms',
    });
    expect(trace).toMatchObject({ format: 'counts', count: 249_327 });
    expect(isSorted(trace)).toBe(true);
    const first = Date.UTC(2014, 3, 10, 0, 4) * 1_000;
    const inFirst = trace.arrivedAtUs.filter((us) => us < first + 300e6);
    expect(inFirst).toHaveLength(94);
  });

  it('counts: an interval ends at the next, but a hole in the series has none', () => {
    const options = { serviceTime: 'constant:1ms', spread: 'even' } as const;
    const trace = read('timestamp,value\n0,1\n10,1\n30,1.0\n', options);
    expect([...trace.arrivedAtUs]).toEqual([5_000_000, 15_000_000, 35_000_000]);
    expect(refusal('timestamp,value\n0,1\n', options).message).toMatch(/expected two rows or more/);
    expect(refusal('timestamp,value\n0,1\n0,1\n', options).message).toMatch(
      /expected a time after the one before/,
    );
    expect(refusal('timestamp,value\n0,1.5\n', options).message).toMatch(
      /column value: expected a whole number/,
    );
  });

  it('any CSV without durations is filled', () => {
    const trace = read('t,n\n0,1\n1,2\n', { csvTime: 't', serviceTime: 'constant:5ms' });
    expect([...trace.runUs]).toEqual([5_000, 5_000]);
    expect(trace.filled).toEqual(['runUs by constant(5ms), seed 1 (all requests)']);
  });
});
