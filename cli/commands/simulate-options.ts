/** The options of `ebb simulate`, in the groups in which its help lists them; each with unit, default and range. */
import { type Command, Option } from 'commander';
import { CONTAINER_SCALINGS } from '../../simulator/platforms/containers.ts';
import { ROUTINGS } from '../../simulator/platforms/fleet.ts';
import { GROUP_METRICS } from '../../simulator/platforms/group-scaling.ts';
import { PICKS } from '../../simulator/platforms/idle-pools.ts';
import { KEEP_ALIVES } from '../../simulator/platforms/keep-alive/policy.ts';
import { PAAS_SCALINGS } from '../../simulator/platforms/paas-scaling.ts';
import { PLATFORM_NAMES } from '../../simulator/platforms/platform.ts';
import { SPOT_REPLACEMENTS } from '../../simulator/platforms/spot.ts';
import { SHARINGS } from '../../simulator/platforms/vm.ts';
import { decimalNumber, list, wholeNumber } from '../option-values.ts';
import { PRICES_ARGUMENT } from '../price-books.ts';
import { traceOptions } from '../trace-options.ts';

const SECONDS_MAX = 1e9;
const MS_MAX = 3_600_000;
const COUNT_MAX = 2 ** 31 - 1;

const count = wholeNumber(1, COUNT_MAX);
const instances = wholeNumber(1, 100_000);
const seconds = decimalNumber(SECONDS_MAX);
const milliseconds = decimalNumber(MS_MAX);
const amount = decimalNumber(COUNT_MAX);

function coldStart(text: string): number | 'trace' {
  return text === 'trace' ? 'trace' : milliseconds(text);
}

type Row = readonly [
  flags: string,
  description: string,
  values?: readonly string[] | ((text: string) => unknown),
];

const ALL: readonly Row[] = [
  [
    '--memory-mb <mb>',
    "configured memory of a function (MB, 1 to 16777216; default: the trace's, else 512)",
    wholeNumber(1, 2 ** 24),
  ],
  ['--prices <ids>', `price books, a list: ${PRICES_ARGUMENT}`],
  ['--instance-type <name>', 'all but functions: size of an instance, by its name in the price book'],
  ['--free-tier', 'subtract what the provider gives for free each month'],
  [
    '--series-s <s>',
    'add a time series in intervals of this length (s, 0.001 to 10^9; default: none; with --json)',
    seconds,
  ],
  [
    '--replications <n>',
    'repeat with independent seeds, for means with 95 % intervals (1 to 10000; default: 1)',
    wholeNumber(1, 10_000),
  ],
];

const bytes = wholeNumber(0, COUNT_MAX);

const COSTS: readonly Row[] = [
  [
    '--extra <ids>',
    `books of gateways, load balancers, traffic or logs beside every platform, a list: ${PRICES_ARGUMENT} (default: none)`,
  ],
  ['--request-bytes <n>', 'for extras: body of a request (bytes; default: as the trace says)', bytes],
  ['--response-bytes <n>', 'for extras: body of a response (bytes; default: as the trace says)', bytes],
  ['--log-bytes <n>', 'for extras: what a request writes to the log (bytes)', bytes],
  ['--nat-bytes <n>', 'for extras: what a request moves through a NAT gateway (bytes)', bytes],
  [
    '--commit-usd <usd>',
    'functions, vm, vm-group, ebb: a savings plan (USD an hour, used or not; default: none)',
    decimalNumber(1e6),
  ],
  [
    '--reserved <n>',
    'vm, vm-group, ebb: reserved instances of the size (default: none)',
    wholeNumber(0, 100_000),
  ],
  [
    '--commit-discount <%>',
    'what the plan or the reservation takes off the prices on demand (%, 0 to 99.999)',
    decimalNumber(99.999),
  ],
];

