/** What a simulation adds to the price of a platform: extras beside it and commitments ahead of it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPriceBook } from '../metering/price-book.ts';
import { comparisonTable } from '../simulator/report/table.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';

const traceOf = (...rows: readonly string[]) =>
  readTraceText(['t,d', ...rows].join('\n'), 'rows.csv', { csvTime: 't', csvDuration: 'd' });
const resultOf = (trace: ReturnType<typeof traceOf>, scenario: ScenarioInput): PlatformResult =>
  simulate(trace, scenario).platforms[0] as PlatformResult;
const amountOf = ({ invoice }: PlatformResult, meter: string) =>
  invoice.filter((line) => line.meter === meter).map(({ amountUsd }) => amountUsd);

const GB = 2 ** 30;
/** Two in the first hour, one in the second; the last ends after 1.5 h. */
const THREE = traceOf('0,1', '0,1', '3600,1800');

describe('extras', () => {
  const scenario = { platforms: ['functions'], requestBytes: 0, responseBytes: GB } as const;

  it('are lines of the invoice and part of the cost', () => {
    const without = resultOf(THREE, { platforms: ['functions'] });
    const beside = resultOf(THREE, { ...scenario, extras: ['aws-api-gateway', 'aws-egress', 'aws-alb'] });
    // 3 × 3.5 / 10^6; 3 GB; 2 hours begun of a balancer; 2 LCU-hours and 1.
    expect(amountOf(beside, 'API Gateway requests')).toEqual([0.0000105]);
    expect(amountOf(beside, 'traffic out')).toEqual([0.27]);
    expect(amountOf(beside, 'load balancer')).toEqual([0.045]);
    expect(amountOf(beside, 'LCU')).toEqual([0.024]);
    expect(beside.costUsd).toBeCloseTo(without.costUsd + 0.0000105 + 0.27 + 0.045 + 0.024, 9);
    expect(beside.extras).toEqual(['aws-api-gateway', 'aws-egress', 'aws-alb']);
    expect(beside.idleCostUsd).toBe(without.idleCostUsd);
  });

  it('stand beside every platform alike, and count what was refused but not its answer', () => {
    const all = {
      ...scenario,
      platforms: ['functions', 'vm', 'paas', 'ebb', 'containers', 'vm-group'],
    } as const;
    const result = simulate(THREE, { ...all, extras: ['aws-egress'] });
    for (const platform of result.platforms) expect(amountOf(platform, 'traffic out')).toEqual([0.27]);
    const full = resultOf(traceOf('0,1', '0,1', '0,1'), {
      ...{ ...scenario, platforms: ['vm'], queueLimit: 0 },
      extras: ['aws-egress', 'aws-api-gateway'],
    });
    expect(full).toMatchObject({ served: 1, rejected: 2 });
    expect([amountOf(full, 'traffic out'), amountOf(full, 'API Gateway requests')]).toEqual([
      [0.09],
      [0.0000105],
    ]);
  });

  it('take bytes from a trace that says them', () => {
    const log = readFileSync(new URL('traces/apache_combined_head.log', import.meta.url), 'utf8');
    const trace = readTraceText(log, 'apache.log', { serviceTime: 'constant:10ms' });
    const bytes = trace.columns.bytesOut?.reduce((sum, one) => sum + one, 0) ?? 0;
    const vm = resultOf(trace, { platforms: ['vm'], extras: ['aws-egress'] });
    expect(vm.invoice.find(({ meter }) => meter === 'traffic out')?.quantity).toBeCloseTo(bytes / GB, 12);
    expect(bytes).toBeGreaterThan(0);
    expect(() => resultOf(trace, { platforms: ['vm'], extras: ['aws-egress'], responseBytes: 5 })).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: expect.stringContaining('left out, got 5'),
      }),
    );
  });

  it('log what ran, at the size that is stated', () => {
    const logs = { platforms: ['vm'], extras: ['aws-logs'], logBytes: GB / 8 } as const;
    expect(amountOf(resultOf(THREE, logs), 'log ingestion')).toEqual([0.1875]);
    expect(amountOf(resultOf(traceOf('0,1', '0,1'), { ...logs, queueLimit: 0 }), 'log ingestion')).toEqual([
      0.0625,
    ]);
    const nat = resultOf(THREE, { platforms: ['vm'], extras: ['aws-nat-gateway'], natBytes: GB });
    expect(nat.invoice.find(({ unit }) => unit === 'GB')?.quantity).toBe(3);
  });

  it('are refused where they do not fit, or where a quantity is missing', () => {
    const misuse = (input: ScenarioInput) => () => simulate(THREE, { platforms: ['vm'], ...input });
    const refusal = (code: string, text: RegExp) =>
      expect.objectContaining({ code, message: expect.stringMatching(text) });
    expect(misuse({ extras: ['aws-ec2'] })).toThrow(
      refusal('prices-unfit', /aws-ec2 bills instances; expected one of .*aws-alb/),
    );
    expect(misuse({ extras: ['aws-alp'] })).toThrow(refusal('prices-unknown', /aws-alp/));
    expect(misuse({ extras: ['aws-egress'] })).toThrow(
      refusal(
        'prices-unfit',
        /responseBytes: expected the bytes of one, which aws-egress bills and rows.csv does not say/,
      ),
    );
    expect(misuse({ extras: ['aws-alb'], responseBytes: 1 })).toThrow(
      refusal('prices-unfit', /^requestBytes: /),
    );
    expect(misuse({ extras: ['aws-logs'] })).toThrow(refusal('prices-unfit', /^logBytes: expected/));
    expect(misuse({ logBytes: 9 })).toThrow(
      refusal('config-invalid', /logBytes: is for extras alone, got 9 without/),
    );
    expect(misuse({ extras: [] })).toThrow(
      refusal('config-invalid', /extras: expected a list of price books/),
    );
  });

  it('know no stated quantity but the bytes of logs and of a NAT gateway', () => {
    const stated = JSON.parse(
      readFileSync(new URL('../metering/prices/aws-logs.json', import.meta.url), 'utf8'),
    );
    stated.meters[0].measure.name = 'goats';
    expect(() => simulate(THREE, { platforms: ['vm'], extras: [readPriceBook(stated)] })).toThrow(
      expect.objectContaining({
        code: 'prices-unfit',
        message: expect.stringContaining('bills goats; a simulation knows logBytes'),
      }),
    );
  });

  it('are said to be left out where they are', () => {
    const said = 'Gateways, load balancers, traffic and logs are not in them';
    expect(comparisonTable(simulate(THREE, {}))).toContain(said);
    const beside = comparisonTable(simulate(THREE, { platforms: ['vm'], extras: ['aws-api-gateway'] }));
    expect(beside).not.toContain(said);
    expect(beside).toContain('vm, aws-ec2 + aws-api-gateway:');
  });
});

