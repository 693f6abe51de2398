/**
 * The policies of a group of machines: target tracking and step scaling on processor utilisation or on requests per
 * machine, after the rules of EC2 Auto Scaling. Rules and sources are in README.md beside.
 */
import { Alarm, type AlarmRule } from './alarm.ts';
import type { Autoscaler, FleetPeriod, FleetState } from './autoscaler.ts';

export const GROUP_METRICS = ['utilisation', 'requests'] as const;
/** `utilisation` in % of the processors; `requests` per machine and metric period. */
export type GroupMetric = (typeof GROUP_METRICS)[number];

/** Change the number of machines by this when the metric is at or beyond the threshold. */
export interface ScalingStep {
  readonly threshold: number;
  /** Above 0: the metric is at least the threshold; below 0: at most. */
  readonly change: number;
}

export interface GroupScalingSettings {
  readonly metric: GroupMetric;
  /** Target tracking's; null for steps. */
  readonly target: number | null;
  readonly steps: readonly ScalingStep[];
  /** Machines that are taken away, or steps that are taken, wait this long after the last change. */
  readonly cooldownUs: number;
  readonly periodUs: number;
  readonly delayUs: number;
  /** Periods beyond the threshold before machines are added, and before they are taken away. */
  readonly alarmOut: AlarmRule;
  readonly alarmIn: AlarmRule;
  /** Target tracking's: machines are taken away below this share of the target, 0 to 1. */
  readonly lowShare: number;
}

const PERCENT = 100;

/** The metric of warmed-up machines; null when there is none to measure. */
function measured({ metric }: GroupScalingSettings, period: FleetPeriod, warmedUp: number): number | null {
  if (metric === 'requests') return warmedUp === 0 ? null : period.arrivals / warmedUp;
  return period.processorsUs === 0 ? null : (PERCENT * period.busyProcessorsUs) / period.processorsUs;
}

export class GroupScaling implements Autoscaler {
  readonly periodUs: number;
  readonly delayUs: number;
  readonly wantsSamples = false;
  readonly #settings: GroupScalingSettings;
  readonly #out: Alarm;
  readonly #in: Alarm;
  #changedAtUs = Number.NEGATIVE_INFINITY;

  constructor(settings: GroupScalingSettings) {
    this.#settings = settings;
    this.#out = new Alarm(settings.alarmOut);
    this.#in = new Alarm(settings.alarmIn);
    this.periodUs = settings.periodUs;
    this.delayUs = settings.delayUs;
  }

  decide(period: FleetPeriod, state: FleetState): number {
    const value = measured(this.#settings, period, state.warmedUp);
    if (value === null) return state.staying;
    const { target } = this.#settings;
    this.#see(value);
    const asked = target === null ? this.#byStep(value, state) : this.#byTarget(value, target, state);
    const wanted = Math.min(Math.max(asked, state.min), state.max);
    if (wanted !== state.staying) this.#changedAtUs = state.nowUs;
    return wanted;
  }

  /** More idle periods change nothing once both alarms have seen nothing else. */
  isAtRest(): boolean {
    return this.#out.isClear && (this.#in.isFull || !this.#isBeyondIn(0));
  }

  #see(value: number): void {
    this.#out.add(this.#isBeyondOut(value));
    this.#in.add(this.#isBeyondIn(value));
  }

  #isBeyondOut(value: number): boolean {
    const { target, steps } = this.#settings;
    if (target !== null) return value > target;
    return steps.some(({ threshold, change }) => change > 0 && value >= threshold);
  }

  #isBeyondIn(value: number): boolean {
    const { target, steps, lowShare } = this.#settings;
    if (target !== null) return value < target * lowShare;
    return steps.some(({ threshold, change }) => change < 0 && value <= threshold);
  }

  /** Out at once: machines that warm up already count as come. In when all are warm and the cooldown is over. */
  #byTarget(value: number, target: number, state: FleetState): number {
    const wanted = Math.ceil((state.warmedUp * value) / target);
    if (wanted >= state.staying) return this.#out.isRaised ? wanted : state.staying;
    return this.#mayScaleIn(state) ? wanted : state.staying;
  }

  #byStep(value: number, state: FleetState): number {
    let change = 0;
    for (const step of this.#settings.steps) {
      const isBeyond = step.change > 0 ? value >= step.threshold : value <= step.threshold;
      if (isBeyond && Math.abs(step.change) > Math.abs(change)) change = step.change;
    }
    // A step starts from what is warm: what an earlier one began is not begun twice.
    if (change > 0 && !this.#out.isRaised) return state.staying;
    if (change > 0) return Math.max(state.staying, state.warmedUp + change);
    return change < 0 && this.#mayScaleIn(state) ? state.staying + change : state.staying;
  }

  #mayScaleIn({ nowUs, staying, warmedUp }: FleetState): boolean {
    return this.#in.isRaised && warmedUp >= staying && nowUs - this.#changedAtUs >= this.#settings.cooldownUs;
  }
}

/** Reads `70:+1,90:+3,30:-1`; null when the text is something else. */
export function parseSteps(text: string): ScalingStep[] | null {
  const steps: ScalingStep[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,9}(?:\.\d{1,6})?):([+-]\d{1,6})$/.exec(part.trim());
    const change = Number(match?.[2] ?? 0);
    if (change === 0) return null;
    steps.push({ threshold: Number(match?.[1]), change });
  }
  return steps;
}
