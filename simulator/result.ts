/** What a simulation gives: a plain value that prints as JSON. Its names are a promise to whoever reads it. */
import type { InvoiceReport } from '../metering/invoice.ts';
import { formatNanoUsd, US_PER_S } from '../metering/units.ts';
import { reportUsage, type UsageReport } from '../metering/usage.ts';
import { type CommitmentResult, costsOf } from './cost.ts';
import type { Interval } from './kernel/interval.ts';
import type { Distribution } from './kernel/quantiles.ts';
import type { Sample } from './kernel/sample.ts';
import type { PlatformName, PlatformTotals } from './platforms/platform.ts';
import type { Pricing } from './pricing.ts';
import type { Replications } from './replications.ts';
import { inMs, milliseconds, ratio, seconds } from './rounded.ts';
import type { Series, SeriesMeter } from './series.ts';
import { type Tally, totalOf } from './tally.ts';
import type { TraceAbout, TraceHistory } from './traces/trace.ts';

export interface FunctionResult {
  readonly name: string;
  readonly requests: number;
  readonly served: number;
  readonly rejected: number;
  readonly failed: number;
  readonly coldStarts: number;
  /** Of the platform where its instances serve all functions. */
  readonly instancesPeak: number;
}

/** The settings that were used, defaults included; `trace` stands for a cold start as the trace has it. */
export type PlatformSettings = Readonly<Record<string, number | string | null>>;

/** requests = served + rejected + failed, and coldStarts + warmStarts = served + failed. */
export interface PlatformResult {
  readonly name: PlatformName;
  /** False when the replay was stopped before the trace's end: all figures are of the requests until then. */
  readonly complete: boolean;
  /** From the first arrival to the last that was replayed. */
  readonly simulatedS: number;
  readonly requests: number;
  /** Ran and ended well. */
  readonly served: number;
  /** Refused on arrival: never ran, never billed. */
  readonly rejected: number;
  /** Ran and did not end well, as the trace says or because its machine was taken. */
  readonly failed: number;
  /** Started on an instance that was started for them. */
  readonly coldStarts: number;
  readonly warmStarts: number;
  /** Attempts that were refused; a client that tries again makes several of one request. */
  readonly throttled: number;
  /** Attempts after the first. */
  readonly retried: number;
  /** Spot machines that their provider took. */
  readonly interruptions: number;
  /** Attempts that ran on them then: tried again, or failed. */
  readonly lost: number;
  /** Most instances at once: starting, busy and idle. */
  readonly instancesPeak: number;
  /** Start-up and run of all requests together. */
  readonly busySeconds: number;
  /** Lives of all instances together. */
  readonly aliveSeconds: number;
  /**
   * Instance-seconds that were alive without work: alive − busy, where an instance that serves k requests at once
   * is busy with one of them for a k-th of it.
   */
  readonly idleSeconds: number;
  /** Busy share of what was alive, 0 to 1. */
  readonly utilisation: number;
  /** Requests whose wait is above 0. */
  readonly waited: number;
  /** From arrival until the run begins: queue and start-up. Of requests that started, nearest-rank percentiles. */
  readonly waitMs: Distribution;
  /** Wait and run of the same requests. */
  readonly latencyMs: Distribution;
  /**
   * How far the two means may be off were the trace one sample of its like: batch means of this one run, in the order
   * in which requests were counted; null for fewer than 1,000 requests.
   */
  readonly batchMeans: {
    readonly batches: number;
    readonly waitMs: Interval;
    readonly latencyMs: Interval;
  } | null;
  readonly priceBook: string;
  readonly instanceType: string | null;
  readonly freeTier: boolean;
  /** Books of what stands beside: gateways, load balancers, traffic, logs. Empty: none of it is in the cost. */
  readonly extras: readonly string[];
  /** The invoice's total, as if the trace were all there was in the month. */
  readonly costUsd: number;
  /** The part of it that pays for idle time or for an unused commitment: 0 where only work is billed. */
  readonly idleCostUsd: number;
  /** null: everything is on demand. */
  readonly commitment: CommitmentResult | null;
  readonly invoice: InvoiceReport['lines'];
  readonly usage: UsageReport;
  readonly settings: PlatformSettings;
  readonly functions: readonly FunctionResult[];
  /** Over time; null when none was asked for. */
  readonly series: Series | null;
}

export interface SimulationResult {
  /** Of Ebb. */
  readonly version: string;
  /** False when the run was stopped: what there is is in `platforms`, each with its own `complete`. */
  readonly complete: boolean;
  readonly seed: number;
  readonly trace: TraceHistory & {
    readonly file: string;
    readonly format: string;
    readonly arrivals: number;
    /** How many different ones. */
    readonly functions: number;
    /** The first arrival: microseconds since the epoch, or since the trace's zero. */
    readonly startUs: number;
    /** From the first to the last arrival. */
    readonly spanS: number;
  };
  /** Of the first replication, whose seed is the scenario's. */
  readonly platforms: readonly PlatformResult[];
  /** Over all replications; null for one alone. */
  readonly replications: Replications | null;
}

