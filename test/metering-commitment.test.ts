/** Commitments: hours worked out by hand, and the laws that hold for any usage. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import { type Commitment, CommitmentMeter, type CoveredRate, coverHour } from '../metering/commitment.ts';
import { makeInvoice } from '../metering/invoice.ts';
import { priceBook } from '../metering/prices/catalogue.ts';
import { parseDecimal, US_PER_HOUR } from '../metering/units.ts';
import { anyExecution, execution } from './records.ts';

const rate = (onDemand: string, plan: string, unitQuantity = 1n): CoveredRate => ({
  onDemandUsd: parseDecimal(onDemand),
  planUsd: parseDecimal(plan),
  unitQuantity,
});

/** The rates of AWS's own example (docs.aws.amazon.com/savingsplans, sp-applying): illustrative, not for sale. */
const EXAMPLE = {
  'r5.4xlarge': rate('1.00', '0.70'),
  'm5.24xlarge': rate('10.00', '8.20'),
  'Fargate vCPU': rate('0.04', '0.03'),
  'Lambda GB-s': rate('0.000015', '0.00001275'),
};
const USED = [4n, 1n, 400n, 1_500_000n];

describe("an hour of AWS's example", () => {
  const covered = (usd: string) => coverHour(Object.values(EXAMPLE), USED, parseDecimal(usd));

  it('is covered whole by what it costs at plan prices: 2.80 + 8.20 + 12 + 19.125 USD', () => {
    expect(covered('42.125')).toEqual(USED);
    expect(covered('100')).toEqual(USED);
    // A millionth of a dollar less, and one of the 1.5 million GB-s is not.
    expect(covered('42.124999')).toEqual([4n, 1n, 400n, 1_499_999n]);
  });

  it('is covered from the highest saving on: 30 %, 25 %, 18 %, 15 %', () => {
    expect(covered('2.80')).toEqual([4n, 0n, 0n, 0n]);
    expect(covered('18.20')).toEqual([4n, 0n, 400n, 0n]);
    expect(covered('23')).toEqual([4n, 1n, 400n, 0n]);
    expect(covered('23.1275')).toEqual([4n, 1n, 400n, 10_000n]);
    expect(covered('0')).toEqual([0n, 0n, 0n, 0n]);
  });

  it('takes the lower price first among equal savings', () => {
    const rates = [rate('2', '1'), rate('1', '0.5'), rate('4', '2')];
    expect(coverHour(rates, [10n, 10n, 10n], parseDecimal('5'))).toEqual([0n, 10n, 0n]);
    expect(coverHour(rates, [10n, 10n, 10n], parseDecimal('7'))).toEqual([2n, 10n, 0n]);
  });
});

const EC2 = priceBook('aws-ec2');
const SIZE = 'm7g.large';
const spend = (usd: string, percent = '50'): Commitment => ({
  kind: 'spend',
  usdPerHour: parseDecimal(usd),
  discountPercent: parseDecimal(percent),
});
const reserved = (count: number, percent = '50'): Commitment => ({
  kind: 'instances',
  count,
  discountPercent: parseDecimal(percent),
});

type Life = readonly [startedAtUs: number, endedAtUs: number];
function settled(commitment: Commitment, lives: readonly Life[], untilUs: number) {
  const bill = new BillMeter(EC2);
  const meter = new CommitmentMeter(EC2, commitment, SIZE);
  for (const [startedAtUs, endedAtUs] of lives) {
    const record = { size: SIZE, startedAtUs, endedAtUs };
    bill.addInstance(record);
    meter.addInstance(record);
  }
  const result = meter.settle(bill.quantities, 0, untilUs);
  const onDemand = makeInvoice(EC2, result.onDemand, { freeTier: false }).totalNanoUsd;
  const without = makeInvoice(EC2, bill.quantities, { freeTier: false }).totalNanoUsd;
  return { ...result, totalNanoUsd: onDemand + result.paidNanoUsd, without };
}
const H = US_PER_HOUR;

describe('a commitment to spend', () => {
  // m7g.large is 0.0816 USD an hour, 0.0408 at half.
  it('is lost where it is not used, and does not carry over', () => {
    const { hours, paidNanoUsd, usedNanoUsd, totalNanoUsd } = settled(
      spend('0.0816'),
      [
        [0, H],
        [3 * H, 4 * H],
      ],
      4 * H,
    );
    // Two of four hours use half of it.
    expect([hours, paidNanoUsd, usedNanoUsd, totalNanoUsd]).toEqual([
      4,
      326_400_000n,
      81_600_000n,
      326_400_000n,
    ]);
  });

  it('leaves what is beyond it at the price on demand', () => {
    // Three machines for one hour: the plan pays for one and a half, the rest is 1.5 × 0.0816.
    const { paidNanoUsd, usedNanoUsd, totalNanoUsd } = settled(
      spend('0.0612'),
      [
        [0, H],
        [0, H],
        [0, H],
      ],
      H,
    );
    expect([paidNanoUsd, usedNanoUsd, totalNanoUsd]).toEqual([
      61_200_000n,
      61_200_000n,
      61_200_000n + 122_400_000n,
    ]);
  });

  it('splits lives at clock hours, minimum times included', () => {
    // 30 s that are billed as 60, half of them in the second hour.
    const { covered } = settled(spend('0.0408'), [[H - 30_000_000, H]], H);
    expect(covered[EC2.meters.findIndex(({ meter }) => meter === SIZE)]).toBe(60_000_000n);
    const late = settled(
      reserved(1),
      [
        [H - 30_000_000, H],
        [0, H],
      ],
      2 * H,
    );
    // The first hour has room for 3,600 s of 3,630, the second for its 30.
    expect(late.onDemand.reduce((sum, quantity) => sum + quantity, 0n)).toBe(30_000_000n);
  });

  it('covers memory × time of executions, never their requests', () => {
    const book = priceBook('aws-lambda-x86');
    const meter = new CommitmentMeter(book, spend('0.001', '12'), null);
    const bill = new BillMeter(book);
    for (const arrivedAtUs of [0, H, H]) {
      // 128 MB for 100 s: 12.5 GB-s, 0.000183334 USD at the plan's price
      const record = execution({ arrivedAtUs, startupUs: 0, runUs: 100_000_000, memoryBytesLimit: 2 ** 27 });
      meter.addExecution(record);
      bill.addExecution(record);
    }
    const result = meter.settle(bill.quantities, 0, 2 * H);
    const requests = book.meters.findIndex(({ measure }) => measure.kind === 'requests');
    expect([result.covered[requests], result.onDemand[requests]]).toEqual([0n, 3n]);
    // 3 × 12.5 × 0.0000166667 × 0.88
    expect([result.usedNanoUsd, result.paidNanoUsd]).toEqual([550_001n, 2_000_000n]);
    expect(makeInvoice(book, result.onDemand, { freeTier: false }).totalNanoUsd).toBe(600n);
  });
});

