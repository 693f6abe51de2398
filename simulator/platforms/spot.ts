/**
 * Spot machines: how long each one lives until the provider takes it, what notice it gives, and what its clients do
 * about a request that was lost. It draws and counts; what a fleet does with a machine is the fleet's affair.
 */
import { RandomStream } from '../kernel/random.ts';
import { Retries, type RetrySettings } from './retries.ts';

/** `after`: a new machine starts when the old one is taken; `at-notice`: when its end is announced. */
export const SPOT_REPLACEMENTS = ['after', 'at-notice'] as const;
export type SpotReplacement = (typeof SPOT_REPLACEMENTS)[number];

export interface SpotSettings {
  /** Interruptions per machine-hour, 0 for none: lives are exponential. Of no meaning where lives are given. */
  readonly ratePerHour: number;
  /** Lives to draw from, each as likely, in µs from the start of a machine until it is taken; null for the rate. */
  readonly livesUs: readonly number[] | null;
  /** From the announcement until the machine is taken; in a shorter life the announcement comes at its start. */
  readonly noticeUs: number;
  readonly replacement: SpotReplacement;
  /** Whether a machine that is taken in its first hour is not billed at all. */
  readonly isFirstHourFree: boolean;
  /** Of lost and refused requests; one attempt: they fail. */
  readonly retry: RetrySettings;
  readonly seed: number;
}

const US_PER_HOUR = 3_600_000_000;

export class Spot {
  readonly replacesAtNotice: boolean;
  readonly retries: Retries;
  interruptions = 0;
  /** Attempts that ran when their machine was taken. */
  lost = 0;
  readonly #settings: SpotSettings;
  readonly #lives: RandomStream;

  constructor(settings: SpotSettings) {
    this.#settings = settings;
    this.#lives = new RandomStream(settings.seed, 'spot lives');
    this.replacesAtNotice = settings.replacement === 'at-notice';
    this.retries = new Retries(settings.retry, new RandomStream(settings.seed, 'spot backoff'));
  }

  /** When a machine that starts now is taken: at least 1 µs later, perhaps never (Infinity). */
  takenAtUs(startedAtUs: number): number {
    const { livesUs, ratePerHour } = this.#settings;
    if (livesUs !== null) {
      // One life alone is certain: nothing is drawn.
      const at = livesUs.length === 1 ? 0 : Math.floor(this.#lives.uniform() * livesUs.length);
      return startedAtUs + (livesUs[at] as number);
    }
    if (ratePerHour === 0) return Number.POSITIVE_INFINITY;
    return startedAtUs + Math.max(1, Math.round(this.#lives.exponential(US_PER_HOUR / ratePerHour)));
  }

  /** Whether nothing is billed for a machine that was taken after such a life. */
  isFree(lifeUs: number): boolean {
    return this.#settings.isFirstHourFree && lifeUs < US_PER_HOUR;
  }

  noticeAtUs(startedAtUs: number, takenAtUs: number): number {
    return Math.max(startedAtUs, takenAtUs - this.#settings.noticeUs);
  }
}

/** Of one replay; null for machines on demand. */
export const spotFor = (settings: SpotSettings | null): Spot | null =>
  settings === null ? null : new Spot(settings);

/** Reads `1800,5400`, seconds above 0, into µs; null when the text is something else. */
export function parseLives(text: string): readonly number[] | null {
  const livesUs: number[] = [];
  for (const part of text.split(',')) {
    if (!/^\d{1,9}(\.\d{1,6})?$/.test(part.trim())) return null;
    const lifeUs = Math.round(Number(part) * 1_000_000);
    if (lifeUs === 0) return null;
    livesUs.push(lifeUs);
  }
  return livesUs;
}
