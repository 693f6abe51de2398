/**
 * Runs one component by either way of linking and tells what could be observed. Also makes components of core modules
 * in text form, in the world that guests have.
 */
import { readFile } from 'node:fs/promises';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { LimitCells } from '../host/component/limit-cells.ts';
import { type GuestInstance, type LinkedComponent, linkComponent } from '../host/component/link.ts';
import { MemoryPool } from '../host/component/memory-pool.ts';
import { compileModules } from '../host/component/module-cache.ts';
import { type LinkPlan, makePlan, type PlanChoice } from '../host/component/plan.ts';
import type { LoadedPlan } from '../host/component/plan-file.ts';
import type { Preopen } from '../host/preopens.ts';
import { type Answered, Execution } from '../host/wasi/execution.ts';
import type { OutboundAnswer, OutboundHead, RequestHead } from '../host/wasi/execution-port.ts';
import { GuestExit } from '../host/wasi/imports.ts';
import { FakeNews, FakePort, FakeSource } from './fake-port.ts';

export const LINKINGS = ['generated', 'direct'] as const;
export type Linking = (typeof LINKINGS)[number];

const MEMORY_BYTES_MAX = 64 * 1_048_576;
const RESPONSE_BYTES_MAX = 4 * 1_048_576;

/** What a caller could see of one execution, and what its guest printed. */
export interface Observed {
  readonly outcome: 'ok' | 'error' | 'unfinished' | 'no-response' | 'trap' | 'exit';
  readonly message?: string;
  readonly status?: number;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly error?: unknown;
  readonly log: string;
  readonly memoryBytes: number;
  readonly sent: readonly (OutboundHead & { readonly body: string })[];
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array;
  /** Folders that the guest may read. */
  readonly preopens?: readonly Preopen[];
  readonly upstream?: (request: OutboundHead) => OutboundAnswer;
  /** The outside, where the ask alone would not do. */
  readonly port?: FakePort;
}

/** A component that was linked in one way. */
export interface Runnable {
  readonly plan: LinkPlan;
  readonly linked: LinkedComponent;
  readonly pool: MemoryPool;
  /** In a thread that blocks while the guest waits. */
  run(ask?: Ask): Observed;
  /** Where the guest can be suspended while it waits. */
  runSuspendably(ask?: Ask): Promise<Observed>;
}

/** A component's plan, as if it had been read from disk. */
export async function loadedPlan(
  component: Uint8Array,
  linking: Linking,
  choice: PlanChoice = {},
): Promise<LoadedPlan> {
  const { plan, files } = await makePlan(component, MEMORY_BYTES_MAX, { ...choice, preferred: linking });
  const script = plan.linking === 'generated' ? files.find(({ name }) => name === plan.script) : undefined;
  const modules = files.filter(({ name }) => plan.modules.includes(name));
  return { plan, script: script ? Buffer.from(script.bytes).toString() : '', modules };
}

/** @param memoryBytesMax what the memories and tables of an instance may have. */
export async function link(
  component: Uint8Array,
  linking: Linking,
  memoryBytesMax = MEMORY_BYTES_MAX,
): Promise<Runnable> {
  const loaded = await loadedPlan(component, linking);
  const pool = new MemoryPool();
  const surroundings = { pool, cells: new LimitCells() };
  const linked = linkComponent(await compileModules(loaded, memoryBytesMax), surroundings);
  return {
    plan: loaded.plan,
    linked,
    pool,
    run: (ask = {}) => run(linked, ask),
    runSuspendably: (ask = {}) => runSuspendably(linked, ask),
  };
}

/** Links in both ways, and makes sure that these are two. */
export async function linkBoth(component: Uint8Array): Promise<Readonly<Record<Linking, Runnable>>> {
  const direct = await link(component, 'direct');
  if (direct.plan.linking !== 'direct') throw new Error(`not linked directly: ${direct.plan.reason}`);
  return { direct, generated: await link(component, 'generated') };
}

