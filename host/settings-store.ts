/** The settings of each function: in memory for requests, in SQLite for restarts. Must not know what runs. */
import type { HostConfig } from './config.ts';
import type { HostDatabase } from './database.ts';
import { effectiveSettings, type FunctionSettings, type OwnSettings } from './function-settings.ts';
import { OutboundAccess, type Resolver } from './outbound-access.ts';
import { OutboundPolicy } from './outbound-policy.ts';
import type { Preopen } from './preopens.ts';
import { type RunLimits, runLimits } from './run-limits.ts';

interface Known {
  readonly own: OwnSettings;
  readonly effective: FunctionSettings;
  readonly limits: RunLimits;
}

interface Row {
  readonly name: string;
  readonly settings: string;
}

/** What settings lead to. */
export interface Surroundings {
  readonly resolve: Resolver;
  /** The host's folders, as they were found. */
  readonly preopens: readonly Preopen[];
}

export class SettingsStore {
  readonly #database: HostDatabase;
  readonly #host: HostConfig;
  readonly #known = new Map<string, Known>();
  readonly #surroundings: Surroundings;
  /** Of all functions without a list of their own. */
  readonly #shared: OutboundAccess;
  readonly #defaults: Known;

  constructor(database: HostDatabase, host: HostConfig, surroundings: Surroundings) {
    this.#database = database;
    this.#host = host;
    this.#surroundings = surroundings;
    this.#shared = new OutboundAccess(new OutboundPolicy(host.allowOutbound), surroundings.resolve);
    this.#defaults = this.#made({});
    const rows = database.prepare<[], Row>('SELECT name, settings FROM function_settings').all();
    for (const { name, settings } of rows) this.remember(name, JSON.parse(settings) as OwnSettings);
  }

  /** What the function has set for itself. */
  own(name: string): OwnSettings {
    return this.#of(name).own;
  }

  /** What holds for it. */
  effective(name: string): FunctionSettings {
    return this.#of(name).effective;
  }

  limits(name: string): RunLimits {
    return this.#of(name).limits;
  }

  /** Writes settings, none to go back to the defaults. Durable when the transaction around it is. */
  write(name: string, own: OwnSettings): void {
    if (Object.keys(own).length === 0) {
      this.#database.prepare('DELETE FROM function_settings WHERE name = ?').run(name);
      return;
    }
    this.#database
      .prepare('INSERT OR REPLACE INTO function_settings VALUES (?, ?)')
      .run(name, JSON.stringify(own));
  }

  /** Lets what was written hold for the next request. */
  remember(name: string, own: OwnSettings): void {
    if (Object.keys(own).length === 0) this.#known.delete(name);
    else this.#known.set(name, this.#made(own));
  }

  #of(name: string): Known {
    return this.#known.get(name) ?? this.#defaults;
  }

  #access({ allowOutbound }: OwnSettings): OutboundAccess {
    if (!allowOutbound) return this.#shared;
    const policy = new OutboundPolicy(this.#host.allowOutbound, allowOutbound);
    return new OutboundAccess(policy, this.#surroundings.resolve);
  }

  #made(own: OwnSettings): Known {
    const effective = effectiveSettings(own, this.#host);
    return { own, effective, limits: runLimits(effective, this.#access(own), this.#surroundings.preopens) };
  }
}
