/**
 * Long work that lets others have their turn: it is a generator that says after each piece how far it is, and is run
 * either at once or with a turn of the event loop after each piece, so that it can be watched and stopped.
 */
import { setImmediate } from 'node:timers/promises';
import { CodedError } from '../../metering/errors.ts';

/** How far work is. */
export interface Stage {
  /** What is being done, for example `sorting`. */
  readonly doing: string;
  /** Which share of that is done, 0 to 1. */
  readonly share: number;
}

/** A piece takes some milliseconds. */
export type Work<T> = Generator<Stage, T, void>;

export interface ReadControl {
  readonly signal?: AbortSignal | undefined;
  /** Hears what is being done, for example `reading x.csv`, and which share of it is done, 0 to 1, piece after piece. */
  readonly onProgress?: ((doing: string, share: number) => void) | undefined;
}

/** All of it without a turn for anybody else. */
export function atOnce<T>(work: Work<T>): T {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

/** @throws CodedError `interrupted` when the signal aborts. */
export async function inTurns<T>(work: Work<T>, { signal, onProgress }: ReadControl): Promise<T> {
  let step = work.next();
  for (; step.done !== true; step = work.next()) {
    const { doing, share } = step.value;
    onProgress?.(doing, share);
    await setImmediate();
    if (signal?.aborted) throw interruptedWhile(doing);
  }
  return step.value;
}

export const interruptedWhile = (doing: string): CodedError =>
  new CodedError('interrupted', `${doing} was interrupted`);
