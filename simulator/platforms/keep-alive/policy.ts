/** The policies that decide how long an idle instance of a function stays, by name. */
import type { RandomStream } from '../../kernel/random.ts';
import { HybridRetention } from './hybrid.ts';
import { MemoryCap } from './memory-cap.ts';
import { SurvivalRetention } from './survival.ts';
import { SURVIVAL_CURVE_NAMES, SURVIVAL_CURVES, type SurvivalCurveName } from './survival-curves.ts';

/**
 * `fixed` for a time, 0 for none; `aws-2025` and the like for a time drawn from what was measured there; `hybrid` by the
 * histogram of idle times; `lru` and `greedy-dual` until the memory is needed.
 */
export const KEEP_ALIVES = [
  'fixed',
  'none',
  ...SURVIVAL_CURVE_NAMES,
  'hybrid',
  'lru',
  'greedy-dual',
] as const;
export type KeepAliveName = (typeof KEEP_ALIVES)[number];

export interface KeepAliveSettings {
  readonly policy: KeepAliveName;
  /** fixed: how long; hybrid: the same while no histogram is representative. */
  readonly fixedUs: number;
  /** lru, greedy-dual: memory of all instances together. */
  readonly capBytes: number;
}

export type KeepAlive = number | SurvivalRetention | HybridRetention | MemoryCap;

/** @param pools how many functions there are. @param random for lifetimes alone. */
export function keepAlive(settings: KeepAliveSettings, pools: number, random: RandomStream): KeepAlive {
  const { policy, fixedUs, capBytes } = settings;
  switch (policy) {
    case 'fixed':
      return fixedUs;
    case 'none':
      return 0;
    case 'hybrid':
      return new HybridRetention(pools, fixedUs);
    case 'lru':
    case 'greedy-dual':
      return new MemoryCap(pools, capBytes, policy);
    default:
      return new SurvivalRetention(SURVIVAL_CURVES[policy satisfies SurvivalCurveName], random);
  }
}
