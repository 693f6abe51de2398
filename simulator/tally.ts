/**
 * Counts what a replay emits: outcomes, waits and latencies, usage and the bill. It sees records and lives alone,
 * so that all platforms are counted by the same rules.
 */
import { BillMeter } from '../metering/bill-meter.ts';
import { CommitmentMeter } from '../metering/commitment.ts';
import { type ExecutionRecord, occupiedUs, wasStarted } from '../metering/execution.ts';
import type { InstanceRecord } from '../metering/instance.ts';
import { ExactSum } from '../metering/units.ts';
import { UsageMeter } from '../metering/usage.ts';
import { type ExtrasPlan, ExtrasTally } from './extras.ts';
import { Sample } from './kernel/sample.ts';
import type { InstanceWork, Sink } from './platforms/platform.ts';
import type { Pricing } from './pricing.ts';
import type { SeriesMeter } from './series.ts';

export interface FunctionCounts {
  readonly served: Float64Array;
  readonly rejected: Float64Array;
  readonly failed: Float64Array;
  readonly cold: Float64Array;
  readonly warm: Float64Array;
}

export class Tally implements Sink {
  readonly counts: FunctionCounts;
  readonly bill: BillMeter;
  /** Of provisioned instances; null where there are none. */
  readonly provisionedBill: BillMeter | null;
  /** null: everything is on demand. */
  readonly commitment: CommitmentMeter | null;
  readonly extras: ExtrasTally;
  readonly #series: SeriesMeter | null;
  readonly #usage = new UsageMeter();
  readonly #aliveUs = new ExactSum();
  /** Of instances whose work is known: the time in which they had any request. */
  readonly #instanceBusyUs = new ExactSum();
  readonly #provisionedAliveUs = new ExactSum();
  readonly #provisionedBusyUs = new ExactSum();
  readonly #size: string | null;
  /** Waits of the requests that started, in the order in which they were counted. */
  readonly waitsUs: Sample;
  /** Wait and run of the same requests. */
  readonly latenciesUs: Sample;
  #waited = 0;
  #endUs = 0;

  /** @param requests about how many requests there will be. */
  constructor(
    requests: number,
    functions: number,
    pricing: Pricing,
    extras: ExtrasPlan,
    series: SeriesMeter | null = null,
  ) {
    const zeros = (): Float64Array => new Float64Array(functions);
    this.counts = { served: zeros(), rejected: zeros(), failed: zeros(), cold: zeros(), warm: zeros() };
    this.bill = new BillMeter(pricing.book);
    this.provisionedBill = pricing.provisioned === null ? null : new BillMeter(pricing.provisioned);
    this.#series = series;
    this.#size = pricing.size?.name ?? null;
    this.commitment =
      pricing.commitment === null ? null : new CommitmentMeter(pricing.book, pricing.commitment, this.#size);
    this.extras = new ExtrasTally(extras);
    this.waitsUs = new Sample(requests);
    this.latenciesUs = new Sample(requests);
  }

  execution(record: ExecutionRecord, functionIndex: number, isProvisioned = false): void {
    this.#usage.add(record);
    this.extras.execution(record);
    this.#until(record.arrivedAtUs + record.queueUs + occupiedUs(record));
    if (this.#size === null && !isProvisioned) {
      this.bill.addExecution(record);
      this.commitment?.addExecution(record);
    }
    this.#series?.execution(record);
    const { counts } = this;
    if (!wasStarted(record)) {
      increment(counts.rejected, functionIndex);
      return;
    }
    increment(record.outcome === 'ok' ? counts.served : counts.failed, functionIndex);
    increment(record.warmth === 'cold' ? counts.cold : counts.warm, functionIndex);
    const waitUs = record.queueUs + record.startupUs;
    if (waitUs > 0) this.#waited++;
    this.waitsUs.add(waitUs);
    this.latenciesUs.add(waitUs + record.runUs);
  }

  instance(startedAtUs: number, endedAtUs: number, work?: InstanceWork): void {
    this.#aliveUs.add(endedAtUs - startedAtUs);
    this.#series?.instance(startedAtUs, endedAtUs);
    if (work !== undefined) this.#instanceBusyUs.add(work.busyUs);
    if (work?.isProvisioned === true) this.#provisioned(startedAtUs, endedAtUs, work);
    else if (this.#size !== null && work?.isFree !== true) {
      const record = instanceRecord(this.#size, startedAtUs, endedAtUs, work);
      this.bill.addInstance(record);
      this.commitment?.addInstance(record);
      this.#until(endedAtUs);
    }
  }

  #until(nowUs: number): void {
    if (nowUs > this.#endUs) this.#endUs = nowUs;
  }

  #provisioned(startedAtUs: number, endedAtUs: number, work: InstanceWork): void {
    this.#provisionedAliveUs.add(endedAtUs - startedAtUs);
    this.#provisionedBusyUs.add(work.busyUs);
    this.provisionedBill?.addInstance(instanceRecord('', startedAtUs, endedAtUs, work));
  }

  /** Busy time of the instances whose work is known, overlapping requests once. */
  get instanceBusyUs(): bigint {
    return this.#instanceBusyUs.value;
  }

  get provisionedAliveUs(): bigint {
    return this.#provisionedAliveUs.value;
  }

  get provisionedBusyUs(): bigint {
    return this.#provisionedBusyUs.value;
  }

  /** The last end of a request, or of an instance that is billed. */
  get endUs(): number {
    return this.#endUs;
  }

  get usage(): UsageMeter['usage'] {
    return this.#usage.usage;
  }

  get aliveUs(): bigint {
    return this.#aliveUs.value;
  }

  /** Requests that did not begin to run the moment they arrived. */
  get waited(): number {
    return this.#waited;
  }
}

function instanceRecord(
  size: string,
  startedAtUs: number,
  endedAtUs: number,
  work: InstanceWork | undefined,
): InstanceRecord {
  if (work === undefined) return { size, startedAtUs, endedAtUs };
  const { busySpansUs, keptUs, cpuUs, requests, memoryBytes } = work;
  const record = { size, startedAtUs, endedAtUs, busySpansUs, keptUs, cpuUs, requests };
  return memoryBytes === null ? record : { ...record, memoryBytes };
}

function increment(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] as number) + 1;
}

export function totalOf(counts: Float64Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
