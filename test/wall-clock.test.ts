/** The time of day that guests and records are given. */
import { expect, test } from 'vitest';
import { wallClock, wallMs } from '../host/wall-clock.ts';

/** A clock over two that a test sets. */
function clocks() {
  const set = { dayMs: 1_000_000, fineMs: 0 };
  const wall = wallClock({ dayMs: () => set.dayMs, fineMs: () => set.fineMs, originMs: 1_000_000 });
  return { set, wall };
}

test('goes on in fractions of a millisecond while both clocks go at one pace', () => {
  const { set, wall } = clocks();
  set.fineMs = 3.25;
  set.dayMs += 3;
  expect(wall()).toBe(1_000_003.25);
  expect(wall(1.5)).toBe(1_000_001.5);
});

test.each([
  ['forwards, as after a sleep of the machine', 3_600_000],
  ['backwards', -60_000],
])('follows the time of day when that was set %s', (_how, jumpMs) => {
  const { set, wall } = clocks();
  set.fineMs = 10.5;
  set.dayMs += 10 + jumpMs;
  expect(wall()).toBe(set.dayMs);
  set.fineMs += 1.25;
  set.dayMs += 1;
  expect(wall()).toBe(1_000_011.25 + jumpMs);
});

test('is the time of day of the machine', () => {
  const before = Date.now();
  const now = wallMs();
  expect(now).toBeGreaterThanOrEqual(before - 5);
  expect(now).toBeLessThanOrEqual(Date.now() + 5);
});