describe('reserved instances', () => {
  it('cover 3,600 s of each clock hour, by whichever instances', () => {
    // Two half hours at once, then three whole ones at once.
    const lives: Life[] = [
      [0, H / 2],
      [0, H / 2],
      [H, 2 * H],
      [H, 2 * H],
      [H, 2 * H],
    ];
    const { paidNanoUsd, usedNanoUsd, totalNanoUsd } = settled(reserved(2), lives, 2 * H);
    // Two hours of two at 0.0408; used are one and two; one is left at 0.0816.
    expect([paidNanoUsd, usedNanoUsd, totalNanoUsd]).toEqual([163_200_000n, 122_400_000n, 244_800_000n]);
  });

  it('need a book of sizes, and a plan needs something to cover', () => {
    const unfit = (book: string, commitment: Commitment) => () =>
      new CommitmentMeter(priceBook(book), commitment, null);
    const refusal = expect.objectContaining({
      code: 'prices-unfit',
      message: expect.stringContaining('nothing that a commitment covers'),
    });
    expect(unfit('aws-lambda-x86', reserved(1))).toThrow(refusal);
    expect(unfit('cloudflare-workers', spend('1'))).toThrow(refusal);
    expect(unfit('gcp-cloud-run-concurrent', spend('1'))).toThrow(refusal);
  });
});

const lives = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 6 * H }), fc.integer({ min: 0, max: 3 * H }))
    .map(([at, length]): Life => [at, at + length]),
  { maxLength: 8 },
);
const commitments = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 500_000 }), fc.integer({ min: 0, max: 90 }))
    .map(([micro, percent]) => spend(`0.${String(micro).padStart(6, '0')}`, String(percent))),
  fc
    .tuple(fc.nat({ max: 5 }), fc.integer({ min: 0, max: 90 }))
    .map(([count, percent]) => reserved(count, String(percent))),
);
const UNTIL = 9 * H;

describe('commitments', () => {
  it('cost at least what is committed, and at least what everything would cost at their own prices', () => {
    fc.assert(
      fc.property(lives, commitments, (list, commitment) => {
        const { totalNanoUsd, paidNanoUsd, usedNanoUsd, without } = settled(commitment, list, UNTIL);
        expect(totalNanoUsd).toBeGreaterThanOrEqual(paidNanoUsd);
        expect(usedNanoUsd).toBeLessThanOrEqual(paidNanoUsd);
        const share = 100n - commitment.discountPercent.digits;
        // Up to a nano-dollar that a line is rounded up.
        expect((totalNanoUsd + 1n) * 100n).toBeGreaterThanOrEqual(without * share);
      }),
    );
  });

  it('of nothing cost what is on demand, and so do those without a discount that are used up', () => {
    fc.assert(
      fc.property(lives, (list) => {
        for (const none of [spend('0', '40'), reserved(0, '40')]) {
          const { totalNanoUsd, without, paidNanoUsd } = settled(none, list, UNTIL);
          expect([totalNanoUsd, paidNanoUsd]).toEqual([without, 0n]);
        }
        const { totalNanoUsd, usedNanoUsd, paidNanoUsd, without } = settled(reserved(1, '0'), list, UNTIL);
        const unused = paidNanoUsd - usedNanoUsd;
        const difference = totalNanoUsd - unused - without;
        expect(difference >= -2n && difference <= 2n).toBe(true);
      }),
    );
  });

  it('do not depend on the order of what is counted', () => {
    fc.assert(
      fc.property(lives, commitments, (list, commitment) => {
        expect(settled(commitment, [...list].reverse(), UNTIL)).toEqual(settled(commitment, list, UNTIL));
      }),
    );
    fc.assert(
      fc.property(fc.array(anyExecution, { maxLength: 10 }), (list) => {
        const book = priceBook('aws-lambda-arm');
        const count = (some: typeof list) => {
          const meter = new CommitmentMeter(book, spend('0.00001', '17'), null);
          const bill = new BillMeter(book);
          for (const record of some) {
            meter.addExecution(record);
            bill.addExecution(record);
          }
          return meter.settle(bill.quantities, 0, H);
        };
        expect(count([...list].reverse())).toEqual(count(list));
      }),
    );
  });

  it('never cover more than is used, nor more than they can', () => {
    fc.assert(
      fc.property(lives, commitments, (list, commitment) => {
        const { covered, onDemand } = settled(commitment, list, UNTIL);
        for (const quantity of [...covered, ...onDemand]) expect(quantity).toBeGreaterThanOrEqual(0n);
      }),
    );
  });
});