const FLEETS: readonly Row[] = [
  [
    '--instances <n>',
    'vm, ebb: machines (default: 1); paas: a fixed number of dynos (default: autoscaled)',
    instances,
  ],
  [
    '--cores <n>',
    'vm, paas: requests that an instance serves at once; vm-group, containers, ebb: its vCPUs (1 to 10000; default: vm 1, else the vCPUs of its size)',
    wholeNumber(1, 10_000),
  ],
  [
    '--concurrency <n>',
    'requests that an instance takes at once, sharing its vCPUs (1 to 10000; default: containers 100, with cloud-run 80, vm-group its vCPUs, vm with --sharing ps no limit)',
    wholeNumber(1, 10_000),
  ],
  ['--sharing <rule>', 'vm: a core for each request, or all share them (default: fifo)', SHARINGS],
  [
    '--min-instances <n>',
    'fewest instances (0 to 100000; default: paas and vm-group 1, containers 0)',
    wholeNumber(0, 100_000),
  ],
  [
    '--max-instances <n>',
    'functions: most instances at once (default: 1000); paas, vm-group: most instances (default: 10); containers: default 100',
    count,
  ],
  [
    '--queue-limit <n>',
    'all but functions: most requests that wait; more are rejected (0 to 2147483647; default: no limit, ebb 1000 a machine)',
    wholeNumber(0, COUNT_MAX),
  ],
  ['--boot-s <s>', 'until a new instance takes requests (s; default: paas 30, machines 60)', seconds],
];

const SPOT: readonly Row[] = [
  [
    '--spot-rate <n>',
    'vm, vm-group: spot machines, with so many interruptions a machine-hour (0 to 3600; default: on demand)',
    decimalNumber(3_600),
  ],
  ['--spot-lives-s <list>', 'instead: lives to draw from (s), such as 1800,5400; one alone is certain'],
  [
    '--spot-notice-s <s>',
    'from the notice until a machine is taken (s; default: 120, as AWS; GCP, Azure 30)',
    seconds,
  ],
  ['--spot-replacement <when>', 'when a new machine starts (default: after)', SPOT_REPLACEMENTS],
  [
    '--spot-first-hour-free',
    'bill nothing for a machine that is taken in its first hour, as AWS does (default: off)',
  ],
  ['--spot-discount <%>', 'off the price book (%, 0 to 99.999; default: none)', decimalNumber(99.999)],
];

const FUNCTIONS: readonly Row[] = [
  [
    '--keep-alive <policy>',
    'which idle instances are kept: for a fixed time, as measured at a provider, by a policy (default: fixed)',
    KEEP_ALIVES,
  ],
  [
    '--keep-alive-s <s>',
    'fixed, hybrid: how long an idle instance lives (s, 0: a fresh one for each request; default: 600)',
    seconds,
  ],
  ['--memory-cap-mb <mb>', 'lru, greedy-dual: memory of all instances together (MB)', count],
  [
    '--cold-start-ms <ms>',
    "start-up of an instance (ms), or `trace` for the trace's own (default: the trace's own if it has them, else 250; containers 1000, ebb 0.05)",
    coldStart,
  ],
  ['--pick <rule>', 'which idle instance takes a request (default: newest)', PICKS],
  ['--max-per-function <n>', 'most instances of one function (default: no limit of its own)', count],
  [
    '--start-ramp <n>',
    'new instances of one function every 10 s; AWS Lambda has 1000 (default: no limit)',
    count,
  ],
  [
    '--attempts <n>',
    'how often a refused client tries in all, also one whose spot machine was taken (1 to 100; default: 1)',
    wholeNumber(1, 100),
  ],
  [
    '--backoff-ms <ms>',
    'first range of its random pause, doubled each time (ms; default: 100)',
    milliseconds,
  ],
  [
    '--provisioned <schedule>',
    'provisioned instances of each function: a number, or seconds:number pairs such as 0:10,3600:2 (default: none)',
  ],
];

