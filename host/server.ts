/** Binds a host to its two sockets, and takes it down again without losing a response. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { CodedError } from '../metering/errors.ts';
import { adminApp } from './admin-app.ts';
import type { HostConfig } from './config.ts';
import { Host, type HostSurroundings } from './host.ts';
import { publicApp } from './public-app.ts';

/** A host that listens. */
export interface RunningHost {
  readonly host: Host;
  readonly publicUrl: string;
  readonly adminUrl: string;
  /**
   * Stops: no new connections, running requests end (for at most the drain timeout), then everything closes.
   * @returns whether all requests had ended by themselves.
   */
  stop(): Promise<boolean>;
}

function listen(server: Server, bind: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
      reject(new CodedError('port-unavailable', `expected to listen on ${bind}:${port}, but ${reason}`));
    });
    server.listen(port, bind, () => {
      const { address, family, port: bound } = server.address() as AddressInfo;
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`);
    });
  });
}

function serverFor(app: Hono): Server {
  return createAdaptorServer({ fetch: app.fetch }) as Server;
}

/** Resolves true once all connections have ended, false when they had to be cut after `timeoutMs`. */
function closed(server: Server, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.closeAllConnections();
      resolve(false);
    }, timeoutMs);
    server.close(() => {
      clearTimeout(timer);
      resolve(true);
    });
    server.closeIdleConnections();
  });
}

/**
 * Opens a host and listens on both addresses.
 * @throws CodedError `data-dir-unusable` or `port-unavailable`; nothing stays open then.
 */
export async function startHost(config: HostConfig, world: HostSurroundings): Promise<RunningHost> {
  const host = await Host.open(config, world);
  const publicServer = serverFor(publicApp(host) as unknown as Hono);
  const adminServer = serverFor(adminApp(host));
  try {
    const publicUrl = await listen(publicServer, config.bind, config.port);
    const adminUrl = await listen(adminServer, config.bind, config.adminPort);
    let stopped: Promise<boolean> | undefined;
    const stop = async (): Promise<boolean> => {
      host.beginDraining();
      const ended = await Promise.all([
        closed(publicServer, config.drainTimeoutMs),
        closed(adminServer, config.drainTimeoutMs),
      ]);
      await host.close();
      return ended.every(Boolean);
    };
    return { host, publicUrl, adminUrl, stop: () => (stopped ??= stop()) };
  } catch (thrown) {
    publicServer.close();
    adminServer.close();
    await host.close();
    throw thrown;
  }
}
