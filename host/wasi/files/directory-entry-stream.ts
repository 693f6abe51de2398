/** `wasi:filesystem/types.directory-entry-stream`: the names in a folder. */
import type { Dirent } from 'node:fs';
import { asked } from './file-errors.ts';
import { type DescriptorType, textOf, typeOf } from './file-stat.ts';
import type { OpenFiles, OpenListing } from './open-files.ts';

interface DirectoryEntry {
  readonly type: DescriptorType;
  readonly name: string;
}

export class DirectoryEntryStream {
  readonly #listing: OpenListing;
  readonly #files: OpenFiles;

  constructor(listing: OpenListing, files: OpenFiles) {
    this.#listing = listing;
    this.#files = files;
  }

  /** In the order of the system, without `.` and `..`; undefined at the end. */
  readDirectoryEntry(): DirectoryEntry | undefined {
    this.#files.beforeAsking();
    const entry = asked(() => this.#listing.dir.readSync()) as Dirent<Buffer> | null;
    return entry ? { type: typeOf(entry), name: textOf(entry.name) } : undefined;
  }

  [Symbol.dispose](): void {
    this.#listing.letGo();
  }
}
