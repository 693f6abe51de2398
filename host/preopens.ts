/** Folders of this machine that guests may read: how they are written in the settings, and where they are. */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { CodedError } from '../metering/errors.ts';

/** One folder. */
export interface Preopen {
  /** Where it is; absolute and without links once the host runs. */
  readonly hostPath: string;
  /** The name by which guests see it: absolute. */
  readonly guestPath: string;
}

/** How one is written, for help and faults. */
export const PREOPEN_FORM = 'FOLDER::/NAME, a folder of this machine and the absolute path that guests see';

const SEPARATOR = '::';

/** Whether a guest may see a folder by this name: absolute, in its shortest form. */
export function isGuestPath(path: string): boolean {
  if (path === '/') return true;
  const [first, ...segments] = path.split('/');
  const isPlain = (segment: string): boolean => !['', '.', '..'].includes(segment);
  return first === '' && segments.length > 0 && segments.every(isPlain) && !path.includes('\0');
}

/** @returns undefined for what is not written as `PREOPEN_FORM` says. */
export function parsePreopen(text: string): Preopen | undefined {
  const at = text.lastIndexOf(SEPARATOR);
  if (at <= 0) return undefined;
  const hostPath = text.slice(0, at);
  const guestPath = text.slice(at + SEPARATOR.length);
  return isGuestPath(guestPath) && !hostPath.includes('\0') ? { hostPath, guestPath } : undefined;
}

/** Faults of what should be the host's list of folders. */
export function preopenFaults(texts: unknown): string[] {
  if (!Array.isArray(texts)) return [`preopens: expected a list, got ${JSON.stringify(texts)}`];
  const seen = new Set<string>();
  return texts.flatMap((text: unknown) => {
    const preopen = typeof text === 'string' ? parsePreopen(text) : undefined;
    if (!preopen) return [`preopens: expected ${PREOPEN_FORM}, got ${JSON.stringify(text)}`];
    const { guestPath } = preopen;
    if (seen.has(guestPath)) return [`preopens: expected each name once, got ${guestPath} twice`];
    seen.add(guestPath);
    return [];
  });
}

/** Faults of what should be a function's choice among the host's folders, each by its name. */
export function choiceFaults(names: unknown, hostTexts: readonly string[]): string[] {
  if (!Array.isArray(names)) return [`preopens: expected a list, got ${JSON.stringify(names)}`];
  const offered = guestPathsOf(hostTexts);
  const what =
    offered.length === 0 ? 'nothing, since this host opens no folder' : `some of ${offered.join(', ')}`;
  return names.flatMap((name, index) => {
    if (!offered.includes(name)) return [`preopens: expected ${what}, got ${JSON.stringify(name)}`];
    return names.indexOf(name) === index ? [] : [`preopens: expected each name once, got ${name} twice`];
  });
}

/** By which names guests see the host's folders. */
export const guestPathsOf = (hostTexts: readonly string[]): readonly string[] =>
  hostTexts.flatMap((text) => parsePreopen(text)?.guestPath ?? []);

/** They travel with each request, in a frame that has other things in it as well. */
const BYTES_MAX = 32_768;

const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** Where a folder is, or will be when it is made. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Whatever else is wrong with it is told by who makes it.
    return dirname(path) === path ? path : join(placeOf(dirname(path)), basename(path));
  }
}

/** @param dataDir of the host, which has the code and the logs of every function in it. */
function folderAt(hostPath: string, dataDir: string): string {
  const path = realpathSync(hostPath);
  if (!statSync(path).isDirectory()) throw new Error('it is no folder');
  const data = placeOf(resolve(dataDir));
  if (isWithin(data, path) || isWithin(path, data)) {
    throw new Error(`guests would read the host’s own data there (${data})`);
  }
  return path;
}

/**
 * Looks the folders up.
 * @param dataDir the host's own folder, which none of them may share; it need not be there yet.
 * @throws CodedError `config-invalid`, naming every one that is not there or cannot be given to guests.
 */
export function openPreopens(hostTexts: readonly string[], dataDir: string): readonly Preopen[] {
  const faults: string[] = [];
  const preopens = hostTexts.flatMap((text) => {
    const { hostPath, guestPath } = parsePreopen(text) as Preopen;
    try {
      return [Object.freeze({ hostPath: folderAt(hostPath, dataDir), guestPath })];
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      faults.push(`preopens: expected a folder for ${guestPath}, got ${hostPath}: ${reason}`);
      return [];
    }
  });
  const bytes = Buffer.byteLength(JSON.stringify(preopens));
  if (bytes > BYTES_MAX)
    faults.push(`preopens: expected all paths to take at most ${BYTES_MAX} bytes, got ${bytes}`);
  if (faults.length > 0) throw new CodedError('config-invalid', faults.join('; '), { faults });
  return Object.freeze(preopens);
}
