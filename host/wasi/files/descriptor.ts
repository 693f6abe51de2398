/**
 * `wasi:filesystem/types.descriptor`: a folder that was opened for a guest, and what it opens below. All of it can be
 * read, and none of it changed.
 */
import { type BigIntStats, fstatSync, readSync } from 'node:fs';
import { InputStream } from '../io.ts';
import { ResultError } from '../result-error.ts';
import { DirectoryEntryStream } from './directory-entry-stream.ts';
import { asked, refusal } from './file-errors.ts';
import { FileSource } from './file-source.ts';
import {
  type DescriptorStat,
  type DescriptorType,
  descriptorStat,
  isSame,
  type MetadataHash,
  metadataHash,
} from './file-stat.ts';
import { type Place, placeOf } from './guest-path.ts';
import type { OpenFile, OpenFiles } from './open-files.ts';
import { statsAt, targetAt } from './pinned.ts';

interface PathFlags {
  readonly symlinkFollow: boolean;
}

interface OpenFlags {
  readonly create: boolean;
  readonly directory: boolean;
  readonly truncate: boolean;
}

interface DescriptorFlags {
  readonly read: boolean;
  readonly write: boolean;
  readonly fileIntegritySync: boolean;
  readonly dataIntegritySync: boolean;
  readonly requestedWriteSync: boolean;
  readonly mutateDirectory: boolean;
}

const NO_FLAGS: DescriptorFlags = {
  ...{ read: false, write: false, fileIntegritySync: false },
  ...{ dataIntegritySync: false, requestedWriteSync: false, mutateDirectory: false },
};
/** What a guest may do with a folder that was opened for it. */
const READING: DescriptorFlags = { ...NO_FLAGS, read: true };

/** The furthest that the system can read from, less what it reads at once. */
const OFFSET_MAX = 2n ** 63n - 65_537n;

/** Those of whose execution it is the turn. */
interface FilesNow {
  readonly files: OpenFiles;
}

/** What a descriptor stands for: a folder by its path, a file by its number. */
export type Opened = { readonly folder: string } | { readonly file: OpenFile };

export class Descriptor {
  readonly #now: FilesNow;
  readonly #opened: Opened;
  readonly #flags: DescriptorFlags;

  constructor(now: FilesNow, opened: Opened, flags: DescriptorFlags = READING) {
    this.#now = now;
    this.#opened = opened;
    this.#flags = flags;
  }

  getFlags(): DescriptorFlags {
    return this.#flags;
  }

  getType(): DescriptorType {
    return 'folder' in this.#opened ? 'directory' : 'regular-file';
  }

  /** @param pathFlags of a link at the end of the path. */
  openAt(
    { symlinkFollow }: PathFlags,
    path: string,
    { create, directory, truncate }: OpenFlags,
    flags: DescriptorFlags,
  ): Descriptor {
    if (create || truncate || flags.write || flags.mutateDirectory) throw refusal('read-only');
    const { hostPath, stats } = this.#placeOf(path, symlinkFollow);
    if (stats.isSymbolicLink()) throw refusal('loop');
    if (stats.isDirectory()) return new Descriptor(this.#now, { folder: hostPath }, flags);
    if (directory) throw refusal('not-directory');
    if (!stats.isFile()) throw refusal('not-permitted');
    return new Descriptor(this.#now, { file: this.#files().openFile(hostPath) }, flags);
  }

  /** Also without the flag for reading, which is of data: guests in Go open folders so. */
  readDirectory(): DirectoryEntryStream {
    if (!('folder' in this.#opened)) throw refusal('not-directory');
    const files = this.#files();
    return new DirectoryEntryStream(files.openListing(this.#opened.folder), files);
  }

  readlinkAt(path: string): string {
    const { hostPath, stats } = this.#placeOf(path, false);
    if (!stats.isSymbolicLink()) throw refusal('invalid');
    const target = targetAt(hostPath);
    if (target.startsWith('/')) throw refusal('not-permitted');
    return target;
  }

  stat(): DescriptorStat {
    return descriptorStat(this.#stats());
  }

  statAt({ symlinkFollow }: PathFlags, path: string): DescriptorStat {
    return descriptorStat(statsAt(this.#placeOf(path, symlinkFollow).hostPath));
  }

  metadataHash(): MetadataHash {
    return metadataHash(this.#stats());
  }

  metadataHashAt({ symlinkFollow }: PathFlags, path: string): MetadataHash {
    return metadataHash(statsAt(this.#placeOf(path, symlinkFollow).hostPath));
  }

  isSameObject(other: Descriptor): boolean {
    try {
      return isSame(this.#stats(), other.#stats());
    } catch (thrown) {
      // There is no error case to answer with, and a folder that went away is no reason to trap.
      if (thrown instanceof ResultError) return this === other;
      throw thrown;
    }
  }

  /**
   * @returns the bytes, and whether there are none because the file has ended. Fewer than were asked for may come before
   * that. None were asked for: the same, since the adapter for preview 1 takes nothing and no end for an interruption.
   */
  read(lengthBytes: bigint, offset: bigint): [Uint8Array, boolean] {
    const { fd } = this.#readableFile();
    checkOffset(offset);
    const room = this.#files().roomFor(lengthBytes);
    const bytes = asked(() => readSync(fd, room, 0, room.length, offset));
    return [room.subarray(0, bytes), bytes === 0];
  }

  readViaStream(offset: bigint): InputStream {
    const file = this.#readableFile();
    checkOffset(offset);
    const files = this.#files();
    file.use();
    return new InputStream(new FileSource(file, files, offset), undefined, () => file.letGo());
  }

  /** It is a hint, which nothing is made of. */
  advise(): void {}

  /** Nothing was written that would still have to get to the disk. */
  sync(): void {}
  syncData(): void {}

  write(): never {
    throw refusal('read-only');
  }
  writeViaStream(): never {
    throw refusal('read-only');
  }
  appendViaStream(): never {
    throw refusal('read-only');
  }
  setSize(): never {
    throw refusal('read-only');
  }
  setTimes(): never {
    throw refusal('read-only');
  }
  setTimesAt(): never {
    throw refusal('read-only');
  }
  createDirectoryAt(): never {
    throw refusal('read-only');
  }
  linkAt(): never {
    throw refusal('read-only');
  }
  removeDirectoryAt(): never {
    throw refusal('read-only');
  }
  renameAt(): never {
    throw refusal('read-only');
  }
  symlinkAt(): never {
    throw refusal('read-only');
  }
  unlinkFileAt(): never {
    throw refusal('read-only');
  }

  [Symbol.dispose](): void {
    if ('file' in this.#opened) this.#opened.file.letGo();
  }

  #files(): OpenFiles {
    const { files } = this.#now;
    files.beforeAsking();
    return files;
  }

  #placeOf(path: string, followsLast: boolean): Place {
    if (!('folder' in this.#opened)) throw refusal('not-directory');
    this.#files();
    return placeOf(this.#opened.folder, path, followsLast);
  }

  #stats(): BigIntStats {
    this.#files();
    const opened = this.#opened;
    if ('folder' in opened) return statsAt(opened.folder);
    return asked(() => fstatSync(opened.file.fd, { bigint: true }));
  }

  #readableFile(): OpenFile {
    if (!('file' in this.#opened)) throw refusal('is-directory');
    if (!this.#flags.read) throw refusal('not-permitted');
    return this.#opened.file;
  }
}

function checkOffset(offset: bigint): void {
  if (offset > OFFSET_MAX) throw refusal('invalid');
}
