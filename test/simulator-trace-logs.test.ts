/** Formats of providers' and servers' logs: real samples where there are, and each one's own edges. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OUTCOMES } from '../metering/execution.ts';
import { simulate } from '../simulator/run.ts';
import { readTraceFile } from '../simulator/traces/file.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { fixture, isSorted, MB, read, refusal, rowsOf, sample } from './trace-kit.ts';

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

  const records = readFileSync(fixture('lambda_records.jsonl'), 'utf8');
  const [, start = '', , reported = ''] = records.split('\n');
  const startedUs = Date.UTC(2022, 9, 21, 14, 5, 3, 165) * 1_000;

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

  it('requests that Lambda ended or that failed are told as such, in lines and in records', () => {
    const statuses = ['', 'Status: timeout', 'Status: error\tError Type: Runtime.ExitError'];
    const lines = statuses.map((status, at) => `2025-05-12T20:37:4${at}.000Z ${report(`r${at}`, status)}`);
    const outcomes = (text: string) =>
      Array.from(read(text).columns.outcomeIndex ?? [], (at) => OUTCOMES[at]);
    expect(outcomes(lines.join('\n'))).toEqual(['ok', 'time-limit', 'trap']);
    const trace = read(lines.join('\n'));
    const [functions] = simulate(trace, { platforms: ['functions'] }).platforms;
    expect(functions).toMatchObject({ requests: 3, served: 1, failed: 2 });
    // Both ran, and are billed.
    expect(functions?.usage).toMatchObject({ executions: 3, byOutcome: { ok: 1, 'time-limit': 1, trap: 1 } });
    expect(refusal(`2025-05-12T20:37:45.013Z ${report('a', 'Status: constructor')}`).message).toMatch(
      /line 1, column Status: expected success, timeout, error, failure, got "constructor"/,
    );
    for (const [status, outcome] of [
      ['success', 'ok'],
      ['timeout', 'time-limit'],
      ['failure', 'trap'],
    ] as const) {
      expect(outcomes(reported.replace('"status":"success"', `"status":"${status}"`))).toEqual([outcome]);
    }
    expect(outcomes(reported.replace(',"status":"success"', ''))).toEqual(['ok']);
    expect(refusal(reported.replace('"status":"success"', '"status":7')).message).toMatch(
      /column Status: .* got "7"/,
    );
  });

  it('CloudWatch events name their function by the log group', () => {
    const event = { logGroupName: '/aws/lambda/api', timestamp: 1_000, message: report('a'), eventId: '1' };
    const trace = read(JSON.stringify({ events: [event] }));
    expect(rowsOf(trace)).toEqual([['api', 987_660, 12_340]]);
    expect(refusal('[{"eventId":"1","message":"START RequestId: a"}]').message).toMatch(
      /line 1, column timestamp: expected text or a number, got nothing/,
    );
  });

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
        outcomeIndex: expect.anything(),
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
