/**
 * Records become usage: integer sums that are the same in any order and however the records are split.
 * Usage is what was really used; what a provider rounds up is in bill-meter.ts.
 */
import { type ExecutionRecord, OUTCOMES, type Outcome, occupiedUs, wasStarted } from './execution.ts';
import { BYTES_PER_GB, ExactSum, formatQuotient, US_PER_MS, US_PER_S } from './units.ts';

/** Exact totals. `memoryByteUs` is peak memory × occupied time, in byte-microseconds. */
export interface Usage {
  /** Executions that started; rejected requests appear in `byOutcome` alone. */
  readonly executions: number;
  readonly byOutcome: Readonly<Record<Outcome, number>>;
  readonly queueUs: bigint;
  readonly startupUs: bigint;
  readonly runUs: bigint;
  readonly cpuUs: bigint;
  readonly fuelUsed: bigint;
  readonly memoryByteUs: bigint;
  readonly bytesIn: bigint;
  readonly bytesOut: bigint;
}

const SUMS = [
  'queueUs',
  'startupUs',
  'runUs',
  'cpuUs',
  'fuelUsed',
  'memoryByteUs',
  'bytesIn',
  'bytesOut',
] as const;
type SumName = (typeof SUMS)[number];

/** Adds records up. */
export class UsageMeter {
  /** Of `ok` apart, which is nearly all. */
  #ok = 0;
  readonly #counts = new Map<Outcome, number>();
  readonly #sums: Readonly<Record<SumName, ExactSum>> = {
    queueUs: new ExactSum(),
    startupUs: new ExactSum(),
    runUs: new ExactSum(),
    cpuUs: new ExactSum(),
    fuelUsed: new ExactSum(),
    memoryByteUs: new ExactSum(),
    bytesIn: new ExactSum(),
    bytesOut: new ExactSum(),
  };

  add(record: ExecutionRecord): void {
    if (record.outcome === 'ok') this.#ok++;
    else this.#counts.set(record.outcome, (this.#counts.get(record.outcome) ?? 0) + 1);
    if (!wasStarted(record)) return;
    const sums = this.#sums;
    if (record.queueUs > 0) sums.queueUs.add(record.queueUs);
    if (record.startupUs > 0) sums.startupUs.add(record.startupUs);
    sums.runUs.add(record.runUs);
    sums.cpuUs.add(record.cpuUs);
    // Larger numbers than one addend may be.
    if (record.fuelUsed > 0) sums.fuelUsed.addProduct(record.fuelUsed, 1);
    sums.memoryByteUs.addProduct(record.memoryBytesPeak, occupiedUs(record));
    if (record.bytesIn > 0) sums.bytesIn.add(record.bytesIn);
    if (record.bytesOut > 0) sums.bytesOut.add(record.bytesOut);
  }

  /** Adds what another meter has counted: merging parts gives the same totals as one meter for all. */
  merge(usage: Usage): void {
    for (const outcome of OUTCOMES) {
      const more = usage.byOutcome[outcome];
      if (more > 0) this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + more);
    }
    for (const name of SUMS) this.#sums[name].addBig(usage[name]);
  }

  get usage(): Usage {
    const byOutcome = {} as Record<Outcome, number>;
    let executions = 0;
    for (const outcome of OUTCOMES) {
      const count = (this.#counts.get(outcome) ?? 0) + (outcome === 'ok' ? this.#ok : 0);
      byOutcome[outcome] = count;
      if (wasStarted({ outcome })) executions += count;
    }
    const sums = {} as Record<SumName, bigint>;
    for (const name of SUMS) sums[name] = this.#sums[name].value;
    return { executions, byOutcome, ...sums };
  }
}

/** Usage as it is printed and sent: the units that people compare, rounded up in the last of 12 decimals. */
export interface UsageReport {
  readonly executions: number;
  readonly usageGbSeconds: number;
  readonly cpuMs: number;
  readonly fuelUsed: number;
  readonly queueMs: number;
  readonly startupMs: number;
  readonly runMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Only the outcomes that occurred. */
  readonly byOutcome: Readonly<Partial<Record<Outcome, number>>>;
}

const inMs = (us: bigint): number => Number(formatQuotient(us, BigInt(US_PER_MS), 3));

export function reportUsage(usage: Usage): UsageReport {
  const occurred = Object.entries(usage.byOutcome).filter(([, count]) => count > 0);
  return {
    executions: usage.executions,
    usageGbSeconds: Number(formatQuotient(usage.memoryByteUs, BigInt(BYTES_PER_GB) * BigInt(US_PER_S), 12)),
    cpuMs: inMs(usage.cpuUs),
    fuelUsed: Number(usage.fuelUsed),
    queueMs: inMs(usage.queueUs),
    startupMs: inMs(usage.startupUs),
    runMs: inMs(usage.runUs),
    bytesIn: Number(usage.bytesIn),
    bytesOut: Number(usage.bytesOut),
    byOutcome: Object.fromEntries(occurred),
  };
}
