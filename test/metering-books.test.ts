/** Each book of the catalogue priced by hand: the arithmetic stands beside the test. */
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import type { ExecutionRecord } from '../metering/execution.ts';
import type { InstanceRecord } from '../metering/instance.ts';
import { type InvoiceReport, makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { priceBook } from '../metering/prices/catalogue.ts';
import { BYTES_PER_MB, US_PER_HOUR, US_PER_MS, US_PER_S } from '../metering/units.ts';
import { execution } from './records.ts';

interface Count {
  readonly times?: bigint;
  readonly freeTier?: boolean;
}

function executions(id: string, use: Partial<ExecutionRecord>, { times = 1n, freeTier = false }: Count = {}) {
  const meter = new BillMeter(priceBook(id));
  meter.addExecution(execution(use));
  const quantities = meter.quantities.map((quantity) => quantity * times);
  return reportInvoice(makeInvoice(priceBook(id), quantities, { freeTier }));
}

type Life = Omit<InstanceRecord, 'startedAtUs' | 'endedAtUs'> & { readonly lifeUs: number };

function instances(id: string, { lifeUs, ...rest }: Life, { times = 1n, freeTier = false }: Count = {}) {
  const meter = new BillMeter(priceBook(id));
  meter.addInstance({ startedAtUs: 7, endedAtUs: 7 + lifeUs, ...rest });
  const quantities = meter.quantities.map((quantity) => quantity * times);
  return reportInvoice(makeInvoice(priceBook(id), quantities, { freeTier }));
}

const amounts = (invoice: InvoiceReport) => invoice.lines.map((line) => line.amountUsd);
const MONTH_US = 730 * US_PER_HOUR;
const million = 1_000_000n;

describe('Lambda with provisioned concurrency', () => {
  it('rounds the environment up to 5 minutes and each execution up to 1 ms', () => {
    const invoice = instances('aws-lambda-provisioned-x86', {
      size: '1024mb',
      lifeUs: US_PER_HOUR + US_PER_S,
      busySpansUs: new Array(1_000).fill(100_200),
      requests: 1_000,
    });
    // 3,900 s × 1 GB × 0.0000041667; 1,000 × 0.20 / 1M; 1,000 × 101 ms × 1 GB × 0.0000097222, rounded up.
    expect(amounts(invoice)).toEqual([0.01625013, 0.0002, 0.000981943]);
  });

  it('costs 30.00 USD for 9 million GB-s on arm, as the published total says', () => {
    const life = { size: '1024mb', lifeUs: 9_000 * US_PER_S, busySpansUs: [], requests: 0 };
    expect(instances('aws-lambda-provisioned-arm', life, { times: 1_000n }).totalUsd).toBe(30.0006);
  });
});

describe('machines and containers', () => {
  it('Fargate: 0.25 vCPU and 0.5 GB for a month of 730 hours', () => {
    const invoice = instances('aws-fargate-x86', { size: '0.25vcpu-0.5gb', lifeUs: MONTH_US });
    // 182.5 vCPU-hours × 0.04048; 365 GB-hours × 0.004445
    expect(amounts(invoice)).toEqual([7.3876, 1.622425]);
  });

  it('Fargate: a free-form size for 30 s is billed as 60 s', () => {
    const task = { size: 'mine', vcpuMilli: 1_500, memoryBytes: 3 * 1024 * BYTES_PER_MB };
    const invoice = instances('aws-fargate-arm', { ...task, lifeUs: 30 * US_PER_S }, { times: 60n });
    // 1.5 vCPU-hours × 0.03238; 3 GB-hours × 0.00356
    expect(amounts(invoice)).toEqual([0.04857, 0.01068]);
  });

  it('EC2 reserved: an hour of use pays the whole month', () => {
    const invoice = instances('aws-ec2-reserved', { size: 't3.medium-standard-1y', lifeUs: US_PER_HOUR });
    expect(invoice.totalUsd).toBe(19.05008); // 730 × 0.026096
  });

  it('EC2 Spot: by the second, at the listed price', () => {
    const size = 'm7g.large';
    expect(instances('aws-ec2-spot', { size, lifeUs: MONTH_US }).totalUsd).toBe(29.565); // 730 × 0.0405
    expect(instances('aws-ec2-spot', { size, lifeUs: US_PER_S }).totalUsd).toBe(0.000675); // 60 s
  });

  it('EC2 Spot: sizes are those on demand, each for less', () => {
    const onDemand = ['aws-ec2', 'aws-ec2-optimized'].map(priceBook);
    const spot = priceBook('aws-ec2-spot');
    expect(spot.sizes).toHaveLength(30);
    for (const size of spot.sizes) {
      const other = onDemand.find(({ sizes }) => sizes.some(({ name }) => name === size.name));
      expect(other?.sizes).toContainEqual(size);
      const hour = { size: size.name, lifeUs: US_PER_HOUR };
      const share = instances(spot.id, hour).totalUsd / instances(other?.id ?? '', hour).totalUsd;
      expect(share, size.name).toBeGreaterThan(0.1);
      expect(share, size.name).toBeLessThan(0.6);
    }
  });

  it('App Runner: memory for life, vCPUs for busy time', () => {
    const invoice = instances('aws-app-runner', {
      size: '1vcpu-2gb',
      lifeUs: MONTH_US,
      busySpansUs: [60 * US_PER_HOUR, 40 * US_PER_HOUR],
    });
    expect(amounts(invoice)).toEqual([6.4, 10.22]); // 100 × 0.064; 2 × 730 × 0.007
  });

  it.each([
    ['azure-app-service', 'B1', 12.41],
    ['azure-functions-premium', 'EP2', 315.433], // 2 × 126.29 + 7 × 8.979
    ['heroku', 'Basic', 7],
    ['render', 'Pro Plus', 175],
  ])('%s: one %s for a month costs %d USD', (id, size, usd) => {
    expect(instances(id, { size, lifeUs: MONTH_US }).totalUsd).toBe(usd);
  });

  it('Render: half a month is half the price, and a long month is one month', () => {
    expect(instances('render', { size: 'Starter', lifeUs: MONTH_US / 2 }).totalUsd).toBe(3.5);
    expect(instances('render', { size: 'Starter', lifeUs: 744 * US_PER_HOUR }).totalUsd).toBe(7);
  });

  it('Fly: 1 GB for 30 days is the machine and 0.75 GB of additional memory', () => {
    const machine = { size: 'shared-cpu-1x', lifeUs: 720 * US_PER_HOUR };
    expect(instances('fly-machines', machine).totalUsd).toBe(2.02);
    const larger = { ...machine, memoryBytes: 1024 * BYTES_PER_MB };
    expect(amounts(instances('fly-machines', larger))).toEqual([2.02, 3.75]); // 0.75 × 5
  });

  it('Heroku Eco: two dynos share the hours that the fee includes', () => {
    const invoice = instances('heroku-eco', { size: 'Eco', lifeUs: 500 * US_PER_HOUR }, { times: 2n });
    expect(invoice.lines.map((line) => [line.tier, line.quantity, line.amountUsd])).toEqual([
      [1, 1, 5],
      [0, 1000, 0],
    ]);
  });
});

describe('Google', () => {
  const span = (busyUs: number) => ({
    size: '1vcpu-1gb',
    lifeUs: US_PER_S,
    busySpansUs: [busyUs],
    requests: 3,
    keptUs: 0,
  });

  it('Cloud Run, requests that share instances: 10 million spans of 250 ms with three requests each', () => {
    const invoice = instances('gcp-cloud-run-concurrent', span(250 * US_PER_MS), {
      times: 10n * million,
      freeTier: true,
    });
    const paid = invoice.lines.filter((line) => line.tier > 0);
    // (30M − 2M) × 0.40; (3,000,000 − 180,000) × 0.000024; (3,000,000 − 360,000) × 0.0000025
    expect(paid.map((line) => line.amountUsd)).toEqual([11.2, 67.68, 6.6]);
  });

  it('Cloud Run: a minimum instance that is kept idle for 100 hours', () => {
    const kept = {
      ...span(0),
      busySpansUs: [],
      requests: 0,
      lifeUs: 100 * US_PER_HOUR,
      keptUs: 100 * US_PER_HOUR,
    };
    expect(amounts(instances('gcp-cloud-run-concurrent', kept))).toEqual([0.9, 0.9]); // 360,000 × 0.0000025, both
  });

  it('Cloud Run, instance-based: 1 vCPU and 512 MB for a month', () => {
    const life = { size: '1vcpu-512mb', lifeUs: MONTH_US };
    // 2,628,000 × 0.000018; 1,314,000 × 0.000002; free 240,000 and 450,000
    expect(instances('gcp-cloud-run-instances', life).totalUsd).toBe(49.932);
    expect(instances('gcp-cloud-run-instances', life, { freeTier: true }).totalUsd).toBe(44.712);
    // 2,628,000 × 0.0000216 − 4.32; 1,314,000 × 0.0000024 − 0.90
    expect(instances('gcp-cloud-run-instances-tier2', life, { freeTier: true }).totalUsd).toBe(54.6984);
  });

  it('Cloud Run, tier 2: the free tier is worth what it is worth in tier 1', () => {
    const use = { runUs: 200 * US_PER_MS, memoryBytesLimit: 512 * BYTES_PER_MB };
    const count = { times: 10n * million };
    // 4.00 + 2,000,000 × 0.0000336 + 1,000,000 × 0.0000035; then less 0.80 + 4.32 + 0.90
    expect(executions('gcp-cloud-run-tier2', use, count).totalUsd).toBe(74.7);
    expect(executions('gcp-cloud-run-tier2', use, { ...count, freeTier: true }).totalUsd).toBe(68.68);
  });

  it('Cloud Functions: 10 million times 250 ms at 256 MB and 0.4 GHz', () => {
    const use = { runUs: 250 * US_PER_MS, memoryBytesLimit: 256 * BYTES_PER_MB };
    // 10 × 0.40; 750,000 GB-s × 0.0000025; 1,200,000 GHz-s × 0.00001
    expect(amounts(executions('gcp-cloud-functions', use, { times: 10n * million }))).toEqual([4, 1.875, 12]);
    expect(executions('gcp-cloud-functions', use, { times: 10n * million, freeTier: true }).totalUsd).toBe(
      14.075,
    );
  });

  it('Cloud Functions: 300 MB is a function of 512 MB, and above 8 GB there is none', () => {
    const of = (memoryMb: number) =>
      executions('gcp-cloud-functions', {
        runUs: US_PER_S,
        memoryBytesLimit: memoryMb * BYTES_PER_MB,
      }).lines.map((line) => line.quantity);
    expect(of(300)).toEqual([0.000001, 0.5, 0.8]);
    expect(() => of(8_193)).toThrow(/expected functions of at most 8589934592 bytes of memory/);
  });
});

describe('functions elsewhere', () => {
  it('Azure Flex: a busy span of 300 ms is 1 s, one of 1.25 s is 1.3 s', () => {
    const of = (busyUs: number) =>
      instances(
        'azure-functions-flex',
        { size: '2048mb', lifeUs: US_PER_S, busySpansUs: [busyUs], requests: 1 },
        { times: million },
      );
    expect(amounts(of(300 * US_PER_MS))).toEqual([0.4, 52]); // 2,000,000 GB-s × 0.000026
    expect(amounts(of(1_250 * US_PER_MS))).toEqual([0.4, 67.6]); // 2,600,000 GB-s × 0.000026
  });

  it('Fastly: 20 million requests of 7 vCPU-ms', () => {
    const count = { times: 20n * million };
    expect(amounts(executions('fastly-compute', { cpuUs: 7_000 }, count))).toEqual([10, 7]);
    expect(executions('fastly-compute', { cpuUs: 7_000 }, { ...count, freeTier: true }).totalUsd).toBe(7);
    expect(() => executions('fastly-compute', {}, { times: 501n * million })).toThrow(
      'price book fastly-compute prices at most 500 1M requests of requests a month, got 501',
    );
  });

  it('Vercel: 3.6 million invocations of 100 ms of processor time in 400 ms at 2 GB', () => {
    const use = {
      cpuUs: 100 * US_PER_MS,
      runUs: 400 * US_PER_MS,
      memoryBytesLimit: 2048 * BYTES_PER_MB,
    };
    const invoice = executions('vercel-fluid', use, { times: 3_600_000n });
    expect(amounts(invoice)).toEqual([0, 1.56, 12.8, 8.48]); // 2.6 × 0.60; 100 h × 0.128; 800 GB-h × 0.0106
  });

  it('Vercel: two requests that share an instance share its memory', () => {
    const shared = {
      size: 'standard',
      lifeUs: US_PER_S,
      busySpansUs: [400 * US_PER_MS],
      cpuUs: 200 * US_PER_MS,
      requests: 2,
    };
    const invoice = instances('vercel-fluid-concurrent', shared, { times: 1_800_000n });
    expect(amounts(invoice)).toEqual([0, 1.56, 12.8, 4.24]);
  });

  it('Deno Deploy: 10 × 2^20 requests, each with 50 KiB out', () => {
    const use = {
      cpuUs: 36 * US_PER_MS,
      runUs: 360 * US_PER_MS,
      memoryBytesPeak: 128 * BYTES_PER_MB,
      bytesOut: 51_200,
    };
    const invoice = executions('deno-deploy', use, { times: 10_485_760n });
    const paid = invoice.lines.filter((line) => line.tier > 0);
    // 20; 5.48576 × 2; (500 − 200) × 0.50; (104.8576 − 40) × 0.05; 131.072 GB-hours are included
    expect(paid.map((line) => line.amountUsd)).toEqual([20, 10.97152, 150, 3.24288]);
  });

  it('Huawei: 10 million requests of 120 ms at 512 MB', () => {
    const use = { runUs: 120 * US_PER_MS, memoryBytesLimit: 512 * BYTES_PER_MB };
    expect(amounts(executions('huawei-functiongraph', use, { times: 10n * million }))).toEqual([2, 10.002]);
  });

  it('Netlify: the example of its documents, 37 minutes at 2.5 GB, and 10,000 requests', () => {
    const use = { runUs: 37 * 60 * US_PER_S, memoryBytesLimit: 2560 * BYTES_PER_MB };
    // 15.41666 credits of 1,500 for 10 USD; 10,000 requests are 2 credits.
    expect(amounts(executions('netlify', use))[1]).toBeCloseTo((10 * 15.4166666667) / 1_500, 8);
    expect(amounts(executions('netlify', {}, { times: 10_000n }))[0]).toBeCloseTo(20 / 1_500, 8);
  });

  it('Railway: an hour of 1 vCPU used by half, with 1 GB', () => {
    const hour = 3_600 * US_PER_S;
    const use = { size: '1vcpu-1gb', lifeUs: hour, cpuUs: hour / 2 };
    expect(amounts(instances('railway', use))).toEqual([0.01389, 0.01386]); // 30 × 0.000463; 60 × 0.000231
  });
});
