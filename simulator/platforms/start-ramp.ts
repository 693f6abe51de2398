/**
 * How fast a function may grow: so many new instances every ten seconds, as a bucket of permits that is full at first
 * and fills again evenly. AWS Lambda's is 1,000 (docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html, 2025).
 */

const REFILL_US = 10_000_000;

export class StartRamp {
  readonly #most: number;
  readonly #permits: Float64Array;
  readonly #filledAtUs: Float64Array;

  /** @param most permits of each function; Infinity for no limit. */
  constructor(functions: number, most: number) {
    this.#most = most;
    this.#permits = new Float64Array(functions).fill(most);
    this.#filledAtUs = new Float64Array(functions);
  }

  /** Whether the function has a permit now. */
  has(index: number, nowUs: number): boolean {
    if (this.#most === Number.POSITIVE_INFINITY) return true;
    const passedUs = nowUs - (this.#filledAtUs[index] as number);
    const refilled = (this.#permits[index] as number) + (passedUs * this.#most) / REFILL_US;
    this.#permits[index] = Math.min(this.#most, refilled);
    this.#filledAtUs[index] = nowUs;
    return (this.#permits[index] as number) >= 1;
  }

  /** Uses one up; `has` comes first. */
  take(index: number): void {
    this.#permits[index] = (this.#permits[index] as number) - 1;
  }
}
