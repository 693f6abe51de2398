/** Worker thread that plans components, so that planning never holds up the thread that serves. */
import { parentPort } from 'node:worker_threads';
import { asCodedError } from '../../metering/errors.ts';
import { rehearsalGuest } from '../rehearsal/guest.ts';
import { makePlan } from './plan.ts';
import type { PlanAnswer, PlanQuestion } from './planner.ts';

/** More than the guest of rehearsals declares. */
const REHEARSAL_BYTES_MAX = 1_048_576;

async function answer({ bytes, memoryBytesMax, ...choice }: PlanQuestion): Promise<PlanAnswer> {
  try {
    return { ok: true, ...(await makePlan(bytes, memoryBytesMax, choice)) };
  } catch (thrown) {
    const { code, message, details } = asCodedError(thrown);
    return details === undefined ? { ok: false, code, message } : { ok: false, code, message, details };
  }
}

// Before the first question is heard: it finds the code that plans compiled.
await answer({ bytes: rehearsalGuest(), memoryBytesMax: REHEARSAL_BYTES_MAX, countsFuel: false });

parentPort?.on('message', async (question: PlanQuestion) => {
  const answered = await answer(question);
  // Moved, not copied: large modules must not hold up the thread that serves.
  const moved = answered.ok ? [...new Set(answered.files.map(({ bytes }) => bytes.buffer))] : [];
  parentPort?.postMessage(answered, moved as ArrayBuffer[]);
});
