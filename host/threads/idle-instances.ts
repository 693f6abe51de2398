/**
 * Instances of one thread that have served a request and may serve another of the same function, each under the
 * number of its lease: one function, one version, one set of settings. Must not know threads, nor what an instance does.
 */
import { isExpired } from '../../metering/policy.ts';

/** What is kept of an instance. */
export interface IdleInstance {
  readonly lease: number;
  /** The component that it was made of, as its thread knows it. */
  readonly component: number;
  /** Requests that it has served. */
  readonly served: number;
  readonly idleMs: number;
  readonly memoryBytes: number;
  readonly instance: Releasable;
}

export interface Releasable {
  release(): void;
}

export interface IdleLimits {
  readonly countMax: number;
  /** Of all memories of all instances together. */
  readonly memoryBytesMax: number;
  /** Any clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
}

interface Kept<Instance extends IdleInstance> {
  readonly idle: Instance;
  readonly sinceUs: number;
}

const inUs = (ms: number): number => Math.round(ms * 1_000);

export class IdleInstances<Instance extends IdleInstance> {
  readonly #limits: IdleLimits;
  /** Longest idle first. */
  #kept: Kept<Instance>[] = [];
  #memoryBytes = 0;

  constructor(limits: IdleLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#kept.length;
  }

  /** The one of this lease that was used last, which nobody else gets; undefined where there is none. */
  take(lease: number): Instance | undefined {
    this.expire();
    const at = this.#kept.findLastIndex(({ idle }) => idle.lease === lease);
    return at < 0 ? undefined : this.#remove(at).idle;
  }

  /** Keeps one. Where it is too much, those go first that have been idle longest. */
  give(idle: Instance): void {
    const { countMax, memoryBytesMax, nowMs } = this.#limits;
    if (idle.memoryBytes > memoryBytesMax) {
      idle.instance.release();
      return;
    }
    this.#kept.push({ idle, sinceUs: inUs(nowMs()) });
    this.#memoryBytes += idle.memoryBytes;
    while (this.#kept.length > countMax || this.#memoryBytes > memoryBytesMax) this.#letGo(0);
    this.expire();
  }

  /** Lets go of those whose time is over. */
  expire(): void {
    const nowUs = inUs(this.#limits.nowMs());
    this.#letGoWhere(({ idle, sinceUs }) => isExpired(sinceUs, nowUs, inUs(idle.idleMs)));
  }

  /** By when the next one's time is over, by the clock; Infinity when there is none. */
  get nextExpiryMs(): number {
    return this.#kept.reduce(
      (first, { idle, sinceUs }) => Math.min(first, sinceUs / 1_000 + idle.idleMs),
      Number.POSITIVE_INFINITY,
    );
  }

  /** Lets go of all that were made of a component. */
  forgetComponent(component: number): void {
    this.#letGoWhere(({ idle }) => idle.component === component);
  }

  forgetLease(lease: number): void {
    this.#letGoWhere(({ idle }) => idle.lease === lease);
  }

  #letGoWhere(isGone: (kept: Kept<Instance>) => boolean): void {
    for (let at = this.#kept.length - 1; at >= 0; at--) {
      if (isGone(this.#kept[at] as Kept<Instance>)) this.#letGo(at);
    }
  }

  #letGo(at: number): void {
    this.#remove(at).idle.instance.release();
  }

  #remove(at: number): Kept<Instance> {
    const [kept] = this.#kept.splice(at, 1) as [Kept<Instance>];
    this.#memoryBytes -= kept.idle.memoryBytes;
    return kept;
  }
}
