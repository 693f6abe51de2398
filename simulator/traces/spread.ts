/** Spreads a count of requests over its interval by a stated rule. It knows no trace format. */
import { RandomStream } from '../kernel/random.ts';

/**
 * `uniform` puts each request anywhere in the interval, independently of the others, as a Poisson process of that
 * count would; `even` puts them at equal distances.
 */
export const SPREADS = ['uniform', 'even'] as const;
export type Spread = (typeof SPREADS)[number];

export class Spreader {
  /** For the trace's list of what was filled. */
  readonly said: string;
  readonly #rule: Spread;
  readonly #stream: RandomStream;

  constructor(rule: Spread, seed: number, intervalName: string) {
    this.#rule = rule;
    this.#stream = new RandomStream(seed, 'places in intervals');
    const how = rule === 'even' ? 'evenly spaced' : `uniform, seed ${seed}`;
    this.said = `arrivedAtUs within ${intervalName}: ${how}`;
  }

  /** The time of request `index` of `count`, in whole microseconds from `fromUs` to before `fromUs + lengthUs`. */
  place(index: number, count: number, fromUs: number, lengthUs: number): number {
    const share = this.#rule === 'even' ? (index + 0.5) / count : this.#stream.uniform();
    return fromUs + Math.floor(share * lengthUs);
  }
}
