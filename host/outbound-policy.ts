/**
 * Decides where guests may send requests, by name before anything is resolved and by address before anything is
 * sent. Deny by default: a host's list and a function's list must both let a request through.
 */
import { isIP } from 'node:net';
import {
  canonicalHost,
  type Destination,
  letsThrough,
  namesLiterally,
  type OutboundRule,
  parseRule,
  portOf,
} from './outbound-rules.ts';
import { isSpecialAddress } from './special-addresses.ts';

const rulesOf = (patterns: readonly string[]): readonly OutboundRule[] =>
  patterns.map(parseRule).filter((rule) => rule !== undefined);

export class OutboundPolicy {
  readonly #lists: readonly (readonly OutboundRule[])[];

  /** @param lists patterns as `parseRule` reads them; every list has to let a request through. */
  constructor(...lists: readonly (readonly string[])[]) {
    this.#lists = lists.map(rulesOf);
  }

  /** Whether the name of the destination may be asked for at all. */
  allows(destination: Destination): boolean {
    return this.#lists.every((rules) => rules.some((rule) => letsThrough(rule, destination)));
  }

  /**
   * Whether a connection for this destination may go to this address. Addresses that are not of the public internet
   * have to be named, or the very host that resolves to them: a pattern is no leave to look around at home.
   */
  mayConnect(destination: Destination, address: string): boolean {
    if (isIP(address) === 0) return false;
    if (!isSpecialAddress(address)) return true;
    const itself = { ...destination, host: canonicalAddress(address) };
    return this.#lists.every((rules) =>
      rules.some((rule) => namesLiterally(rule, destination) || namesLiterally(rule, itself)),
    );
  }
}

const canonicalAddress = (address: string): string =>
  canonicalHost(isIP(address) === 6 ? `[${address}]` : address) ?? address;

/** Where a URL leads; undefined when nothing can be there. */
export function destinationOf(url: URL): Destination | undefined {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const host = canonicalHost(url.hostname);
  const port = url.port === '' ? portOf(scheme) : Number(url.port);
  return host === undefined || port === 0 ? undefined : { scheme, host, port };
}
