/**
 * The hybrid histogram policy ("Serverless in the Wild"): a function's instance is unloaded after its run, loaded again
 * shortly before the next one is likely, and kept until it no longer is. Idle times that are too long for the histogram
 * are forecast; without a representative histogram instances are kept for a fixed time.
 */
import { EventQueue } from '../../kernel/event-queue.ts';
import type { Retention } from '../instances.ts';
import { IdleForecast } from './idle-forecast.ts';
import { type IdleAdvice, IdleHistogram } from './idle-histogram.ts';

const NEVER = Number.POSITIVE_INFINITY;

export class HybridRetention implements Retention {
  readonly #fallbackUs: number;
  readonly #histograms: IdleHistogram[];
  readonly #forecasts: IdleForecast[];
  readonly #busy: Int32Array;
  readonly #idleSinceUs: Float64Array;
  /** Which load of each pool is still wanted; an arrival before it makes it stale. */
  readonly #prewarmAtUs: Float64Array;
  readonly #prewarmKeepUs: Float64Array;
  readonly #prewarms = new EventQueue();
  #isPrewarming = false;

  constructor(pools: number, fallbackUs: number) {
    this.#fallbackUs = fallbackUs;
    this.#histograms = Array.from({ length: pools }, () => new IdleHistogram());
    this.#forecasts = Array.from({ length: pools }, () => new IdleForecast());
    this.#busy = new Int32Array(pools);
    this.#idleSinceUs = new Float64Array(pools).fill(NEVER);
    this.#prewarmAtUs = new Float64Array(pools).fill(NEVER);
    this.#prewarmKeepUs = new Float64Array(pools);
  }

  /** A request of the pool starts to run. */
  started(pool: number, nowUs: number): void {
    if (this.#busy[pool] === 0 && (this.#idleSinceUs[pool] as number) <= nowUs) {
      const idleUs = nowUs - (this.#idleSinceUs[pool] as number);
      this.#histograms[pool]?.add(idleUs);
      this.#forecasts[pool]?.add(idleUs);
    }
    this.#busy[pool] = (this.#busy[pool] as number) + 1;
    this.#prewarmAtUs[pool] = NEVER;
  }

  keepAliveUs(_id: number, pool: number, nowUs: number): number {
    if (this.#isPrewarming) return this.#prewarmKeepUs[pool] as number;
    const busy = (this.#busy[pool] as number) - 1;
    this.#busy[pool] = busy;
    if (busy === 0) this.#idleSinceUs[pool] = nowUs;
    const advice = this.#advice(pool);
    if (advice === null) return this.#fallbackUs;
    if (advice.prewarmUs === 0) return advice.keepAliveUs;
    // Only the last run to end loads again: one instance for the next arrival.
    if (busy === 0) {
      this.#prewarmAtUs[pool] = nowUs + advice.prewarmUs;
      this.#prewarmKeepUs[pool] = advice.keepAliveUs;
      this.#prewarms.push(nowUs + advice.prewarmUs, pool);
    }
    return 0;
  }

  #advice(pool: number): IdleAdvice | null {
    const histogram = this.#histograms[pool] as IdleHistogram;
    return histogram.isMostlyBeyond ? (this.#forecasts[pool] as IdleForecast).advice() : histogram.advice();
  }

  /** When the next load may be due. */
  get nextPrewarmUs(): number {
    return this.#prewarms.nextKey;
  }

  /** Takes the next load that may be due and does it if it is still wanted. */
  prewarm(load: (pool: number, nowUs: number) => void): void {
    const nowUs = this.#prewarms.nextKey;
    const pool = this.#prewarms.pop();
    if (this.#prewarmAtUs[pool] !== nowUs) return;
    this.#prewarmAtUs[pool] = NEVER;
    this.#isPrewarming = true;
    load(pool, nowUs);
    this.#isPrewarming = false;
  }
}
