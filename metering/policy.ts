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

/**
 * Admission where functions share threads and a queue. Each has a state of its own within the one of all: a request
 * starts where both let it, and where it has to wait, it takes a place in both queues. What waits only because its
 * own function runs as often as it may holds up nobody else; those that could start count as running in `all`.
 */
export function admitShared(own: AdmissionState, all: AdmissionState): Admission {
  if (admit(own) === 'start' && all.running < all.concurrencyLimit) return 'start';
  return own.queued < own.queueLimit && all.queued < all.queueLimit ? 'queue' : 'reject';
}

/**
 * Whether a request may take the place of the newest one of whoever has most requests in a full queue. Only where
 * the longest queue stays the longer one: nobody who floods the host can keep others out, and nobody is pushed out
 * for the sake of a queue as long as his own.
 */
export function mayDisplace(ownQueued: number, longestQueued: number): boolean {
  return ownQueued + 1 < longestQueued;
}

/**
 * Whether a function takes part in the round: those that do are served in turn, one request each, however many of
 * theirs wait. One that begins to wait goes to the end of the round.
 */
export function takesTurns(state: Omit<AdmissionState, 'queueLimit'>): boolean {
  return state.queued > 0 && state.running < state.concurrencyLimit;
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
