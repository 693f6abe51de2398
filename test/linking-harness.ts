/**
 * Runs one component by either way of linking and tells what could be observed. Also makes components of core modules
 * in text form, in the world that guests have.
 */
import { readFile } from 'node:fs/promises';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import type { LoadedPlan } from '../host/component/artifact-store.ts';
import { LimitCells } from '../host/component/limit-cells.ts';
import { type LinkedComponent, linkComponent } from '../host/component/link.ts';
import { MemoryPool } from '../host/component/memory-pool.ts';
import { compileModules } from '../host/component/module-cache.ts';
import { type LinkPlan, makePlan } from '../host/component/plan.ts';
import { Allowance } from '../host/wasi/http-bodies.ts';
import { IncomingRequest, type RequestData, ResponseOutparam } from '../host/wasi/http-incoming.ts';
import type { OutboundAnswer, OutboundRequest } from '../host/wasi/http-outgoing.ts';
import { type ExecutionContext, GuestExit } from '../host/wasi/imports.ts';

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
  readonly sent: readonly OutboundRequest[];
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array;
  readonly upstream?: (request: OutboundRequest) => OutboundAnswer;
}

/** A component that was linked in one way. */
export interface Runnable {
  readonly plan: LinkPlan;
  readonly linked: LinkedComponent;
  readonly pool: MemoryPool;
  run(ask?: Ask): Observed;
}

/** A component's plan, as if it had been read from disk. */
export async function loadedPlan(component: Uint8Array, linking: Linking): Promise<LoadedPlan> {
  const { plan, files } = await makePlan(component, MEMORY_BYTES_MAX, linking);
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
  return { plan: loaded.plan, linked, pool, run: (ask = {}) => run(linked, ask) };
}

/** Links in both ways, and makes sure that these are two. */
export async function linkBoth(component: Uint8Array): Promise<Readonly<Record<Linking, Runnable>>> {
  const direct = await link(component, 'direct');
  if (direct.plan.linking !== 'direct') throw new Error(`not linked directly: ${direct.plan.reason}`);
  return { direct, generated: await link(component, 'generated') };
}

const bytesOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value;

export function requestData({ method = 'GET', path = '/', headers = [], body = '' }: Ask): RequestData {
  return {
    method,
    pathWithQuery: path,
    scheme: 'http',
    authority: 'host.test',
    headers: headers.flatMap(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
    body: bytesOf(body),
  };
}

export function contextFor(
  ask: Ask,
  sent: OutboundRequest[],
  onLog: (bytes: Uint8Array) => void,
): ExecutionContext {
  const onTooLarge = (): never => {
    throw new Error('the response is too large');
  };
  return {
    responseRules: {
      allowance: new Allowance(RESPONSE_BYTES_MAX, onTooLarge),
      isHead: ask.method === 'HEAD',
    },
    requestAllowance: new Allowance(RESPONSE_BYTES_MAX, onTooLarge),
    outbound: {
      send: (request) => {
        sent.push(request);
        const answer = ask.upstream?.(request) ?? { tag: 'err', error: { tag: 'HTTP-request-denied' } };
        return { answer: () => answer };
      },
      wait: () => undefined,
    },
    onLog,
  };
}

function run(linked: LinkedComponent, ask: Ask): Observed {
  const log: Uint8Array[] = [];
  const sent: OutboundRequest[] = [];
  const outparam = new ResponseOutparam();
  let memoryBytes = 0;
  let ended: Omit<Observed, 'log' | 'sent' | 'memoryBytes'>;
  try {
    const instance = linked.instantiate(contextFor(ask, sent, (bytes) => log.push(bytes)));
    try {
      instance.handle(new IncomingRequest(requestData(ask)), outparam);
      ended = observed(outparam);
    } finally {
      memoryBytes = instance.memoryBytes();
      instance.release();
    }
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    ended = { outcome: thrown instanceof GuestExit ? 'exit' : 'trap', message };
  }
  return { ...ended, log: Buffer.concat(log).toString(), memoryBytes, sent };
}

function observed({ value }: ResponseOutparam): Omit<Observed, 'log' | 'sent' | 'memoryBytes'> {
  if (!value) return { outcome: 'no-response' };
  if (value.tag === 'err') return { outcome: 'error', error: value.val };
  const response = value.val.collect();
  if (!response) return { outcome: 'unfinished' };
  const headers = response.headers.flatMap((name, index) =>
    index % 2 === 0 ? [`${name}: ${response.headers[index + 1]}`] : [],
  );
  return {
    outcome: 'ok',
    status: response.status,
    headers,
    body: Buffer.from(response.body).toString('latin1'),
  };
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
}

/** Makes a component of a core module in text form, whose imports bear their WASI names. */
export async function toComponent(wat: string, options: ComponentOptions = {}): Promise<Uint8Array> {
  return toComponentOf(await parse(wat), options);
}

/** The same of a core module in binary form. */
export async function toComponentOf(core: Uint8Array, options: ComponentOptions = {}): Promise<Uint8Array> {
  const { encoding = 'utf8', adapters = [], version = '0.2.12' } = options;
  // The world of guests has no exit, which other languages do import.
  const world = (await readFile(WIT_URL, 'utf8'))
    .replace('include wasi:http/proxy@0.2.12;', (line) => `${line} import wasi:cli/exit@0.2.12;`)
    .replace('interface stdin {', (line) => `interface exit { exit: func(status: result); } ${line}`)
    .replaceAll('0.2.12', version);
  const embedded = await componentEmbed({
    binary: core,
    witSource: world,
    world: 'guest',
    stringEncoding: encoding,
  });
  return componentNew(embedded, adapters);
}