const CONTAINERS: readonly Row[] = [
  ['--container-scaling <rule>', "Knative's autoscaler, or Cloud Run's (default: kpa)", CONTAINER_SCALINGS],
  [
    '--concurrency-target <%>',
    'share of the concurrency that the autoscaler aims at (%, 1 to 100; default: kpa 70, cloud-run 60)',
    decimalNumber(100),
  ],
  [
    '--cpu-target <%>',
    'cloud-run: share of the vCPUs that it aims at (%, 1 to 100; default: 60)',
    decimalNumber(100),
  ],
];

const PAAS: readonly Row[] = [
  ['--paas-scaling <rule>', 'what the autoscaler looks at (default: load)', PAAS_SCALINGS],
  ['--p95-target-ms <ms>', 'the p95 wanted (ms; default: latency 500, queue-time 100)', milliseconds],
  ['--requests-target <n>', 'requests in flight wanted on a dyno (default: what it serves at once)', amount],
  [
    '--routing <rule>',
    'one queue before all dynos, or one at each, picked at random (default: least-loaded)',
    ROUTINGS,
  ],
  ['--metric-delay-s <s>', 'also vm-group: until metrics are seen (s; default: 0)', seconds],
];

const GROUP: readonly Row[] = [
  [
    '--scale-metric <name>',
    'utilisation (%) or requests a machine and period (default: utilisation)',
    GROUP_METRICS,
  ],
  ['--scale-target <value>', 'what target tracking holds the metric at (default: 70)', amount],
  ['--scale-steps <steps>', 'steps instead of a target, metric:change, such as 70:+1,90:+3,30:-1'],
  ['--cooldown-s <s>', 'between a change and a scale-in (s; default: 300)', seconds],
  ['--warm-up-s <s>', "until a new machine's load counts (s; default: 300)", seconds],
  ['--metric-period-s <s>', 'length of a metric period (s, 1 to 10^9; default: 60)', seconds],
  [
    '--alarm-out <M/N>',
    'of N metric periods M must be beyond the threshold to add machines; AWS target tracking has 3/3 (default: 1/1)',
  ],
  ['--alarm-in <M/N>', 'the same to take machines away; AWS target tracking has 15/15 (default: 1/1)'],
  [
    '--alarm-low-share <%>',
    'target tracking takes away below this share of the target; AWS has 70 for processors (%, 1 to 100; default: 100)',
    decimalNumber(100),
  ],
  ['--scale-in-protection', 'scale-in spares machines that are serving (default: off)'],
];

const EBB: readonly Row[] = [
  ['--queue-timeout-ms <ms>', 'longest wait for a worker (ms; default: 10000)', milliseconds],
  ['--time-limit-ms <ms>', 'longest start-up and run (ms, 1 to 3600000; default: 10000)', milliseconds],
];

function add(command: Command, heading: string, rows: readonly Row[]): void {
  for (const [flags, description, values] of rows) {
    const option = new Option(flags, description).helpGroup(heading);
    if (typeof values === 'function') option.argParser(values);
    else if (values !== undefined) option.choices([...values]);
    else if (/^--(prices|extra) /.test(flags)) option.argParser(list);
    command.addOption(option);
  }
}

/** Values are passed on as they were given; what is left out gets its default from the simulator. */
export function addSimulateOptions(command: Command): Command {
  traceOptions(command.optionsGroup('Trace:'));
  const platforms = `platforms to simulate, a list: ${PLATFORM_NAMES.join(', ')} (default: functions,vm,paas)`;
  const all = 'All platforms:';
  command.addOption(new Option('--platform <names>', platforms).argParser(list).helpGroup(all));
  add(command, all, ALL);
  const seed = new Option('--seed <n>', 'seed of all random draws')
    .argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .default(1)
    .helpGroup(all);
  command.addOption(seed);
  add(command, 'Costs beside and ahead:', COSTS);
  add(command, 'Machines and instances:', FLEETS);
  add(command, 'Spot machines:', SPOT);
  add(command, 'Functions:', FUNCTIONS);
  add(command, 'Containers:', CONTAINERS);
  add(command, 'PaaS:', PAAS);
  add(command, 'VM group:', GROUP);
  add(command, 'Ebb:', EBB);
  return command;
}
