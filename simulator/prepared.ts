/** What a scenario and its defaults come to for one platform, and how settings are told. It simulates nothing. */
import { BYTES_PER_MB } from '../metering/units.ts';
import type { Platform } from './platforms/platform.ts';
import type { PlatformSettings } from './result.ts';
import type { Scenario } from './scenario.ts';

export interface Prepared {
  readonly platform: Platform;
  /** Places of one instance; null when requests share its processors, so that it is busy or it is not. */
  readonly requestsAtOnce: number | null;
  readonly settings: PlatformSettings;
}

export const inMb = (bytes: number | null): number | null => (bytes === null ? null : bytes / BYTES_PER_MB);
export const finite = (limit: number): number | null => (Number.isFinite(limit) ? limit : null);
export const limitOf = ({ queueLimit }: Scenario): number => queueLimit ?? Number.POSITIVE_INFINITY;

/** What is only told when it was asked for: a plain replay's settings stay few. */
export const asked = (settings: PlatformSettings): PlatformSettings =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
