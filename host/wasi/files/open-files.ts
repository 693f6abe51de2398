/** The files and listings that one execution has open: what the system holds for it, until it ends at the latest. */
import { closeSync, constants, type Dir, fstatSync, opendirSync, openSync, readFileSync } from 'node:fs';
import type { ExecutionPort } from '../execution-port.ts';
import { asked, refusal } from './file-errors.ts';
import { checkPlace, pathOf, TELLS_PLACES } from './pinned.ts';

/** Files and listings that an execution may have open at once: they take one or two of the process's file numbers. */
const OPEN_MAX = 128;
/** The most that one call reads. */
export const READ_BYTES_MAX = 65_536;

/** Never waits for a writer, never becomes the process's terminal, follows no link; the last two are not everywhere. */
const READING =
  constants.O_RDONLY | constants.O_NONBLOCK | (constants.O_NOFOLLOW ?? 0) | (constants.O_NOCTTY ?? 0);

const FOLDER = READING | (constants.O_DIRECTORY ?? 0);

/** The process's file numbers that guests may have; read when the first of this thread is opened. */
let guestsBelow: number | undefined;

/** Half of all: without any the host can take no connection, start no thread and write no record. */
function numbersForGuests(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY;
  const [, most] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
  return most === undefined ? Number.POSITIVE_INFINITY : Number(most) / 2;
}

interface Closable {
  close(): void;
}

/** Whatever goes wrong then, the number is given back, and nothing was written that could be lost. */
function closed(close: () => void): void {
  try {
    close();
  } catch {}
}

/** A file, for as long as somebody uses it: whoever opened it, and the streams that read it. */
export class OpenFile implements Closable {
  readonly fd: number;
  readonly #files: OpenFiles;
  #users = 1;

  constructor(fd: number, files: OpenFiles) {
    this.fd = fd;
    this.#files = files;
  }

  use(): void {
    this.#users++;
  }

  letGo(): void {
    if (--this.#users === 0) this.#files.close(this);
  }

  close(): void {
    closed(() => closeSync(this.fd));
  }
}

/** The names in a folder, one after the other. */
export class OpenListing implements Closable {
  readonly dir: Dir;
  /** Of the folder, by which the listing knows it. */
  readonly #fd: number | undefined;
  readonly #files: OpenFiles;

  constructor(dir: Dir, fd: number | undefined, files: OpenFiles) {
    this.dir = dir;
    this.#fd = fd;
    this.#files = files;
  }

  letGo(): void {
    this.#files.close(this);
  }

  close(): void {
    closed(() => this.dir.closeSync());
    const fd = this.#fd;
    if (fd !== undefined) closed(() => closeSync(fd));
  }
}

export class OpenFiles {
  readonly #port: Pick<ExecutionPort, 'beforeBlocking'>;
  readonly #open = new Set<Closable>();
  #room: Buffer | undefined;

  constructor(port: Pick<ExecutionPort, 'beforeBlocking'>) {
    this.#port = port;
  }

  /** To be called before anything is asked of the system. */
  beforeAsking(): void {
    this.#port.beforeBlocking();
  }

  /** Where reads put their bytes, which stay there until the next read. */
  roomFor(lengthBytes: bigint): Buffer {
    this.#room ??= Buffer.allocUnsafeSlow(READ_BYTES_MAX);
    return lengthBytes < READ_BYTES_MAX ? this.#room.subarray(0, Number(lengthBytes)) : this.#room;
  }

  /** @param hostPath of a regular file, without links. */
  openFile(hostPath: string): OpenFile {
    const fd = this.#openAt(hostPath, READING, (fd) => {
      if (!fstatSync(fd).isFile()) throw refusal('not-permitted');
    });
    return this.#kept(new OpenFile(fd, this));
  }

  /** @param hostPath of a folder, without links. */
  openListing(hostPath: string): OpenListing {
    let dir: Dir | undefined;
    const list = (path: string): void => {
      // The types of Node know texts alone.
      dir = opendirSync(path, { encoding: 'buffer' as BufferEncoding });
    };
    let fd: number | undefined;
    if (TELLS_PLACES) fd = this.#openAt(hostPath, FOLDER, (fd) => list(pathOf(fd)));
    else asked(() => list(hostPath));
    return this.#kept(new OpenListing(dir as Dir, fd, this));
  }

  /** Closes one, once. */
  close(one: Closable): void {
    if (this.#open.delete(one)) one.close();
  }

  /** To be called when the execution is over. */
  closeAll(): void {
    for (const one of this.#open) one.close();
    this.#open.clear();
  }

  /** @param then goes on with it; where that fails, it is closed. @returns its number. */
  #openAt(hostPath: string, flags: number, then: (fd: number) => void): number {
    this.#checkRoom();
    const fd = asked(() => openSync(hostPath, flags));
    try {
      guestsBelow ??= asked(numbersForGuests);
      // The system gives the lowest one that is free, whichever thread asks.
      if (fd >= guestsBelow) throw refusal('quota');
      checkPlace(fd, hostPath);
      asked(() => then(fd));
      return fd;
    } catch (thrown) {
      closed(() => closeSync(fd));
      throw thrown;
    }
  }

  #kept<T extends Closable>(one: T): T {
    this.#open.add(one);
    return one;
  }

  #checkRoom(): void {
    if (this.#open.size >= OPEN_MAX) throw refusal('quota');
  }
}
