/** The loop: the host's ledger, exported and replayed by the simulator, gives the host's own usage and bill. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient } from '../cli/admin-client.ts';
import { sendTraffic } from '../cli/demo/traffic.ts';
import { buildExamples } from '../guests/build.ts';
import { hostConfig } from '../host/config.ts';
import type { FunctionUsage } from '../host/ledger/ledger-totals.ts';
import { type RunningHost, startHost } from '../host/server.ts';
import type { InvoiceReport } from '../metering/invoice.ts';
import { simulate } from '../simulator/run.ts';
import { readTraceFile } from '../simulator/traces/file.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-loop-'));
const file = join(folder, 'executions.jsonl');
let running: RunningHost;

const admin = () => new AdminClient(running.adminUrl);
const usageByFunction = async () =>
  (await admin().json<{ functions: FunctionUsage[] }>('/v1/usage')).functions;

beforeAll(async () => {
  const config = hostConfig({
    port: 0,
    adminPort: 0,
    dataDir: join(folder, 'data'),
    timeLimitMs: 1_000,
    allowOutbound: ['127.0.0.1'],
  });
  const onInternal = (error: unknown) => expect.unreachable(String(error));
  running = await startHost(config, { nowMs: Date.now, onInternal });
  for (const [name, { component }] of await buildExamples()) {
    const headers = { 'content-type': 'application/wasm' };
    const body = component as Uint8Array<ArrayBuffer>;
    const response = await fetch(`${running.adminUrl}/v1/functions/${name}`, {
      method: 'PUT',
      body,
      headers,
    });
    expect(response.status).toBe(201);
  }
  const { unexpected } = await sendTraffic(running.publicUrl, () => undefined);
  expect(unexpected).toEqual([]);
  writeFileSync(file, await (await fetch(`${running.adminUrl}/v1/executions/export`)).text());
});

afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The host's policy: nothing is kept, and each request has the start-up that it had there. */
const hostsPolicy = { platforms: ['functions'], keepAliveS: 0, coldStartMs: 'trace' } as const;

type Bill = InvoiceReport & { readonly executions: number };

const SUMMED = [
  'executions',
  'cpuMs',
  'queueMs',
  'startupMs',
  'runMs',
  'bytesIn',
  'bytesOut',
  'usageGbSeconds',
] as const;
type Summed = (typeof SUMMED)[number];

const BOOKS = ['aws-lambda-x86', 'aws-lambda-arm', 'cloudflare-workers', 'azure-functions', 'gcp-cloud-run'];

describe('the recorded executions, replayed with the host’s own policy', () => {
  it.each(BOOKS)('give the host’s own bill at the prices of %s, to the last digit', async (book) => {
    for (const freeTier of [false, true]) {
      const bill = await admin().json<Bill>('/v1/bill', { prices: book, freeTier: String(freeTier) });
      const result = simulate(await readTraceFile(file), { ...hostsPolicy, prices: [book], freeTier });
      const [functions] = result.platforms;
      expect(bill.executions).toBeGreaterThan(370);
      expect(functions?.requests).toBe(bill.executions);
      expect(functions?.invoice).toEqual(bill.lines);
      expect(functions?.costUsd).toBe(bill.totalUsd);
    }
  });

  it('give the same usage', async () => {
    const functions = await usageByFunction();
    const total = (key: Summed) => functions.reduce((sum, used) => sum + used[key], 0);
    const usage = simulate(await readTraceFile(file), hostsPolicy).platforms[0]?.usage;
    for (const key of SUMMED) {
      // Each function's total is rounded up when it is printed, so their sum may be above by as many last digits.
      expect(usage?.[key], key).toBeCloseTo(total(key), 9);
    }
    expect(usage?.byOutcome).toMatchObject({ trap: 1, 'time-limit': 1 });
  });

  it('fail and succeed as they did', async () => {
    const functions = await usageByFunction();
    const result = simulate(await readTraceFile(file), hostsPolicy).platforms[0];
    for (const { name, executions, byOutcome } of functions) {
      const replayed = result?.functions.find((item) => item.name === name);
      expect([replayed?.requests, replayed?.served]).toEqual([executions, byOutcome.ok]);
    }
  });
});
