/** Decides where guests may send requests. Deny by default: only what the host's settings list is reached. */

/** Lists `host`, `host:port`, `*.domain` or `*`; without a port, every port of that host. */
export class OutboundPolicy {
  readonly #patterns: readonly string[];

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => pattern.toLowerCase());
  }

  allows(host: string, port: number): boolean {
    const name = host.toLowerCase();
    return this.#patterns.some((pattern) => {
      const [, hostPattern = pattern, portPattern] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? [];
      if (portPattern !== undefined && Number(portPattern) !== port) return false;
      if (hostPattern === '*' || hostPattern === name) return true;
      return hostPattern.startsWith('*.') && name.endsWith(hostPattern.slice(1));
    });
  }
}
