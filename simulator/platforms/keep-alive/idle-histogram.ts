/**
 * The histogram of one function's idle times and what it advises: when to load an instance again and until when to
 * keep it. Numbers of Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 4.2.
 */

const BIN_US = 60_000_000;
/** Four hours of one minute each. */
const BINS = 240;
const HEAD = 0.05;
const TAIL = 0.99;
const MARGIN_PERCENT = 10;
/** Below this coefficient of variation of the bins' counts no bin stands out. */
const VARIATION_MIN = 2;
/** Ours, not the paper's: fewer idle times than this say nothing yet. */
const SAMPLES_MIN = 10;
/** Ours: where more idle times than this are beyond the range, the next one is forecast. */
const BEYOND_MAX = 0.5;

export interface IdleAdvice {
  /** From the end of an execution until an instance is loaded again; 0: it stays loaded. */
  readonly prewarmUs: number;
  /** From then on. */
  readonly keepAliveUs: number;
}

export class IdleHistogram {
  readonly #counts = new Uint32Array(BINS);
  #inRange = 0;
  #beyond = 0;
  #squares = 0;

  /** One idle time: from the end of all executions to the next arrival. */
  add(idleUs: number): void {
    const bin = Math.floor(idleUs / BIN_US);
    if (bin >= BINS) {
      this.#beyond++;
      return;
    }
    const before = this.#counts[bin] as number;
    this.#counts[bin] = before + 1;
    this.#inRange++;
    this.#squares += 2 * before + 1;
  }

  /** null when the histogram is not representative. */
  advice(): IdleAdvice | null {
    const all = this.#inRange + this.#beyond;
    if (all < SAMPLES_MIN || this.isMostlyBeyond || this.variation < VARIATION_MIN) return null;
    // The head is rounded down to a minute and the tail up; the margin widens both.
    const prewarmUs = Math.floor((this.#binAt(HEAD) * BIN_US * (100 - MARGIN_PERCENT)) / 100);
    const untilUs = Math.ceil(((this.#binAt(TAIL) + 1) * BIN_US * (100 + MARGIN_PERCENT)) / 100);
    return { prewarmUs, keepAliveUs: untilUs - prewarmUs };
  }

  /** Whether enough idle times are known and most of them are too long for the histogram. */
  get isMostlyBeyond(): boolean {
    const all = this.#inRange + this.#beyond;
    return all >= SAMPLES_MIN && this.#beyond > BEYOND_MAX * all;
  }

  /** Standard deviation of the bins' counts over their mean; 0 when they are all empty. */
  get variation(): number {
    if (this.#inRange === 0) return 0;
    const mean = this.#inRange / BINS;
    return Math.sqrt(Math.max(0, this.#squares / BINS - mean * mean)) / mean;
  }

  #binAt(share: number): number {
    let missing = Math.ceil(share * this.#inRange);
    for (let bin = 0; bin < BINS; bin++) {
      missing -= this.#counts[bin] as number;
      if (missing <= 0) return bin;
    }
    return BINS - 1;
  }
}
