/**
 * An alarm as CloudWatch has it: it is raised while at least M of the last N datapoints are beyond its threshold
 * (docs.aws.amazon.com/AmazonCloudWatch, "Using Amazon CloudWatch alarms", 2025). A period without a measurement gives
 * no datapoint.
 */

export interface AlarmRule {
  /** Datapoints beyond the threshold that raise it. */
  readonly needed: number;
  /** Of so many, the last ones. */
  readonly of: number;
}

export class Alarm {
  readonly #rule: AlarmRule;
  readonly #isBeyond: boolean[] = [];
  #beyond = 0;

  constructor(rule: AlarmRule) {
    this.#rule = rule;
  }

  add(isBeyond: boolean): void {
    this.#isBeyond.push(isBeyond);
    if (isBeyond) this.#beyond++;
    if (this.#isBeyond.length > this.#rule.of && this.#isBeyond.shift() === true) this.#beyond--;
  }

  get isRaised(): boolean {
    return this.#beyond >= this.#rule.needed;
  }

  /** Whether none of its datapoints is beyond the threshold. */
  get isClear(): boolean {
    return this.#beyond === 0;
  }

  /** Whether all that it can hold are. */
  get isFull(): boolean {
    return this.#beyond === this.#rule.of;
  }
}

const OF_MAX = 10_080;

/** Reads `3/3` or `2/5`, M of N; null when the text is something else. */
export function parseAlarm(text: string): AlarmRule | null {
  const match = /^(\d{1,5})\/(\d{1,5})$/.exec(text.trim());
  const needed = Number(match?.[1] ?? 0);
  const of = Number(match?.[2] ?? 0);
  return needed >= 1 && needed <= of && of <= OF_MAX ? { needed, of } : null;
}
