/**
 * Forecasts the next idle time of one function from the last ones, by the best of three small ARIMA models without
 * moving average: (0,0,0) the mean, (1,0,0) a regression on the one before, (0,1,0) the last one again. It is for idle
 * times beyond the histogram's range; Shahrad et al., section 4.2, let a library choose the orders, here they are these.
 */
import type { IdleAdvice } from './idle-histogram.ts';

/** Ours: older idle times say nothing of the next. */
const REMEMBERED = 64;
/** Around the forecast, on either side: the paper's. */
const MARGIN_PERCENT = 15;
/** A regression that would run away is held inside. */
const SLOPE_MAX = 0.99;

interface Fit {
  readonly forecastUs: number;
  /** Parameters, the variance among them. */
  readonly parameters: number;
  readonly squares: number;
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** @param before, after pairs of idle times that follow each other. */
function regression(before: readonly number[], after: readonly number[], last: number): Fit {
  const meanBefore = meanOf(before);
  const meanAfter = meanOf(after);
  let together = 0;
  let alone = 0;
  for (const [at, value] of before.entries()) {
    together += (value - meanBefore) * ((after[at] as number) - meanAfter);
    alone += (value - meanBefore) ** 2;
  }
  const slope = alone === 0 ? 0 : Math.min(SLOPE_MAX, Math.max(-SLOPE_MAX, together / alone));
  const told = (value: number): number => meanAfter + slope * (value - meanBefore);
  const squares = after.reduce((sum, value, at) => sum + (value - told(before[at] as number)) ** 2, 0);
  return { forecastUs: told(last), parameters: 3, squares };
}

/** Akaike's criterion, corrected for few samples (Hurvich and Tsai 1989); residuals below a microsecond are none. */
function criterion({ parameters, squares }: Fit, samples: number): number {
  const variance = Math.max(1, squares / samples);
  const correction = (2 * parameters * (parameters + 1)) / (samples - parameters - 1);
  return samples * Math.log(variance) + 2 * parameters + correction;
}

export class IdleForecast {
  readonly #idleUs: number[] = [];

  add(idleUs: number): void {
    this.#idleUs.push(idleUs);
    if (this.#idleUs.length > REMEMBERED) this.#idleUs.shift();
  }

  /** The next idle time in µs; of models that are as good the one with the fewest parameters. Six idle times or more. */
  nextUs(): number {
    const idleUs = this.#idleUs;
    const before = idleUs.slice(0, -1);
    const after = idleUs.slice(1);
    const last = idleUs.at(-1) as number;
    const mean = meanOf(after);
    const squaresTo = (told: (at: number) => number): number =>
      after.reduce((sum, value, at) => sum + (value - told(at)) ** 2, 0);
    const fits: readonly Fit[] = [
      { forecastUs: last, parameters: 1, squares: squaresTo((at) => before[at] as number) },
      { forecastUs: mean, parameters: 2, squares: squaresTo(() => mean) },
      regression(before, after, last),
    ];
    const best = fits.reduce((a, b) => (criterion(b, after.length) < criterion(a, after.length) ? b : a));
    return Math.max(0, Math.round(best.forecastUs));
  }

  /** Load again shortly before the forecast, and keep until shortly after. */
  advice(): IdleAdvice {
    const nextUs = this.nextUs();
    const prewarmUs = Math.floor((nextUs * (100 - MARGIN_PERCENT)) / 100);
    return { prewarmUs, keepAliveUs: Math.ceil((nextUs * (100 + MARGIN_PERCENT)) / 100) - prewarmUs };
  }
}
