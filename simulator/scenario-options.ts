/** Every option of a scenario as it is given, and which platforms have a use for it. It checks nothing. */
import type { PriceBook } from '../metering/price-book.ts';
import type { ContainerScaling } from './platforms/containers.ts';
import type { Routing } from './platforms/fleet.ts';
import type { GroupMetric } from './platforms/group-scaling.ts';
import type { Pick } from './platforms/idle-pools.ts';
import type { KeepAliveName } from './platforms/keep-alive/policy.ts';
import type { PaasScaling } from './platforms/paas-scaling.ts';
import { PLATFORM_NAMES, type PlatformName } from './platforms/platform.ts';
import type { SpotReplacement } from './platforms/spot.ts';
import type { Sharing } from './platforms/vm.ts';

/** Every option may be left out. */
export interface ScenarioInput {
  /** Default: functions, vm, paas. */
  readonly platforms?: readonly PlatformName[] | undefined;
  /** functions: which idle instances are kept; default `fixed`. */
  readonly keepAlive?: KeepAliveName | undefined;
  /** functions: seconds that an idle instance lives, 0 for none; default 600, at most 10^9. */
  readonly keepAliveS?: number | undefined;
  /** functions: memory of all instances together in MB, for `lru` and `greedy-dual`, which need it. */
  readonly memoryCapMb?: number | undefined;
  /**
   * functions, containers, ebb: milliseconds of a start-up, or `trace` for each request's own start-up time (not
   * containers). Default: the trace's own times when it has them, else 250; containers 1000; ebb 0.05.
   */
  readonly coldStartMs?: number | 'trace' | undefined;
  /** functions: which idle instance takes a request; default `newest`. */
  readonly pick?: Pick | undefined;
  /** functions: most instances of one function; default no limit of its own. */
  readonly maxPerFunction?: number | undefined;
  /** functions: new instances of one function every ten seconds; default no limit. */
  readonly startRamp?: number | undefined;
  /** functions, spot machines: attempts that a client makes when it is refused or its machine is taken; default 1. */
  readonly attempts?: number | undefined;
  /** The first range of the backoff in ms; default 100. */
  readonly backoffMs?: number | undefined;
  /** functions: provisioned instances of each function: `10`, or `0:10,3600:2` (seconds: instances). */
  readonly provisioned?: string | undefined;
  /** vm, ebb: machines, default 1. paas: a fixed number of dynos; default: autoscaled from 1 to 10. */
  readonly instances?: number | undefined;
  /**
   * vm: requests that a machine serves at once, default 1. paas: the same for a dyno, default its vCPUs. vm-group,
   * ebb: processors of a machine, default its vCPUs. containers: vCPUs of an instance, default those of its size.
   */
  readonly cores?: number | undefined;
  /** vm: `fifo` a core for each request, `ps` requests share the cores; default fifo. */
  readonly sharing?: Sharing | undefined;
  /**
   * Requests that an instance takes at once. containers: default 100, with cloud-run 80. vm-group: default its cores. vm with
   * `sharing` ps: default no limit.
   */
  readonly concurrency?: number | undefined;
  /** vm, vm-group: spot machines, with so many interruptions a machine-hour, 0 to 3600; default: on demand. */
  readonly spotRate?: number | undefined;
  /** vm, vm-group: spot machines, whose lives are drawn from these seconds: `1800,5400`. */
  readonly spotLivesS?: string | undefined;
  /** Spot machines: seconds from the announcement until a machine is taken; default 120. */
  readonly spotNoticeS?: number | undefined;
  /** Spot machines: when a new one starts; default after. */
  readonly spotReplacement?: SpotReplacement | undefined;
  /** Spot machines: whether one that is taken in its first hour is not billed, as with AWS; default false. */
  readonly spotFirstHourFree?: boolean | undefined;
  /** Spot machines: % off the price book, 0 to 99.999; default none. */
  readonly spotDiscount?: number | undefined;
  /** Configured memory in MB (2^20 bytes) instead of the trace's; default the trace's, else 512. */
  readonly memoryMb?: number | undefined;
  /** Price books, by id or as they are; each platform takes those that fit it, or its default. */
  readonly prices?: readonly (string | PriceBook)[] | undefined;
  /** All but functions: the size of an instance, by its name in a price book. */
  readonly instanceType?: string | undefined;
  /** functions, vm, vm-group, ebb: a savings plan, in USD an hour, of each of them; needs commitDiscount. */
  readonly commitUsd?: number | undefined;
  /** vm, vm-group, ebb: reserved instances of the size, of each of them; needs commitDiscount. */
  readonly reserved?: number | undefined;
  /** What the commitment takes off the prices on demand, in %, 0 to 99.999. */
  readonly commitDiscount?: number | undefined;
  /** Books of gateways, load balancers, traffic and logs, by id or as they are, beside every platform; default none. */
  readonly extras?: readonly (string | PriceBook)[] | undefined;
  /** For extras: bytes of a request's body, where the trace does not say. */
  readonly requestBytes?: number | undefined;
  /** For extras: bytes of a response's body, where the trace does not say. */
  readonly responseBytes?: number | undefined;
  /** For extras: bytes that a request writes to the log. */
  readonly logBytes?: number | undefined;
  /** For extras: bytes that a request sends and gets through a NAT gateway. */
  readonly natBytes?: number | undefined;
  /** Whether the price books' free tiers are subtracted; default false. */
  readonly freeTier?: boolean | undefined;
  /** paas, vm-group: fewest instances, default 1. containers: the same, default 0. */
  readonly minInstances?: number | undefined;
  /** functions: most instances at once, default 1000. paas, vm-group: default 10. containers: default 100. */
  readonly maxInstances?: number | undefined;
  /** All but functions: most requests that wait; default no limit, ebb 1000 a machine. */
  readonly queueLimit?: number | undefined;
  /** ebb: longest wait in ms; default 10000. */
  readonly queueTimeoutMs?: number | undefined;
  /** ebb: longest start-up and run in ms; default 10000. */
  readonly timeLimitMs?: number | undefined;
  /** paas, vm-group, spot vm: seconds until a new instance takes requests; default paas 30, machines 60. */
  readonly bootS?: number | undefined;
  /** vm-group: seconds from then until a machine's load counts; default 300. */
  readonly warmUpS?: number | undefined;
  /** vm-group: what is measured; default utilisation. */
  readonly scaleMetric?: GroupMetric | undefined;
  /** vm-group: the metric that target tracking holds, in % or requests a machine and period; default 70. */
  readonly scaleTarget?: number | undefined;
  /** vm-group: steps instead of a target: `70:+1,90:+3,30:-1` (metric: change). */
  readonly scaleSteps?: string | undefined;
  /** vm-group: seconds between changes before a scale-in; default 300. */
  readonly cooldownS?: number | undefined;
  /** vm-group: seconds of a metric period; default 60. */
  readonly metricPeriodS?: number | undefined;
  /** vm-group, paas: seconds from a period's end until its metrics are seen; default 0. */
  readonly metricDelayS?: number | undefined;
  /** vm-group: whether scale-in spares machines that are serving; default false. */
  readonly scaleInProtection?: boolean | undefined;
  /** vm-group: M/N, periods beyond the threshold before machines are added; default 1/1. */
  readonly alarmOut?: string | undefined;
  /** vm-group: the same before machines are taken away; default 1/1. */
  readonly alarmIn?: string | undefined;
  /** vm-group: % of the target below which machines are taken away, 1 to 100; default 100. */
  readonly alarmLowShare?: number | undefined;
  /** paas: what the autoscaler looks at; default load. */
  readonly paasScaling?: PaasScaling | undefined;
  /** paas: the p95 that is wanted in ms; default latency 500, queue-time 100. */
  readonly p95TargetMs?: number | undefined;
  /** paas: requests in flight wanted on a dyno; default its requests at once. */
  readonly requestsTarget?: number | undefined;
  /** paas: default least-loaded. */
  readonly routing?: Routing | undefined;
  /** containers: whose autoscaler; default kpa. */
  readonly containerScaling?: ContainerScaling | undefined;
  /** containers: % of the concurrency that the autoscaler aims at, 1 to 100; default kpa 70, cloud-run 60. */
  readonly concurrencyTarget?: number | undefined;
  /** containers with cloud-run: % of the processors that the autoscaler aims at, 1 to 100; default 60. */
  readonly cpuTarget?: number | undefined;
  /** Seconds of an interval of the time series; default no series. */
  readonly seriesS?: number | undefined;
  /** Independent repetitions with seeds of their own; default 1. */
  readonly replications?: number | undefined;
  /** Seed of all random draws, 0 to 2^53 − 1; default 1. */
  readonly seed?: number | undefined;
}

