/** Waiting in host functions, written once: whether it suspends the guest or blocks the thread is for news to say. */
import type { News } from './execution-port.ts';

/** What is waited for: whether it is there, and how long the clock alone takes to bring it. */
export interface Readiness {
  isReady(): boolean;
  /** Milliseconds until it is ready by the clock alone; Infinity when only news can make it ready. */
  remainingMs(): number;
}

export const ALWAYS_READY: Readiness = { isReady: () => true, remainingMs: () => 0 };

/** Readiness that no clock brings. */
export const byNews = (isReady: () => boolean): Readiness => ({
  isReady,
  remainingMs: () => Number.POSITIVE_INFINITY,
});

/** Calls `then` once it is ready: a promise exactly where the guest is to be suspended. */
export function whenReady<T>(news: News, readiness: Readiness, then: () => T): T | Promise<T> {
  if (readiness.isReady()) return then();
  if (news.canSuspend) return suspended(news, readiness, then);
  do news.wait(readiness.remainingMs());
  while (!readiness.isReady());
  return then();
}

async function suspended<T>(news: News, readiness: Readiness, then: () => T): Promise<T> {
  do await news.next(readiness.remainingMs());
  while (!readiness.isReady());
  return then();
}
