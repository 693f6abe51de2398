/** Callers of runs that give no body and look at nothing but the result. */
import { type RunEvents, UNHEARD } from '../host/threads/run-events.ts';

/** To be changed where a test listens. */
export const runEvents = (): RunEvents => ({ ...UNHEARD });
