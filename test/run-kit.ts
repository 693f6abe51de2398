/** Callers of runs that give no body and look at nothing but the result. */
import type { RunEvents } from '../host/threads/run-events.ts';

const nothing = (): void => undefined;

export const runEvents = (): RunEvents => ({
  onStart: (control) => control.endBody([]),
  onSpace: nothing,
  onBodyUnwanted: nothing,
  onInform: nothing,
  onHead: nothing,
  onBody: nothing,
  onEnd: nothing,
  onAbort: nothing,
  onPause: nothing,
});
