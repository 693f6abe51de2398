/** Keeps each idle instance for a time drawn from a measured survival curve, anew whenever it becomes idle. */
import { US_PER_S } from '../../../metering/units.ts';
import type { RandomStream } from '../../kernel/random.ts';
import type { Retention } from '../instances.ts';
import type { SurvivalCurve } from './survival-curves.ts';

const PERCENT = 100;

/** The idle time by which this share of instances, 0 to below 1, is gone. */
export function idleUsAt(curve: SurvivalCurve, share: number): number {
  const percent = share * PERCENT;
  let [fromS, fromPercent] = curve[0] as readonly [number, number];
  for (const [toS, toPercent] of curve) {
    if (toPercent > percent) {
      const part = toPercent === fromPercent ? 0 : (percent - fromPercent) / (toPercent - fromPercent);
      return Math.round((fromS + (toS - fromS) * part) * US_PER_S);
    }
    [fromS, fromPercent] = [toS, toPercent];
  }
  return Math.round(fromS * US_PER_S);
}

export class SurvivalRetention implements Retention {
  readonly #curve: SurvivalCurve;
  readonly #random: RandomStream;

  constructor(curve: SurvivalCurve, random: RandomStream) {
    this.#curve = curve;
    this.#random = random;
  }

  keepAliveUs(): number {
    return idleUsAt(this.#curve, this.#random.uniform());
  }
}
