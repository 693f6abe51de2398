/**
 * A function's way out: its policy, the resolver that names go through, and connections that are kept for its next
 * requests. Functions with different policies share no connection: one that may go further opens none for others.
 */
import { lookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import type { OutboundPolicy } from './outbound-policy.ts';
import type { Destination } from './outbound-rules.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Gives all addresses of a host name; rejects with Node's codes. */
export type Resolver = (hostname: string) => Promise<readonly ResolvedAddress[]>;

export const systemResolver: Resolver = (hostname) => lookup(hostname, { all: true });

/** The code of the error when a name has addresses, but none that may be connected to. */
export const PROHIBITED = 'EBB_ADDRESS_PROHIBITED';

const coded = (code: string, message: string): NodeJS.ErrnoException =>
  Object.assign(new Error(message), { code });

/** Idle connections are let go after this long, as Node's own agents do. */
const IDLE_MS = 5_000;

export class OutboundAccess {
  readonly policy: OutboundPolicy;
  readonly #resolve: Resolver;
  readonly #agents = {
    http: new http.Agent({ keepAlive: true, timeout: IDLE_MS }),
    https: new https.Agent({ keepAlive: true, timeout: IDLE_MS }),
  };

  constructor(policy: OutboundPolicy, resolve: Resolver) {
    this.policy = policy;
    this.#resolve = resolve;
  }

  agentFor({ scheme }: Destination): http.Agent {
    return this.#agents[scheme];
  }

  /**
   * Resolves for one connection. The addresses that it gives are the ones that are connected to, so that a name which
   * changes its answer gains nothing.
   */
  lookupFor(destination: Destination): LookupFunction {
    return (hostname, { all: wantsAll }, done) => {
      this.#permitted(hostname, destination).then(
        (permitted) => {
          const [first] = permitted as [ResolvedAddress];
          if (wantsAll) done(null, [...permitted]);
          else done(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => done(error, []),
      );
    };
  }

  async #permitted(hostname: string, destination: Destination): Promise<readonly ResolvedAddress[]> {
    const found = await this.#resolve(hostname);
    if (found.length === 0) throw coded('ENOTFOUND', `${hostname} has no address`);
    const permitted = found.filter(({ address }) => this.policy.mayConnect(destination, address));
    if (permitted.length > 0) return permitted;
    throw coded(PROHIBITED, `no address of ${hostname} may be connected to`);
  }
}
