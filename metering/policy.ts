/**
 * Decisions that the host makes live and the simulator replays: pure functions of what is known at that moment.
 */

/** What admission sees when a request arrives. Counts; a limit may be Infinity. */
export interface AdmissionState {
  readonly running: number;
  readonly concurrencyLimit: number;
  readonly queued: number;
  readonly queueLimit: number;
}

export type Admission = 'start' | 'queue' | 'reject';

/** First come, first served: nobody starts while others wait, and the queue is bounded. */
export function admit(state: AdmissionState): Admission {
  if (state.queued === 0 && state.running < state.concurrencyLimit) return 'start';
  return state.queued < state.queueLimit ? 'queue' : 'reject';
}

/** Whether a request that has waited this long has lost its chance to start. */
export function waitedTooLong(waitedUs: number, queueTimeoutUs: number): boolean {
  return waitedUs > queueTimeoutUs;
}

/**
 * Whether an idle instance is gone: it lives through the keep-alive time, the last microsecond included.
 * A keep-alive of 0 keeps nothing: every request gets a fresh instance.
 */
export function isExpired(idleSinceUs: number, nowUs: number, keepAliveUs: number): boolean {
  return keepAliveUs === 0 || idleSinceUs + keepAliveUs < nowUs;
}
