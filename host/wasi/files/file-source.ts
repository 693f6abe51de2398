/** A file as the source of an input stream: it is always ready, and ends where the file does. */
import { fstatSync, readSync } from 'node:fs';
import { type ByteSource, IoError } from '../io.ts';
import { ResultError } from '../result-error.ts';
import { type FileErrorCode, fileErrorCode } from './file-errors.ts';
import { type OpenFile, type OpenFiles, READ_BYTES_MAX } from './open-files.ts';

export class FileSource implements ByteSource {
  readonly failure = undefined;
  readonly #file: OpenFile;
  readonly #files: OpenFiles;
  #at: bigint;
  #hasFailed = false;

  /** @param from offset of the first byte. */
  constructor(file: OpenFile, files: OpenFiles, from: bigint) {
    this.#file = file;
    this.#files = files;
    this.#at = from;
  }

  /** Of the file as it is now; it may grow while it is read. */
  get availableBytes(): number {
    if (this.#hasFailed) return 0;
    this.#files.beforeAsking();
    try {
      const left = fstatSync(this.#file.fd, { bigint: true }).size - this.#at;
      return left > 0n ? Number(left) : this.#bytesBeyond();
    } catch {
      // Whoever only waits cannot be told. The read that comes then fails as well, and says why.
      return 1;
    }
  }

  /** To be asked where nothing is available: there is nothing to wait for. */
  get state(): 'ended' {
    return 'ended';
  }

  read(lengthMax: number): Uint8Array {
    this.#files.beforeAsking();
    const room = this.#files.roomFor(BigInt(lengthMax));
    try {
      const bytes = readSync(this.#file.fd, room, 0, room.length, this.#at);
      this.#at += BigInt(bytes);
      return room.subarray(0, bytes);
    } catch (thrown) {
      throw this.#failed(fileErrorCode(thrown));
    }
  }

  /** What is there where the size says that nothing is: files that the system makes up as they are read have none. */
  #bytesBeyond(): number {
    const bytes = readSync(this.#file.fd, this.#files.roomFor(1n), 0, 1, this.#at);
    return bytes === 0 ? 0 : READ_BYTES_MAX;
  }

  /** Once it has failed the stream is closed, as WIT says. */
  #failed(code: FileErrorCode): ResultError {
    this.#hasFailed = true;
    const val = new IoError(`the file could not be read: ${code}`, undefined, code);
    return new ResultError({ tag: 'last-operation-failed', val });
  }
}
