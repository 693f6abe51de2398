/** Lets requests into the pool's queues or refuses them, as metering/policy.ts decides. Must not know threads. */
import { CodedError } from '../../metering/errors.ts';
import { type AdmissionState, admitShared, mayDisplace } from '../../metering/policy.ts';
import type { RunLimits } from '../run-limits.ts';
import type { WaitingRequests } from './waiting-requests.ts';

/** What admission has to know of the threads. */
export interface PoolState {
  /** Threads whose guests compute now. */
  readonly computing: number;
  /** How many more requests of the level may run. */
  readonly vacant: number;
  /** Requests of all functions that may wait. */
  readonly queueLimit: number;
}

/** Who asks. */
export interface Applicant {
  readonly functionName: string;
  readonly level: number;
  readonly limits: RunLimits;
}

const queueFull = ({ queueLimit, queued }: AdmissionState, whose: string): CodedError =>
  new CodedError('queue-full', `expected fewer than ${queueLimit} waiting requests ${whose}, got ${queued}`);

/** Those that a thread could take now, or as soon as it has started, are not yet in anybody's way. */
function admissionStates(
  { functionName, level, limits }: Applicant,
  waiting: WaitingRequests<unknown>,
  { computing, vacant, queueLimit }: PoolState,
): { readonly own: AdmissionState; readonly all: AdmissionState } {
  const starting = waiting.startableFrom(level, vacant);
  const all = {
    running: computing + starting,
    concurrencyLimit: computing + vacant,
    queued: waiting.countFrom(level) - starting,
    queueLimit,
  };
  const { queued, running } = waiting.stateOf(level, functionName);
  const ownStarting = Math.max(0, Math.min(queued, limits.concurrency - running, vacant));
  const own = {
    running: running + ownStarting,
    concurrencyLimit: limits.concurrency,
    queued: queued - ownStarting,
    queueLimit: limits.queueLimit,
  };
  return { own, all };
}

/**
 * Lets a request in, if need be in the place of another.
 * @throws CodedError `queue-full`
 */
export function letIn(applicant: Applicant, waiting: WaitingRequests<unknown>, pool: PoolState): void {
  const { own, all } = admissionStates(applicant, waiting, pool);
  if (admitShared(own, all) !== 'reject') return;
  if (own.queued >= own.queueLimit) throw queueFull(own, 'of this function');
  const longest = waiting.longestOf(applicant.level);
  if (!longest || !mayDisplace(own.queued, longest.queued)) throw queueFull(all, 'of all functions');
  waiting.refuse(longest.newest(), queueFull(all, 'of all functions'));
}
