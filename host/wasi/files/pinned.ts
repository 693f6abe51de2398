/**
 * Looks at places of which it is certain that they are where they are said to be. On Linux a place is opened first, and
 * the system asked what was opened, so that a folder on the way that has become a link meanwhile leads nowhere else.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { asked, refusal } from './file-errors.ts';
import { textOf } from './file-stat.ts';

/** Whether the system tells where something is that it has opened. */
export const TELLS_PLACES = process.platform === 'linux';

/** Opens no more than the place itself, whatever is there; Node has no name for it. */
const O_PATH = 0o10000000;

/** By which path the system has what is open under a number. */
export const pathOf = (fd: number): string => `/proc/self/fd/${fd}`;

/** What the system adds to the path of a file that was replaced or removed after it was opened. */
const GONE = ' (deleted)';

/** @throws ResultError `not-permitted` where something else than what is at `hostPath` was opened. */
export function checkPlace(fd: number, hostPath: string): void {
  if (!TELLS_PLACES) return;
  const path = asked(() => readlinkSync(pathOf(fd)));
  if (path !== hostPath && path !== hostPath + GONE) throw refusal('not-permitted');
}

/** Looks at a place by its path, while that is known to lead there. */
function pinned<T>(hostPath: string, look: (path: string, fd: number) => T): T {
  const fd = asked(() => openSync(hostPath, O_PATH | constants.O_NOFOLLOW));
  try {
    checkPlace(fd, hostPath);
    return asked(() => look(pathOf(fd), fd));
  } finally {
    closeSync(fd);
  }
}

/** Of what is at a place, which has no links on the way, itself: a link is not followed. */
export function statsAt(hostPath: string): BigIntStats {
  if (!TELLS_PLACES) return asked(() => lstatSync(hostPath, { bigint: true }));
  return pinned(hostPath, (_path, fd) => fstatSync(fd, { bigint: true }));
}

/** What the link at a place says. */
export function targetAt(hostPath: string): string {
  const target = TELLS_PLACES
    ? pinned(dirname(hostPath), (path) => readlinkSync(`${path}/${basename(hostPath)}`, 'buffer'))
    : asked(() => readlinkSync(hostPath, 'buffer'));
  return textOf(target);
}
