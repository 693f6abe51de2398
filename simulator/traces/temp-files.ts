/**
 * Temporary files without a name: each is taken out of its folder as soon as it is open, so that nothing is left on the
 * disk however the process ends. Other threads of the process read them by their descriptor.
 */
import { closeSync, mkdtempSync, openSync, rmdirSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '../../metering/errors.ts';

const READ_AND_WRITE = 'wx+';

/** The files of one trace; their room on the disk is free again after `end`, or when the process ends. */
export class TempFiles {
  readonly #folder: string;
  readonly #open = new Set<number>();

  /** @param folder which must be there; default the system's, which TMPDIR names. */
  constructor(folder = tmpdir()) {
    this.#folder = folder;
  }

  /** @returns the descriptor of a new file. @throws CodedError `file-unwritable` */
  create(): number {
    return this.#writing(() => {
      const own = mkdtempSync(join(this.#folder, 'ebb-'));
      const path = join(own, 'arrivals');
      try {
        const fd = openSync(path, READ_AND_WRITE, 0o600);
        this.#open.add(fd);
        unlinkSync(path);
        return fd;
      } finally {
        rmdirSync(own);
      }
    });
  }

  /** @throws CodedError `file-unwritable` */
  write(fd: number, bytes: Uint8Array, position: number): void {
    this.#writing(() => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(fd, bytes, done, bytes.length - done, position + done);
      }
    });
  }

  close(fd: number): void {
    if (this.#open.delete(fd)) closeSync(fd);
  }

  /** Closes all of them; what is read from them must be over. */
  end(): void {
    for (const fd of this.#open) this.close(fd);
  }

  #writing<T>(write: () => T): T {
    try {
      return write();
    } catch (thrown) {
      const { message } = thrown as Error;
      throw new CodedError(
        'file-unwritable',
        `expected room for temporary files in ${this.#folder} (TMPDIR names another folder), but ${message}`,
        { folder: this.#folder },
      );
    }
  }
}

/** Where a long trace is put, and what is long. */
export interface Spilling {
  readonly files: TempFiles;
  /** More requests than this are never in memory at once. */
  readonly inMemoryMax: number;
}
