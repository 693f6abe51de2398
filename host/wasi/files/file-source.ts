/** A file as the source of an input stream: it is always ready, and ends where the file does. */
import { fstatSync, readSync } from 'node:fs';
import { type ByteSource, IoError } from '../io.ts';
import { ResultError } from '../result-error.ts';
import { fileErrorCode } from './file-errors.ts';
import type { OpenFile, OpenFiles } from './open-files.ts';

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
    const left = this.#asked(() => fstatSync(this.#file.fd, { bigint: true }).size - this.#at);
    return left > 0n ? Number(left) : 0;
  }

  /** To be asked where nothing is available: there is nothing to wait for. */
  get state(): 'ended' {
    return 'ended';
  }

  read(lengthMax: number): Uint8Array {
    const room = this.#files.roomFor(BigInt(lengthMax));
    const bytes = this.#asked(() => readSync(this.#file.fd, room, 0, room.length, this.#at));
    this.#at += BigInt(bytes);
    return room.subarray(0, bytes);
  }

  /** Once it has failed the stream is closed, as WIT says. */
  #asked<T>(ask: () => T): T {
    this.#files.beforeAsking();
    try {
      return ask();
    } catch (thrown) {
      this.#hasFailed = true;
      const code = fileErrorCode(thrown);
      const val = new IoError(`the file could not be read: ${code}`, undefined, code);
      throw new ResultError({ tag: 'last-operation-failed', val });
    }
  }
}
