/**
 * The process's file numbers, of which guests may not have all: without any, the host can take no connection, start no
 * thread and write no record.
 */
import { readFileSync } from 'node:fs';

let below: number | undefined;

/** As many as the process may have; Infinity where the system does not tell. */
function numbersMax(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY;
  const [, most] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
  return most === undefined ? Number.POSITIVE_INFINITY : Number(most);
}

/**
 * Whether what a guest has opened may stay open. The system gives the lowest number that is free, so that one below the
 * half of them says that the other half is there for the host, however many threads have guests that open files.
 */
export function isForGuests(fd: number): boolean {
  below ??= numbersMax() / 2;
  return fd < below;
}
