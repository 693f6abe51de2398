/**
 * The rules that say where guests may send requests: how they are written, what each lets through, and which rule is
 * within which. Knows names and ports only; what a name resolves to is for outbound-policy.ts.
 */
import { isIP } from 'node:net';
import { isSpecialAddress } from './special-addresses.ts';

/** One rule. What is undefined holds for all. */
export interface OutboundRule {
  readonly scheme: 'http' | 'https' | undefined;
  /** As a URL has it: lower case, in ASCII, addresses in their one form (IPv6 without brackets). */
  readonly host: string;
  /** `any` host, the host itself, or all hosts `below` it. */
  readonly reach: 'any' | 'itself' | 'below';
  readonly port: number | undefined;
}

/** Where a request goes, in the same form as a rule. */
export interface Destination {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

export const RULE_FORMS = 'host, host:port, *.domain, scheme://host[:port] or *';

const PARTS = /^(?:(https?):\/\/)?(\*\.)?(\*|\[[^\]]+\]|[^:/?#@\\[\]%\s]+)(?::(\d{1,5}))?$/i;
/** With its port and scheme left out, an IPv6 address is known by its colons. */
const BARE_IPV6 = /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i;

/** A host's one form, whatever way it was written (`0x7f.1`, `2130706433`, `EXAMPLE.com.`); undefined for none. */
export function canonicalHost(written: string): string | undefined {
  const hostname = URL.parse(`http://${written}/`)?.hostname;
  if (!hostname) return undefined;
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '') || undefined;
}

export const portOf = (scheme: 'http' | 'https'): number => (scheme === 'https' ? 443 : 80);

/** A rule from its text, or undefined where the text is none. */
export function parseRule(text: string): OutboundRule | undefined {
  const bracketed = isIP(text) === 6 && BARE_IPV6.test(text) ? `[${text}]` : text;
  const [, schemeText, below, hostText, portText] = PARTS.exec(bracketed) ?? [];
  if (hostText === undefined) return undefined;
  const scheme = schemeText?.toLowerCase() as OutboundRule['scheme'];
  const given = portText === undefined ? undefined : Number(portText);
  if (given !== undefined && (given < 1 || given > 65_535)) return undefined;
  // A scheme with a host is an origin, and an origin has a port.
  const port = given ?? (scheme && portOf(scheme));
  if (hostText === '*') return below ? undefined : { scheme, host: '*', reach: 'any', port };
  const host = hostText.includes('*') ? undefined : canonicalHost(hostText);
  if (host === undefined || (below && isIP(host) !== 0)) return undefined;
  return { scheme, host, reach: below ? 'below' : 'itself', port };
}

const isPortOf = (rule: OutboundRule, { scheme, port }: Pick<Destination, 'scheme' | 'port'>): boolean =>
  (rule.scheme ?? scheme) === scheme && (rule.port ?? port) === port;

const isBelow = (host: string, domain: string): boolean => isIP(host) === 0 && host.endsWith(`.${domain}`);

/** Whether a rule lets a destination through by its name. */
export function letsThrough(rule: OutboundRule, destination: Destination): boolean {
  if (!isPortOf(rule, destination)) return false;
  if (rule.reach === 'any') return true;
  return rule.reach === 'below' ? isBelow(destination.host, rule.host) : rule.host === destination.host;
}

/** Whether a rule names this very host or address, which no pattern does. */
export const namesLiterally = (rule: OutboundRule, destination: Destination): boolean =>
  rule.reach === 'itself' && letsThrough(rule, destination);

/** Whether `outer` lets everything through that `inner` does. */
export function isWithin(inner: OutboundRule, outer: OutboundRule): boolean {
  if (outer.scheme !== undefined && outer.scheme !== inner.scheme) return false;
  if (outer.port !== undefined && outer.port !== inner.port) return false;
  if (outer.reach === 'itself') return inner.reach === 'itself' && inner.host === outer.host;
  if (inner.reach === 'itself' && isSpecialAddress(inner.host)) return false;
  if (outer.reach === 'any') return true;
  if (inner.reach === 'any') return false;
  return isBelow(inner.host, outer.host) || (inner.reach === 'below' && inner.host === outer.host);
}
