/** The files and listings that one execution has open: what the system holds for it, until it ends at the latest. */
import { closeSync, constants, type Dir, fstatSync, opendirSync, openSync, readlinkSync } from 'node:fs';
import type { ExecutionPort } from '../execution-port.ts';
import { asked, refusal } from './file-errors.ts';

/** Files and listings that an execution may have open at once: each takes one of the process's file numbers. */
const OPEN_MAX = 128;
/** The most that one call reads. */
const READ_BYTES_MAX = 65_536;

/** Never waits for a writer, never becomes the process's terminal, follows no link; the last two are not everywhere. */
const READING =
  constants.O_RDONLY | constants.O_NONBLOCK | (constants.O_NOFOLLOW ?? 0) | (constants.O_NOCTTY ?? 0);

interface Closable {
  close(): void;
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
    closeSync(this.fd);
  }
}

/** The names in a folder, one after the other. */
export class OpenListing implements Closable {
  readonly dir: Dir;
  readonly #files: OpenFiles;

  constructor(dir: Dir, files: OpenFiles) {
    this.dir = dir;
    this.#files = files;
  }

  letGo(): void {
    this.#files.close(this);
  }

  close(): void {
    this.dir.closeSync();
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
    this.#checkRoom();
    const file = new OpenFile(
      asked(() => openSync(hostPath, READING)),
      this,
    );
    this.#open.add(file);
    if (isFileAt(file.fd, hostPath)) return file;
    this.close(file);
    throw refusal('not-permitted');
  }

  /** @param hostPath of a folder, without links. */
  openListing(hostPath: string): OpenListing {
    this.#checkRoom();
    // The types of Node know texts alone.
    const dir = asked(() => opendirSync(hostPath, { encoding: 'buffer' as BufferEncoding }));
    const listing = new OpenListing(dir, this);
    this.#open.add(listing);
    return listing;
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

  #checkRoom(): void {
    if (this.#open.size >= OPEN_MAX) throw refusal('quota');
  }
}

/** Whether a regular file was opened, and the very one: a folder on the way may have become a link meanwhile. */
function isFileAt(fd: number, hostPath: string): boolean {
  if (!fstatSync(fd).isFile()) return false;
  return process.platform !== 'linux' || readlinkSync(`/proc/self/fd/${fd}`) === hostPath;
}
