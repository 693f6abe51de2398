/** Worker thread that plans components, so that planning never holds up the thread that serves. */
import { parentPort } from 'node:worker_threads';
import { asCodedError } from '../../metering/errors.ts';
import { makePlan } from './plan.ts';
import type { PlanAnswer, PlanQuestion } from './planner.ts';

async function answer({ bytes, memoryBytesMax }: PlanQuestion): Promise<PlanAnswer> {
  try {
    return { ok: true, ...(await makePlan(bytes, memoryBytesMax)) };
  } catch (thrown) {
    const { code, message, details } = asCodedError(thrown);
    return details === undefined ? { ok: false, code, message } : { ok: false, code, message, details };
  }
}

parentPort?.on('message', async (question: PlanQuestion) => {
  const answered = await answer(question);
  // Moved, not copied: large modules must not hold up the thread that serves.
  const moved = answered.ok ? [...new Set(answered.files.map(({ bytes }) => bytes.buffer))] : [];
  parentPort?.postMessage(answered, moved as ArrayBuffer[]);
});