const BATCHES = 20;
const BATCHED_MIN = 1_000;

function functionResults(
  { functionNames }: TraceAbout,
  { counts }: Tally,
  totals: PlatformTotals,
): FunctionResult[] {
  return functionNames.map((name, index) => {
    const [served = 0, rejected = 0] = [counts.served[index], counts.rejected[index]];
    const failed = counts.failed[index] ?? 0;
    return {
      name,
      requests: served + rejected + failed,
      served,
      rejected,
      failed,
      coldStarts: counts.cold[index] ?? 0,
      instancesPeak: totals.instancesPeakByFunction?.[index] ?? totals.instancesPeak,
    };
  });
}

/** Which part of its trace a replay saw. */
export interface Seen {
  readonly arrivals: number;
  readonly firstUs: number;
  readonly lastUs: number;
  /** The whole trace. */
  readonly complete: boolean;
}

export const spanSOf = ({ firstUs, lastUs }: Seen): number => (lastUs - firstUs) / US_PER_S;

export interface Replayed {
  readonly name: PlatformName;
  readonly trace: TraceAbout;
  readonly seen: Seen;
  readonly pricing: Pricing;
  readonly freeTier: boolean;
  readonly settings: PlatformSettings;
  /** Requests that one instance serves at once; null where it is busy with any or idle with none. */
  readonly requestsAtOnce: number | null;
  readonly tally: Tally;
  readonly series: SeriesMeter | null;
  readonly totals: PlatformTotals;
}

function batched({ waitsUs, latenciesUs }: Tally): PlatformResult['batchMeans'] {
  if (waitsUs.count < BATCHED_MIN) return null;
  const intervalMs = (sampleUs: Sample): Interval => {
    const { mean, halfWidth } = sampleUs.batchMeans(BATCHES);
    return { mean: milliseconds(mean), halfWidth: halfWidth === null ? null : milliseconds(halfWidth) };
  };
  return { batches: BATCHES, waitMs: intervalMs(waitsUs), latencyMs: intervalMs(latenciesUs) };
}

/** Instance-time with and without work, in places × µs, and how many places an instance has. */
function worked({ requestsAtOnce, tally }: Replayed): { busyUs: bigint; placesUs: bigint; places: number } {
  const { usage, aliveUs, instanceBusyUs } = tally;
  if (requestsAtOnce === null) return { busyUs: instanceBusyUs, placesUs: aliveUs, places: 1 };
  const busyUs = usage.startupUs + usage.runUs;
  return { busyUs, placesUs: aliveUs * BigInt(requestsAtOnce), places: requestsAtOnce };
}

/** Reorders the tally's samples. */
export function platformResult(replayed: Replayed): PlatformResult {
  const { name, trace, seen, pricing, freeTier, settings, tally, totals, series } = replayed;
  const { usage, aliveUs, counts } = tally;
  const { busyUs, placesUs, places } = worked(replayed);
  const idle = { idleUs: placesUs - busyUs, aliveUs: placesUs };
  const costs = costsOf(tally, freeTier, seen.firstUs, idle);
  const rejected = totalOf(counts.rejected);
  return {
    name,
    complete: seen.complete,
    simulatedS: spanSOf(seen),
    requests: seen.arrivals,
    served: totalOf(counts.served),
    rejected,
    failed: totalOf(counts.failed),
    coldStarts: totalOf(counts.cold),
    warmStarts: totalOf(counts.warm),
    throttled: totals.throttled ?? rejected,
    retried: totals.retried ?? 0,
    interruptions: totals.interruptions ?? 0,
    lost: totals.lost ?? 0,
    instancesPeak: totals.instancesPeak,
    busySeconds: seconds(usage.startupUs + usage.runUs),
    aliveSeconds: seconds(aliveUs),
    idleSeconds: seconds(placesUs - busyUs, places),
    utilisation: ratio(busyUs, placesUs),
    waited: tally.waited,
    // Before the samples lose their order to the percentiles.
    batchMeans: batched(tally),
    waitMs: inMs(tally.waitsUs),
    latencyMs: inMs(tally.latenciesUs),
    priceBook: pricing.book.id,
    instanceType: pricing.size?.name ?? null,
    freeTier,
    extras: costs.extras,
    costUsd: Number(formatNanoUsd(costs.totalNanoUsd)),
    idleCostUsd: Number(formatNanoUsd(costs.idleNanoUsd)),
    commitment: costs.commitment,
    invoice: costs.lines,
    usage: reportUsage(usage),
    settings,
    functions: functionResults(trace, tally, totals),
    series: series?.series ?? null,
  };
}
