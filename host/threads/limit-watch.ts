/**
 * Holds executions to their limits of time: looks at all that run every few milliseconds, raises the flag that makes
 * a guest trap, and gives up a thread whose guest does not come to a check.
 */
import { type StopReason, stopNumber } from '../component/limit-cells.ts';
import type { Execution } from './execution.ts';
import { SLOT_STATE } from './shared-slot.ts';
import type { GuestThread } from './thread.ts';

/** How often running executions are looked at: a limit is passed by no more than this before it is noticed. */
export const WATCH_MS = 5;

/** How long a guest has to come to a check, or its host call to an end, before its thread is ended. */
const STOP_GRACE_MS = 500;

/** Ends a thread and what is on it; `execution` for having passed a limit, all others through no fault of theirs. */
type GiveUp = (thread: GuestThread, execution: Execution, cpuUs: number | undefined) => void;

export class LimitWatch {
  readonly #giveUp: GiveUp;

  constructor(giveUp: GiveUp) {
    this.#giveUp = giveUp;
  }

  look(thread: GuestThread, nowMs: number): void {
    for (const execution of [...thread.executions]) this.#lookAt(thread, execution, nowMs);
  }

  #lookAt(thread: GuestThread, execution: Execution, nowMs: number): void {
    const { startedMs } = execution;
    if (startedMs === 0) return;
    if (nowMs >= execution.giveUpAtMs) {
      // Its thread gets to it once another's guest lets it: that one is held to limits of its own, and not to blame.
      if (isBehindOther(thread, execution)) execution.giveUpAtMs = nowMs + STOP_GRACE_MS;
      else void this.#end(thread, execution);
      return;
    }
    if (execution.stopped) return;
    const { timeLimitMs, cpuLimitMs } = execution.order.limits;
    if (nowMs - startedMs >= timeLimitMs) this.#stop(thread, execution, 'time', nowMs);
    // Nobody uses more processor time than passes.
    else if (cpuLimitMs < timeLimitMs && nowMs >= Math.max(execution.checkCpuAtMs, startedMs + cpuLimitMs))
      void this.#checkCpu(thread, execution);
  }

  async #checkCpu(thread: GuestThread, execution: Execution): Promise<void> {
    if (execution.isCheckingCpu) return;
    execution.isCheckingCpu = true;
    const usedUs = await thread.cpuUsOf(execution).catch(() => 0);
    execution.isCheckingCpu = false;
    if (!thread.executions.has(execution) || execution.stopped) return;
    const leftMs = execution.order.limits.cpuLimitMs - usedUs / 1_000;
    const nowMs = performance.now();
    if (leftMs <= 0) this.#stop(thread, execution, 'cpu', nowMs);
    else execution.checkCpuAtMs = nowMs + leftMs;
  }

  #stop(thread: GuestThread, execution: Execution, reason: StopReason, nowMs: number): void {
    execution.stopped = reason;
    thread.stop(execution, reason, stopNumber(reason));
    execution.giveUpAtMs = nowMs + (execution.hasChecks ? STOP_GRACE_MS : 0);
  }

  async #end(thread: GuestThread, execution: Execution): Promise<void> {
    execution.giveUpAtMs = Number.POSITIVE_INFINITY;
    const cpuUs = await thread.cpuUsOf(execution).catch(() => undefined);
    if (thread.executions.has(execution)) this.#giveUp(thread, execution, cpuUs);
  }
}

/** Whether it waits on a thread that another execution keeps busy. */
function isBehindOther({ load }: GuestThread, { slot }: Execution): boolean {
  return slot.state === SLOT_STATE.parked && load.running + load.blocked > 0;
}

/** What a caller is told of a guest that was stopped. */
export function limitMessage(passed: StopReason, { order }: Execution): string {
  const { timeLimitMs, cpuLimitMs } = order.limits;
  if (passed === 'time') return `the guest ran longer than its time limit of ${timeLimitMs} ms`;
  return `the guest used more processor time than its limit of ${cpuLimitMs} ms`;
}
