/** What simulator/MEASURED.md says in words, counted again in its own tables and in the data. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Row, rowsOf } from './measured-tables.ts';

const document = readFileSync(new URL('../simulator/MEASURED.md', import.meta.url), 'utf8');
const prose = document.replaceAll(/\s+/g, ' ');
const TRACES = 'test/traces';

/** The rows of the table under a heading, without its head. That they are what the program says has its own test. */
function tableUnder(heading: string): string[][] {
  const [, section = ''] = document.split(heading);
  const lines = section.split('\n');
  const from = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(from).findIndex((line) => !line.startsWith('|'));
  return lines.slice(from + 2, from + length).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const column = (rows: readonly (readonly string[])[], at: number): number[] =>
  rows.map((row) => Number((row[at] as string).replace('−', '-').replace(/ ?%$/, '')));
const signed = (percent: number): string => `${percent < 0 ? '−' : '+'}${Math.abs(percent)} %`;
const range = (percents: readonly number[]): string =>
  `${signed(Math.min(...percents))} to ${signed(Math.max(...percents))}`;

describe('the summary of what was measured', () => {
  const summary = tableUnder('# Predicted against measured').map((row) => row.at(-1));

  it('of Lambda in 2025 and 2020 is that of its tables', () => {
    const sweep = tableUnder('## AWS Lambda, 2025');
    const exact = sweep.filter((row) => row[2] === row[3]).length;
    expect(summary[0]).toBe(`${exact} of ${sweep.length} exact`);
    const logs = tableUnder('## AWS Lambda, 2020: cold starts in two logs');
    expect(summary[1]).toBe(range([...column(logs, 5), ...column(logs, 7)]));
    const experiments = tableUnder('## AWS Lambda, 2020: 20 experiments');
    expect(summary[2]).toBe(range(column(experiments, 3)));
    expect(summary[3]).toBe(range(column(experiments, 6)));
  });

  it('of idle gaps is that of its table', () => {
    const gaps = tableUnder('## AWS, Azure and Google Cloud, 2025').slice(0, -1);
    const [measured, byCurve, fixed] = [column(gaps, 2), column(gaps, 3), column(gaps, 4)];
    const off = measured.map((percent, at) => Math.abs(percent - (byCurve[at] as number)));
    expect(Math.max(...off)).toBeLessThanOrEqual(3);
    expect(summary[4]).toBe('within 3 points');
    expect(fixed.every((percent, at) => percent === (Number(gaps[at]?.[1]) < 600 ? 0 : 100))).toBe(true);
    expect(summary[5]).toBe('wrong: all warm to 600 s, all cold beyond');
  });

  it('of Cloud Run is that of its table', () => {
    const rows = tableUnder('## Google Cloud Run, 2025');
    const [measured, predicted] = [column(rows, 1), column(rows, 2)];
    const off = measured.map((count, at) => Math.abs(count - (predicted[at] as number)));
    const [exact, byOne] = [0, 1].map((by) => off.filter((one) => one === by).length);
    const others = measured.flatMap((count, at) =>
      (off[at] as number) > 1 ? [`${predicted[at]} for ${count}`] : [],
    );
    const words = `${exact} of ${rows.length} exact, ${byOne} off by one, else ${others.join(' and ')}`;
    expect(summary[6]).toBe(words);
    const [rates, latencyOff] = [column(rows, 0), column(rows, 6)];
    const low = latencyOff.filter((_, at) => (rates[at] as number) <= 4).map(Math.abs);
    const rest = latencyOff.filter((_, at) => (rates[at] as number) > 4).map((percent) => -percent);
    expect(summary[7]).toBe(
      `within ${Math.max(...low)} % up to 4 requests/s, then ${Math.min(...rest)} % to ${Math.max(...rest)} % too low`,
    );
    const ratios = column(rows, 7).map((ms, at) => ms / (column(rows, 4)[at] as number));
    const upTo5 = ratios.filter((_, at) => (rates[at] as number) <= 5).map((one) => Math.abs(one - 1) * 100);
    expect(summary[8]).toBe(
      `within ${Math.round(Math.max(...upTo5))} % up to 5 requests/s, then up to ${Math.round(Math.max(...ratios))} times too high`,
    );
  });
});

const countsBy = (rows: readonly Row[], key: string): number[] =>
  [...Map.groupBy(rows, (row) => row[key]).values()].map((own) => own.length).sort((a, b) => b - a);

describe('what is said of the data', () => {
  it('of Cloud Run: runs, their pauses, the median taken from it, and who took the requests', () => {
    const log = rowsOf(`${TRACES}/gcp_cloudrun_rps_sweep_2025-05.csv.gz`);
    const runs = [...Map.groupBy(log, ({ rps }) => rps).values()].map((own) => ({
      own,
      timesS: own.map((row) => Date.parse(row.timestamp as string) / 1_000),
    }));
    for (const [at, { timesS }] of runs.entries()) {
      expect(Math.max(...timesS) - Math.min(...timesS)).toBeCloseTo(120, -1);
      const next = runs[at + 1];
      if (next !== undefined) expect(Math.min(...next.timesS) - Math.max(...timesS)).toBeCloseTo(95, -1);
    }
    const of = (rps: string): readonly Row[] => log.filter((row) => row.rps === rps);
    const sorted = of('1')
      .map((row) => Number(row.latency_ms))
      .sort((a, b) => a - b);
    expect(Math.round(sorted[sorted.length >> 1] as number)).toBe(165);
    expect(prose).toContain('the 165 ms, the median at 1 request/s');
    expect([4, 5].map((rate) => Math.round(rate * 16.5))).toEqual([66, 83]);
    expect(prose).toContain('At 4 and 5/s one vCPU is at 66 % and 83 %');
    expect(countsBy(of('10'), 'instance').slice(0, 3)).toEqual([449, 422, 294]);
    expect(prose).toContain('(at 10/s three long-lived instances took 449, 422 and 294)');
    const at12 = countsBy(of('12'), 'instance');
    expect([at12.length, (at12[3] as number) + (at12[4] as number)]).toEqual([5, 26]);
    expect(prose).toContain('(at 12/s two of the five took 26 requests together)');
  });

  it('of Lambda in 2025: how many of its instances started cold', () => {
    const log = rowsOf('simulator/traces/samples/aws_lambda_rps_sweep_2025-05.csv');
    const instances = new Set(log.map(({ rps, instance }) => `${rps} ${instance}`)).size;
    const cold = log.filter(({ init_ms: init }) => init !== '').length;
    expect(prose).toContain(`(${cold} of ${instances} instances started cold in the log)`);
  });

  it('of Lambda in 2020: how long instances idled and still took a request', () => {
    const gapsS = ['2020-04-24', '2020-05-26'].flatMap((day) => {
      const log = rowsOf(`${TRACES}/aws_lambda_measured_${day}.csv.gz`);
      return [...Map.groupBy(log, (row) => row.exist_id).values()].flatMap((own) => {
        const runs = own
          .map((row) => [Number(row.start_time) / 1e3, Number(row.aws_duration) / 1e3] as const)
          .sort(([a], [b]) => a - b);
        return runs
          .slice(1)
          .map(([startS], at) => startS - (runs[at]?.[0] as number) - (runs[at]?.[1] as number));
      });
    });
    const longer = (thanS: number): number => gapsS.filter((gapS) => gapS > thanS).length;
    const most = Math.round(Math.max(...gapsS)).toLocaleString('en-US');
    expect(prose).toContain(
      `up to ${most} s of idling (${longer(600)} times after more than 600 s and ${longer(900)} times after more than 900 s in both)`,
    );
  });

  it('of the 20 experiments: their standard errors, and how many predictions are within two', () => {
    const data = rowsOf(`${TRACES}/aws_lambda_simfaas_experiment_summary.csv`);
    const table = tableUnder('## AWS Lambda, 2020: 20 experiments');
    const figures = data.map((row, at) => {
      const [share, error] = [Number(row.ColdStartProbability), Number(row.ColdStartProbabilitySE)];
      const predicted = Number(table[at]?.[2]) / 100;
      const own = Math.sqrt((predicted * (1 - predicted)) / 100_000);
      return { share, error, own, isWithin: Math.abs(predicted - share) <= 2 * Math.hypot(error, own) };
    });
    const percents = figures.map(({ error, share }) => Math.round((error / share) * 100));
    expect(prose).toContain(
      `(the data's own are ${Math.min(...percents)} % to ${Math.max(...percents)} % of its shares;`,
    );
    const own = Math.max(...figures.map(({ own: error, share }) => Math.round((error / share) * 100)));
    expect(prose).toContain(`100,000 requests add up to ${own} %)`);
    const within = figures.filter(({ isWithin }) => isWithin).length;
    expect(prose).toContain(`${within} of the ${figures.length} shares are within two standard errors`);
  });
});