export function requestHead({
  method = 'GET',
  path = '/',
  authority = 'host.test',
  headers = [],
}: Ask): RequestHead {
  return {
    method,
    pathWithQuery: path,
    scheme: 'http',
    authority,
    headers: headers.flatMap(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
  };
}

const DENIED: OutboundAnswer = { tag: 'err', error: { tag: 'HTTP-request-denied' } };

export function portFor({ body = '', upstream = () => DENIED }: Ask, canSuspend = false): FakePort {
  return new FakePort({
    requestBody: FakeSource.whole(body),
    upstream,
    news: new FakeNews([], canSuspend),
  });
}

export function executionFor(ask: Ask, port: FakePort, onLog: (bytes: Uint8Array) => void): Execution {
  const onTooLarge = (): never => {
    throw new Error('the response is too large');
  };
  const { preopens = [] } = ask;
  const options = { port, head: requestHead(ask), bodyBytesMax: RESPONSE_BYTES_MAX, preopens };
  return new Execution({ ...options, onTooLarge, onLog });
}

type Ended = Omit<Observed, 'log' | 'sent' | 'memoryBytes'>;

/** One run in its parts, since they come one after the other in two ways. */
class Run {
  readonly #log: Uint8Array[] = [];
  readonly #port: FakePort;
  readonly execution: Execution;
  readonly #linked: LinkedComponent;
  #instance: GuestInstance | undefined;

  constructor(linked: LinkedComponent, ask: Ask, canSuspend: boolean) {
    this.#linked = linked;
    this.#port = ask.port ?? portFor(ask, canSuspend);
    this.execution = executionFor(ask, this.#port, (bytes) => this.#log.push(bytes.slice()));
  }

  handle(): void | Promise<void> {
    this.#instance = this.#linked.instantiate(this.execution);
    return this.#instance.handle(this.execution.request, this.execution.outparam);
  }

  failed(thrown: unknown): Ended {
    this.execution.abandon();
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { outcome: thrown instanceof GuestExit ? 'exit' : 'trap', message };
  }

  observed(ended: Ended): Observed {
    const memoryBytes = this.#instance?.memoryBytes() ?? 0;
    this.#instance?.release(ended.outcome === 'ok');
    const sent = this.#port.calls.map(({ head, body }) => ({ ...head, body: body.text }));
    return { ...ended, log: Buffer.concat(this.#log).toString(), memoryBytes, sent };
  }

  answered(answered: Answered): Ended {
    if (answered.tag === 'none') return { outcome: 'no-response' };
    if (answered.tag === 'err') return { outcome: 'error', error: answered.error };
    if (answered.failure) return { outcome: 'unfinished' };
    const { head, sink } = this.#port;
    const headers = (head?.headers ?? []).flatMap((name, index, all) =>
      index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : [],
    );
    return { outcome: 'ok', status: answered.status, headers, body: sink.text };
  }
}

function run(linked: LinkedComponent, ask: Ask): Observed {
  const one = new Run(linked, ask, false);
  try {
    if (one.handle()) throw new Error('it was to block, and did not');
    return one.observed(one.answered(one.execution.end() as Answered));
  } catch (thrown) {
    return one.observed(one.failed(thrown));
  }
}

async function runSuspendably(linked: LinkedComponent, ask: Ask): Promise<Observed> {
  const one = new Run(linked, ask, true);
  try {
    await one.handle();
    return one.observed(one.answered(await one.execution.end()));
  } catch (thrown) {
    return one.observed(one.failed(thrown));
  }
}

/** What both ways must agree on: all but the words of a fault. */
export function comparable({ message: _message, ...rest }: Observed): object {
  return rest;
}

const WIT_URL = new URL('../guests/wit/guest.wit', import.meta.url);

export interface ComponentOptions {
  readonly encoding?: 'utf8' | 'utf16' | 'compact-utf16';
  readonly adapters?: [string, Uint8Array][];
  readonly version?: string;
  /** Interfaces that the world imports beside its own, by name with version, and the packages that define them. */
  readonly more?: { readonly imports: readonly string[]; readonly packages: string };
}

/** Behind a feature gate in the text of WASI. */
const INFORM = 'send-informational: func(status: u16, headers: headers) -> result<_, error-code>;';

/** Makes a component of a core module in text form, whose imports bear their WASI names. */
export async function toComponent(wat: string, options: ComponentOptions = {}): Promise<Uint8Array> {
  return toComponentOf(await parse(wat), options);
}

/** The same of a core module in binary form. */
export async function toComponentOf(core: Uint8Array, options: ComponentOptions = {}): Promise<Uint8Array> {
  const { encoding = 'utf8', adapters = [], version = '0.2.12', more } = options;
  const imports = (more?.imports ?? []).map((name) => `import ${name};`).join(' ');
  // The world of guests has no exit, which other languages do import.
  const world = (await readFile(WIT_URL, 'utf8'))
    .replace('include wasi:http/proxy@0.2.12;', (line) => `${line} import wasi:cli/exit@0.2.12; ${imports}`)
    .replace('interface stdin {', (line) => `interface exit { exit: func(status: result); } ${line}`)
    .replace('resource response-outparam {', (line) => `${line} ${INFORM}`)
    .concat(more?.packages ?? '')
    .replaceAll('0.2.12', version);
  const embedded = await componentEmbed({
    binary: core,
    witSource: world,
    world: 'guest',
    stringEncoding: encoding,
  });
  return componentNew(embedded, adapters);
}
