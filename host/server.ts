/** Binds a host to its two listeners, and takes it down again without losing a response. */
import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { CodedError } from '../metering/errors.ts';
import { adminApp } from './admin-app.ts';
import type { HostConfig } from './config.ts';
import { errorAnswer } from './error-response.ts';
import { Host, type HostSurroundings } from './host.ts';
import { Listener, type ListenerPatience } from './listener.ts';
import { publicApp } from './public-app.ts';
import { Rehearsal } from './rehearsal/rehearsal.ts';

/** A function's own limits say how long its request's body may take: as long as it runs, and a moment more. */
export const PUBLIC_PATIENCE: ListenerPatience = { headMs: 60_000, wholeMs: 0, lookMs: 10_000 };
/** Bodies are taken whole there, and nothing else bounds the time that they take. */
const ADMIN_PATIENCE: ListenerPatience = { headMs: 60_000, wholeMs: 300_000, lookMs: 10_000 };

/** A host that listens. */
export interface RunningHost {
  readonly host: Host;
  readonly publicUrl: string;
  readonly adminUrl: string;
  /** Whether its rehearsal went well, once that is over; nothing else has to wait for it. */
  readonly rehearsed: Promise<boolean>;
  /** Resolves once what ran last is compiled, where that can be done. */
  readonly preloaded: Promise<void>;
  /**
   * Stops: new requests are refused, running ones end (for at most the drain timeout), then everything closes.
   * @returns whether all requests had ended by themselves.
   */
  stop(): Promise<boolean>;
}

/** The admin app as Node's server calls it; a request that cannot be put into a URL never reaches the app. */
function adminListenerFor(host: Host): RequestListener {
  const app = adminApp(host);
  const answer: Parameters<typeof getRequestListener>[0] = (request, env) => {
    // It has made GET of `get`, which is another method (RFC 9110, 9.1).
    Object.defineProperty(request, 'method', { value: env.incoming.method });
    return app.fetch(request, env as Parameters<typeof app.fetch>[1]);
  };
  const listener = getRequestListener(answer, {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
    errorHandler: (thrown) => {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      const error = new CodedError(
        'request-invalid',
        `expected a request with a valid URL and host: ${reason}`,
      );
      const { status, headers, body } = errorAnswer(error, host.onInternal);
      return Response.json(body, { status, headers });
    },
  });
  return (incoming, outgoing) => void listener(incoming, outgoing);
}

/** Whether `work` ends within `timeoutMs`. */
function endsWithin(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    work.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/**
 * Opens a host and listens on both addresses.
 * @throws CodedError `data-dir-unusable`, `port-unavailable` or `config-invalid`; nothing stays open then.
 */
export async function startHost(config: HostConfig, world: HostSurroundings): Promise<RunningHost> {
  const host = await Host.open(config, world);
  const publicListener = new Listener(publicApp(host), PUBLIC_PATIENCE);
  const adminListener = new Listener(adminListenerFor(host), ADMIN_PATIENCE);
  const close = async (): Promise<void> => {
    await Promise.all([publicListener.close(), adminListener.close()]);
    await host.close();
  };
  const stop = async (rehearsal: Rehearsal, preloaded: Promise<void>): Promise<boolean> => {
    rehearsal.stop();
    host.beginDraining();
    const ended = await endsWithin(
      config.drainTimeoutMs,
      Promise.all([publicListener.drained(), adminListener.drained()]).then(() => host.executor.idle()),
    );
    await close();
    await rehearsal.ended;
    await preloaded;
    return ended;
  };
  try {
    const publicUrl = await publicListener.listen(config.bind, config.port);
    const adminUrl = await adminListener.listen(config.bind, config.adminPort);
    const rehearsal = new Rehearsal({
      stage: host.stage,
      serveAdmin: (socket) => adminListener.serve(socket),
      patience: PUBLIC_PATIENCE,
    });
    const preloaded = rehearsal.ended.then(() => host.preload());
    let stopped: Promise<boolean> | undefined;
    return {
      host,
      publicUrl,
      adminUrl,
      rehearsed: rehearsal.ended,
      preloaded,
      stop: () => (stopped ??= stop(rehearsal, preloaded)),
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
