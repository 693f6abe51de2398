/**
 * Where a path of a guest leads: one step after the other from a folder that no step may leave, as
 * https://github.com/WebAssembly/wasi-filesystem/blob/main/path-resolution.md has it. Links are followed here and not
 * by the system, which would follow them anywhere.
 */
import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { asked, refusal } from './file-errors.ts';
import { textOf } from './file-stat.ts';

/** What a path leads to. */
export interface Place {
  /** Without links, but for the last step where it was not to be followed. */
  readonly hostPath: string;
  /** As they were on the way: others may have put something else there since (pinned.ts). */
  readonly stats: BigIntStats;
}

/** As Linux has them: bytes of a path, and links that are followed on the way. */
const PATH_BYTES_MAX = 4_096;
const LINKS_MAX = 40;
/** More than a path has without links. Each step is a question to the system, and a slow one where folders are deep. */
const STEPS_MAX = 4_096;

const linkAt = (hostPath: string): string => textOf(asked(() => readlinkSync(hostPath, 'buffer')));

const lstat = (hostPath: string): BigIntStats => asked(() => lstatSync(hostPath, { bigint: true }));

/** Steps to go, the next one last. */
function stepsOf(path: string): string[] {
  if (path === '') throw refusal('no-entry');
  if (path.includes('\0')) throw refusal('invalid');
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw refusal('name-too-long');
  if (path.startsWith('/')) throw refusal('not-permitted');
  // There these lead to drives and folders, which is not for a step to do.
  if (process.platform === 'win32' && /[\\:]/.test(path)) throw refusal('invalid');
  return path.split('/').reverse();
}

class Walk {
  readonly #folder: string;
  readonly #steps: string[];
  readonly #followsLast: boolean;
  readonly #taken: string[] = [];
  #stats: BigIntStats;
  #linksLeft = LINKS_MAX;
  #stepsLeft = STEPS_MAX;

  constructor(folder: string, path: string, followsLast: boolean) {
    this.#folder = folder;
    this.#steps = stepsOf(path);
    this.#followsLast = followsLast;
    this.#stats = lstat(folder);
  }

  end(): Place {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) this.#go(step);
    return { hostPath: this.#hostPath(), stats: this.#stats };
  }

  #hostPath(...further: string[]): string {
    return [this.#folder.replace(/\/$/, ''), ...this.#taken, ...further].join('/') || '/';
  }

  #go(step: string): void {
    if (!this.#stats.isDirectory()) throw refusal('not-directory');
    if (step === '' || step === '.') return;
    if (this.#stepsLeft-- === 0) throw refusal('loop');
    if (step === '..') {
      this.#goBack();
      return;
    }
    const hostPath = this.#hostPath(step);
    const stats = lstat(hostPath);
    if (stats.isSymbolicLink() && (this.#steps.length > 0 || this.#followsLast)) {
      this.#follow(hostPath);
      return;
    }
    this.#taken.push(step);
    this.#stats = stats;
  }

  #goBack(): void {
    if (this.#taken.pop() === undefined) throw refusal('not-permitted');
    this.#stats = lstat(this.#hostPath());
  }

  #follow(hostPath: string): void {
    if (this.#linksLeft-- === 0) throw refusal('loop');
    this.#steps.push(...stepsOf(linkAt(hostPath)));
  }
}

/**
 * @param folder absolute and without links; nothing outside of it is reached.
 * @param followsLast whether a link at the end is followed; those before it always are.
 * @throws ResultError of an `error-code`: `not-permitted` for what leads out of the folder, `no-entry` and others.
 */
export const placeOf = (folder: string, path: string, followsLast: boolean): Place =>
  new Walk(folder, path, followsLast).end();
