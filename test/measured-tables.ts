/**
 * What `ebb simulate` predicts beside what was measured, as the tables of simulator/MEASURED.md: every prediction is
 * one run of the command line, every measurement is counted in the data. Run: `node test/measured-tables.ts`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { PlatformResult, SimulationResult } from '../simulator/result.ts';
import type { Series } from '../simulator/series.ts';
import { ebb } from './cli-kit.ts';

const root = join(import.meta.dirname, '..');
const TRACES = 'test/traces';
const SWEEP = 'simulator/traces/samples/aws_lambda_rps_sweep_2025-05.csv';

export interface MeasuredTable {
  /** The arguments of the first of its runs. */
  readonly command: string;
  readonly text: string;
}

/** One run: the arguments of `ebb` as they stand in the document, files relative to the root. */
async function predict(command: string): Promise<{ result: SimulationResult; platform: PlatformResult }> {
  const args = command.split(' ').map((word) => (/^(test|simulator)\//.test(word) ? join(root, word) : word));
  const { exitCode, json } = await ebb(...args, '--json');
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}`);
  const result = json() as SimulationResult;
  return { result, platform: result.platforms[0] as PlatformResult };
}

export type Row = Readonly<Record<string, string>>;

/** The rows of a CSV, by the names of its columns; the file relative to the root. */
export function rowsOf(file: string): Row[] {
  const bytes = readFileSync(join(root, file));
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  const [names = [], ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? ''])));
}

const distinct = (rows: readonly Row[], column: string): number =>
  new Set(rows.map((row) => row[column])).size;
const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
function difference(predicted: number, measured: number): string {
  const percent = Math.round((predicted / measured - 1) * 100);
  return percent === 0 ? '0 %' : `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`;
}

function markdown(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export async function awsSweep(): Promise<MeasuredTable> {
  const command = `simulate ${SWEEP} --platform functions`;
  const measured = rowsOf(SWEEP);
  const { platform } = await predict(command);
  const rows = platform.functions.map(({ name, requests, instancesPeak }) => {
    const own = measured.filter(({ rps }) => `rps-${rps}` === name);
    return [name.slice('rps-'.length), requests, distinct(own, 'instance'), instancesPeak];
  });
  const head = ['requests/s', 'requests', 'instances measured', 'predicted'];
  return { command, text: markdown(head, rows) };
}

/** What is taken as a request's arrival and as the time that its instance is busy. */
const READINGS = {
  "client's start, Lambda's duration": '',
  "client's start, client's duration":
    ' --csv-time client_start_time --csv-duration client_elapsed_time --cold-start-ms 0',
  "function's start, Lambda's duration":
    ' --csv-time start_time --csv-time-unit ms --csv-duration aws_duration --csv-duration-unit ms --cold-start-ms 0',
} as const;

export async function awsLogs(): Promise<MeasuredTable> {
  const rows: (string | number)[][] = [];
  const base = (day: string, keepAliveS: number): string =>
    `simulate ${TRACES}/aws_lambda_measured_${day}.csv.gz --platform functions --keep-alive-s ${keepAliveS}`;
  for (const day of ['2020-04-24', '2020-05-26']) {
    const log = rowsOf(`${TRACES}/aws_lambda_measured_${day}.csv.gz`);
    const cold = log.filter((row) => row.is_cold === 'True').length;
    for (const [reading, options] of Object.entries(READINGS)) {
      const predicted: number[] = [];
      for (const keepAliveS of [600, 900])
        predicted.push((await predict(base(day, keepAliveS) + options)).platform.coldStarts);
      const [at600 = 0, at900 = 0] = predicted;
      const differences = [difference(at600, cold), difference(at900, cold)];
      rows.push([day, log.length, reading, cold, at600, differences[0] ?? '', at900, differences[1] ?? '']);
    }
  }
  const head = [
    'log',
    'requests',
    'arrival, busy time',
    'cold starts measured',
    'predicted, 600 s',
    '',
    'predicted, 900 s',
    '',
  ];
  return { command: base('2020-04-24', 600), text: markdown(head, rows) };
}

/** Long enough for every rate to make so many requests. */
const POISSON_REQUESTS = 100_000;

export async function simfaasExperiments(): Promise<MeasuredTable> {
  const commands: string[] = [];
  const rows: (string | number)[][] = [];
  const experiments = rowsOf(`${TRACES}/aws_lambda_simfaas_experiment_summary.csv`);
  for (const row of experiments) {
    const field = (name: string): number => Number(row[name]);
    const rate = field('ArrivalRate');
    const warmMs = field('ServiceTimeWarm');
    const command = [
      `simulate --synthetic poisson:rate=${rate.toFixed(5)}/s,duration=${Math.round(POISSON_REQUESTS / rate)}s`,
      `--service-time constant:${Math.round(warmMs)}ms`,
      `--cold-start-ms ${Math.round(field('ServiceTimeCold') - warmMs)}`,
      `--platform functions --keep-alive-s ${field('IdleMinutesBeforeKill') * 60}`,
    ].join(' ');
    commands.push(command);
    const { result, platform } = await predict(command);
    const cold = platform.coldStarts / platform.requests;
    const instances = platform.aliveSeconds / result.trace.spanS;
    const [coldMeasured, instancesMeasured] = [field('ColdStartProbability'), field('AverageInstanceCount')];
    rows.push([
      rate.toFixed(4),
      (coldMeasured * 100).toFixed(2),
      (cold * 100).toFixed(2),
      difference(cold, coldMeasured),
      instancesMeasured.toFixed(2),
      instances.toFixed(2),
      difference(instances, instancesMeasured),
    ]);
  }
  const head = [
    'requests/s',
    'cold measured, %',
    'predicted, %',
    '',
    'instances measured, mean',
    'predicted',
    '',
  ];
  return { command: commands[10] ?? '', text: markdown(head, rows) };
}

const PROBES = 5_000;

export async function keepAliveCurves(): Promise<MeasuredTable> {
  const commands: string[] = [];
  const coldPercent = async (gapS: string, policy: string): Promise<number> => {
    const command = `simulate ${TRACES}/one_request.csv --csv-time t --csv-duration d --transform repeat=${PROBES + 1}/${gapS}s --platform functions --cold-start-ms 0 ${policy}`;
    commands.push(command);
    // The first request is no probe.
    return ((await predict(command)).platform.coldStarts - 1) / (PROBES / 100);
  };
  const rows: (string | number)[][] = [];
  let others = 0;
  let othersOff = 0;
  for (const provider of ['aws', 'azure', 'gcp']) {
    const gaps = ['big', 'small'].flatMap((step) => {
      const file = join(root, TRACES, `keepalive_measured_${provider}_${step}_step.json`);
      const probes = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { readonly cold: number }>;
      return Object.entries(probes).map(([gapS, { cold }]) => ({ gapS, cold }));
    });
    for (const { gapS, cold } of gaps.sort((a, b) => Number(a.gapS) - Number(b.gapS))) {
      const survival = await coldPercent(gapS, `--keep-alive ${provider}-2025`);
      if (cold === 0 || cold === 100) {
        others++;
        othersOff = Math.max(othersOff, Math.abs(survival - cold));
        continue;
      }
      const fixed = await coldPercent(gapS, '--keep-alive-s 600');
      rows.push([provider, gapS, cold, survival.toFixed(1), fixed.toFixed(1)]);
    }
  }
  rows.push(['all', `${others} gaps of 0 or 100`, '', `at most ${othersOff.toFixed(1)} off`, '']);
  const head = ['provider', 'idle, s', 'cold measured, %', 'predicted by the curve, %', 'by 600 s, %'];
  return { command: commands[0] ?? '', text: markdown(head, rows) };
}

/** What a time series says of a run of the sweep, one second an interval. */
function runFigures({ trace, platforms }: SimulationResult, arrivedAtS: readonly number[], untilS: number) {
  const [{ series }] = platforms as readonly [PlatformResult];
  const { concurrency, queue, instances, arrivals } = series as Series;
  const secondOf = (timeS: number): number => Math.max(0, Math.floor(timeS - trace.startUs / 1e6));
  const from = secondOf(Math.min(...arrivedAtS));
  const to = secondOf(untilS);
  const sum = (values: readonly number[]): number =>
    values.slice(from, to).reduce((all, one) => all + one, 0);
  // Little's law: nothing is in flight when a run begins or when the next one does.
  const latencyMs = ((sum(concurrency) + sum(queue)) / sum(arrivals)) * 1_000;
  const peak = Math.max(...instances.slice(from, secondOf(Math.max(...arrivedAtS)) + 1));
  return { latencyMs, peak };
}

export async function cloudRunSweep(): Promise<MeasuredTable> {
  const file = `${TRACES}/gcp_cloudrun_rps_sweep_2025-05.csv.gz`;
  const command = (scaling: string): string =>
    `simulate ${file} --csv-time timestamp --csv-function rps --service-time constant:165ms --platform containers --cores 1 --concurrency 80 --container-scaling ${scaling} --series-s 1`;
  const cloudRun = (await predict(command('cloud-run'))).result;
  const kpa = (await predict(command('kpa'))).result;
  const log = rowsOf(file);
  const rates = [...new Set(log.map((row) => row.rps ?? ''))];
  const arrivedAtS = (rps: string | undefined): number[] =>
    log.filter((row) => row.rps === rps).map((row) => Date.parse(row.timestamp ?? '') / 1_000);
  const rows = rates.map((rps, at) => {
    const own = log.filter((row) => row.rps === rps);
    const untilS = Math.min(...arrivedAtS(rates[at + 1]), Math.max(...arrivedAtS(rps)) + 90);
    const measuredMs = mean(own.map((row) => Number(row.latency_ms)));
    const [predicted, byKpa] = [cloudRun, kpa].map((result) => runFigures(result, arrivedAtS(rps), untilS));
    const cells = [distinct(own, 'instance'), predicted?.peak ?? '', byKpa?.peak ?? ''];
    const latencies = [measuredMs, predicted?.latencyMs ?? 0, byKpa?.latencyMs ?? 0].map(Math.round);
    const [measuredRound = 0, ...others] = latencies;
    const off = difference(predicted?.latencyMs ?? 0, measuredMs);
    return [rps, ...cells, measuredRound, others[0] ?? '', off, others[1] ?? ''];
  });
  const head = [
    ...['requests/s', 'instances measured', 'predicted', "Knative's rule"],
    ...['mean latency measured, ms', 'predicted', '', "Knative's rule"],
  ];
  return { command: command('cloud-run'), text: markdown(head, rows) };
}

export const MEASURED_TABLES = { awsSweep, awsLogs, simfaasExperiments, keepAliveCurves, cloudRunSweep };

if (import.meta.main) {
  for (const [name, table] of Object.entries(MEASURED_TABLES)) {
    const { command, text } = await table();
    process.stdout.write(`${name}\nnpm run ebb -- ${command}\n${text}\n\n`);
  }
}
