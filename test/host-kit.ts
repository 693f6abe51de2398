/** A host for tests: started on free ports with a data folder of its own, and asked over real sockets. */
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostConfig, hostConfig } from '../host/config.ts';
import type { HostSurroundings } from '../host/host.ts';
import { type RunningHost, startHost } from '../host/server.ts';

const opened: (() => Promise<unknown>)[] = [];

/** Takes down what the tests of a file have opened, newest first; for `afterEach` or `afterAll`. */
export async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

/** Lets `closeAll` end something as well. */
export function closeLater(close: () => Promise<unknown>): void {
  opened.push(close);
}

export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ebb-host-'));
  opened.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Name and value in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders | readonly string[];
  readonly body?: Uint8Array | string;
  readonly agent?: http.Agent;
  readonly signal?: AbortSignal;
}

/** One request; the path goes out as it is written, which `fetch` would not do. */
export function ask(origin: string, path: string, options: Ask = {}): Promise<Answer> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: hostname,
      port,
      path,
      method: options.method ?? 'GET',
      ...(options.headers ? { headers: options.headers } : {}),
      ...(options.agent ? { agent: options.agent } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        const { statusCode: status = 0, headers, rawHeaders } = response;
        resolve({ status, headers, rawHeaders, body, text: body.toString() });
      });
    });
    request.end(options.body);
  });
}

/** Sends bytes as they are, and gives all that comes until the host ends the connection. */
export function exchange(origin: string, sent: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    socket.on('error', reject);
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    socket.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
    socket.write(sent);
  });
}

export interface ErrorShape {
  readonly error: {
    readonly code: string;
    readonly fault: string;
    readonly message: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

export const errorOf = (answer: Answer): ErrorShape['error'] => (JSON.parse(answer.text) as ErrorShape).error;

export interface Listed {
  readonly id: number;
  readonly functionName: string;
  readonly outcome: string;
  readonly warmth: string;
  readonly httpStatus: number;
  readonly memoryBytesPeak: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly startupUs: number;
  readonly runUs: number;
  readonly cpuUs: number;
  readonly fuelUsed: number;
  readonly log: string;
}

export class TestHost {
  readonly running: RunningHost;
  readonly dataDir: string;
  /** What the host called a mistake of its own; tests expect none. */
  readonly internalErrors: unknown[];

  private constructor(running: RunningHost, dataDir: string, internalErrors: unknown[]) {
    this.running = running;
    this.dataDir = dataDir;
    this.internalErrors = internalErrors;
  }

  static async start(
    settings: { readonly [Key in keyof HostConfig]?: HostConfig[Key] } = {},
    surroundings: Partial<HostSurroundings> = {},
  ): Promise<TestHost> {
    const dataDir = settings.dataDir ?? (await scratchFolder());
    const internalErrors: unknown[] = [];
    const config = hostConfig({ port: 0, adminPort: 0, drainTimeoutMs: 60_000, ...settings, dataDir });
    const world = {
      nowMs: Date.now,
      onInternal: (error: unknown) => internalErrors.push(error),
      ...surroundings,
    };
    const running = await startHost(config, world);
    opened.push(() => running.stop());
    return new TestHost(running, dataDir, internalErrors);
  }

  get publicUrl(): string {
    return this.running.publicUrl;
  }

  stop(): Promise<boolean> {
    return this.running.stop();
  }

  /** A request to the public listener. */
  call(path: string, options: Ask = {}): Promise<Answer> {
    return ask(this.running.publicUrl, path, options);
  }

  /** A request to the admin listener. */
  admin(path: string, options: Ask = {}): Promise<Answer> {
    return ask(this.running.adminUrl, path, options);
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse((await this.admin(path)).text) as T;
  }

  put(name: string, component: Uint8Array | string, type = 'application/wasm'): Promise<Answer> {
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(component) };
    return this.admin(`/v1/functions/${name}`, { method: 'PUT', headers, body: component });
  }

  /** @param settings of its own, to change with it. */
  async deploy(name: string, component: Uint8Array, settings?: object): Promise<void> {
    const query = settings ? `?settings=${encodeURIComponent(JSON.stringify(settings))}` : '';
    const answer = await this.put(name + query, component);
    if (answer.status > 201) throw new Error(`${name} was not deployed: ${answer.text}`);
  }

  async executions(query = ''): Promise<Listed[]> {
    return (await this.get<{ executions: Listed[] }>(`/v1/executions?limit=1000${query}`)).executions;
  }
}

/** An upstream server for guests; gives its origin. */
export async function upstream(handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the server has no address');
  return `http://127.0.0.1:${address.port}`;
}

/** Something to wait for, and what makes it happen. */
export function signalled(): { readonly happened: Promise<void>; readonly happens: () => void } {
  let happens = () => {};
  const happened = new Promise<void>((resolve) => {
    happens = resolve;
  });
  return { happened, happens };
}
