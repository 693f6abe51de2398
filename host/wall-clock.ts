/**
 * The time of day in fractions of a millisecond. The fine clock never jumps, so it falls behind the time of day whenever
 * the machine sleeps or its clock is set; then it is set anew by the coarse one.
 */

/** How far the two may be apart: the coarse one has whole milliseconds, and they are read one after the other. */
const APART_MS = 5;

export interface Clocks {
  /** The time of day in whole milliseconds since 1970, which may jump. */
  readonly dayMs: () => number;
  /** Milliseconds since `originMs`, which never go back. */
  readonly fineMs: () => number;
  readonly originMs: number;
}

/** @returns the time of day in milliseconds since 1970, at a time of the fine clock that is not long ago, or now. */
export function wallClock({ dayMs, fineMs, originMs }: Clocks): (atMs?: number) => number {
  let setMs = originMs;
  const apartMs = (): number => dayMs() - (setMs + fineMs());
  const isApart = (): boolean => Math.abs(apartMs()) > APART_MS;
  return (atMs) => {
    // Twice, since the system may give the processor to others between the two clocks.
    if (isApart() && isApart()) setMs += apartMs();
    return setMs + (atMs ?? fineMs());
  };
}

export const wallMs = wallClock({
  dayMs: () => Date.now(),
  fineMs: () => performance.now(),
  originMs: performance.timeOrigin,
});