export type ScenarioKey = keyof ScenarioInput;

const ALL = PLATFORM_NAMES;
const INSTANCES: readonly PlatformName[] = ['vm', 'paas', 'vm-group', 'containers', 'ebb'];
const MACHINES: readonly PlatformName[] = ['vm', 'vm-group'];

/** Which platforms use an option. */
export const OPTION_USERS: Readonly<Record<ScenarioKey, readonly PlatformName[]>> = {
  platforms: ALL,
  keepAlive: ['functions'],
  keepAliveS: ['functions'],
  memoryCapMb: ['functions'],
  coldStartMs: ['functions', 'containers', 'ebb'],
  pick: ['functions'],
  maxPerFunction: ['functions'],
  startRamp: ['functions'],
  attempts: ['functions', ...MACHINES],
  backoffMs: ['functions', ...MACHINES],
  provisioned: ['functions'],
  instances: ['vm', 'paas', 'ebb'],
  cores: INSTANCES,
  sharing: ['vm'],
  concurrency: ['vm', 'vm-group', 'containers'],
  spotRate: MACHINES,
  spotLivesS: MACHINES,
  spotNoticeS: MACHINES,
  spotReplacement: MACHINES,
  spotFirstHourFree: MACHINES,
  spotDiscount: MACHINES,
  memoryMb: ALL,
  prices: ALL,
  // Functions have no sizes; the refusal that names the sizes there are is made with the price books.
  instanceType: ALL,
  commitUsd: ['functions', 'vm', 'vm-group', 'ebb'],
  reserved: ['vm', 'vm-group', 'ebb'],
  commitDiscount: ['functions', 'vm', 'vm-group', 'ebb'],
  extras: ALL,
  requestBytes: ALL,
  responseBytes: ALL,
  logBytes: ALL,
  natBytes: ALL,
  freeTier: ALL,
  minInstances: ['paas', 'vm-group', 'containers'],
  maxInstances: ['functions', 'paas', 'vm-group', 'containers'],
  queueLimit: INSTANCES,
  queueTimeoutMs: ['ebb'],
  timeLimitMs: ['ebb'],
  bootS: ['paas', ...MACHINES],
  warmUpS: ['vm-group'],
  scaleMetric: ['vm-group'],
  scaleTarget: ['vm-group'],
  scaleSteps: ['vm-group'],
  cooldownS: ['vm-group'],
  metricPeriodS: ['vm-group'],
  metricDelayS: ['paas', 'vm-group'],
  scaleInProtection: ['vm-group'],
  alarmOut: ['vm-group'],
  alarmIn: ['vm-group'],
  alarmLowShare: ['vm-group'],
  paasScaling: ['paas'],
  p95TargetMs: ['paas'],
  requestsTarget: ['paas'],
  routing: ['paas'],
  containerScaling: ['containers'],
  concurrencyTarget: ['containers'],
  cpuTarget: ['containers'],
  seriesS: ALL,
  replications: ALL,
  seed: ALL,
};

export const SCENARIO_KEYS = Object.keys(OPTION_USERS) as readonly ScenarioKey[];
