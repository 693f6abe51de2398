/** Formats of load generators and browsers: each one's own edges. */
import { describe, expect, it } from 'vitest';
import { read, refusal, rowsOf } from './trace-kit.ts';

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