describe('commitments', () => {
  /** Two machines of 0.0816 USD an hour for exactly two hours. */
  const TWO_HOURS = traceOf('0,1', '7199,1');
  const two = { platforms: ['vm'], instances: 2, instanceType: 'm7g.large' } as const satisfies ScenarioInput;

  it('of reserved instances are paid by the hour, the rest on demand', () => {
    const vm = resultOf(TWO_HOURS, { ...two, reserved: 1, commitDiscount: 50 });
    expect([amountOf(vm, 'reserved'), amountOf(vm, 'm7g.large'), vm.costUsd]).toEqual([
      [0.0816],
      [0.1632],
      0.2448,
    ]);
    expect(vm.commitment).toEqual({
      usdPerHour: null,
      instances: 1,
      discount: 50,
      hours: 2,
      paidUsd: 0.0816,
      usedUsd: 0.0816,
    });
    // 2 s of 4 h are busy: nearly all of it pays for idling.
    expect(vm.idleCostUsd).toBeCloseTo(0.2448 * (1 - 2 / 14_400), 8);
  });

  it('that are larger than the use are lost, and count as idle', () => {
    const vm = resultOf(TWO_HOURS, { ...two, reserved: 5, commitDiscount: 50 });
    expect([vm.costUsd, vm.commitment?.usedUsd]).toEqual([0.408, 0.1632]);
    expect(vm.idleCostUsd).toBeCloseTo(0.408 - (0.1632 * 2) / 14_400, 8);
    const idle = resultOf(TWO_HOURS, {
      platforms: ['functions'],
      coldStartMs: 0,
      commitUsd: 1,
      commitDiscount: 12,
    });
    expect(idle.costUsd).toBeGreaterThan(2);
    expect(idle.idleCostUsd).toBeCloseTo(2 - (idle.commitment?.usedUsd ?? 0), 9);
  });

  it('of nothing change nothing', () => {
    for (const none of [{ reserved: 0 }, { commitUsd: 0 }])
      expect(resultOf(TWO_HOURS, { ...two, ...none, commitDiscount: 50 }).costUsd).toBe(
        resultOf(TWO_HOURS, two).costUsd,
      );
  });

  it('leave platforms that cannot have one as they are', () => {
    const [vm, paas] = simulate(TWO_HOURS, {
      platforms: ['vm', 'paas'],
      reserved: 1,
      commitDiscount: 50,
    }).platforms;
    expect(vm?.commitment?.instances).toBe(1);
    expect(paas?.commitment).toBeNull();
  });

  it('are refused half said, twice, for spot machines and where nothing is covered', () => {
    const misuse = (input: ScenarioInput) => () => simulate(TWO_HOURS, { platforms: ['vm'], ...input });
    expect(misuse({ reserved: 1 })).toThrow(/commitDiscount: expected what the commitment takes off/);
    expect(misuse({ commitDiscount: 9 })).toThrow(/commitDiscount: is for commitUsd or reserved/);
    expect(misuse({ reserved: 1, commitUsd: 1, commitDiscount: 9 })).toThrow(
      /reserved: is for reservations alone/,
    );
    expect(misuse({ reserved: 1, commitDiscount: 9, spotRate: 1 })).toThrow(
      /commitments cover no spot machines/,
    );
    expect(misuse({ platforms: ['functions'], reserved: 1, commitDiscount: 9 })).toThrow(
      /reserved: is for vm, vm-group, ebb/,
    );
    expect(misuse({ commitUsd: -1, commitDiscount: 100 })).toThrow(
      /commitUsd: expected.*commitDiscount: expected/,
    );
    expect(
      misuse({ platforms: ['functions'], prices: ['cloudflare-workers'], commitUsd: 1, commitDiscount: 9 }),
    ).toThrow(
      expect.objectContaining({
        code: 'prices-unfit',
        message: expect.stringContaining('nothing that a commitment covers'),
      }),
    );
  });
});
