/**
 * Where a ledger's entries go. In a data folder that is a journal, to which a line is added in a few microseconds; a
 * thread takes its lines into the database soon after, many at a time, which costs a fraction of a commit for each.
 */
import { mkdirSync } from 'node:fs';
import type { HostDatabase } from '../database.ts';
import { Journal } from './journal.ts';
import { type LedgerLine, LedgerStore, type Sweep, type Swept } from './ledger-store.ts';
import { LedgerThread } from './ledger-thread.ts';

/** What a ledger asks of it. */
export interface LedgerWriter {
  /** When it returns, the line survives the end of this process; when it throws, nothing is left of it. */
  write(line: LedgerLine): void;
  /** Resolves when all that was written before is in the database; undefined when it is by now. */
  caughtUp(): Promise<unknown> | undefined;
  sweep(sweep: Sweep): Promise<Swept>;
  /** @param nextId the first one that was not given. Closes the database. */
  close(nextId: number): Promise<void>;
}

/** Writes into a database in memory. */
export class DirectWriter implements LedgerWriter {
  readonly #database: HostDatabase;
  readonly #store: LedgerStore;

  constructor(database: HostDatabase) {
    this.#database = database;
    this.#store = new LedgerStore(database);
  }

  write(line: LedgerLine): void {
    this.#store.write(line);
  }

  caughtUp(): undefined {
    return undefined;
  }

  async sweep(sweep: Sweep): Promise<Swept> {
    return this.#store.sweep(sweep);
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}

/** Lines come in for so long before the thread is told of them: a bounded share of what a busy host does. */
const PACE_MS = 100;
/** Until it is told again where it could not take them in. */
const RETRY_MS = 1_000;

export class JournalWriter implements LedgerWriter {
  readonly #database: HostDatabase;
  readonly #store: LedgerStore;
  readonly #folder: string;
  readonly #journal: Journal;
  readonly #thread: LedgerThread;
  readonly #onInternal: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #written = 0;
  /** How many of them are known to be in the database. */
  #takenIn = 0;

  /** Takes in what a host has left that was killed. @throws what the database or the file system does. */
  constructor(database: HostDatabase, folder: string, onInternal: (error: unknown) => void) {
    this.#database = database;
    this.#store = new LedgerStore(database);
    this.#folder = folder;
    this.#onInternal = onInternal;
    mkdirSync(folder, { recursive: true });
    this.#store.takeInWhole(folder);
    this.#journal = new Journal(folder, this.#store.lastJournalFile);
    this.#thread = new LedgerThread({ path: database.name, journal: folder });
  }

  write(line: LedgerLine): void {
    this.#journal.append(JSON.stringify(line));
    this.#written++;
    if (this.#timer === undefined) this.#tellIn(PACE_MS);
  }

  caughtUp(): Promise<unknown> | undefined {
    if (this.#takenIn === this.#written) return undefined;
    if (this.#thread.isAwake) return this.#tell();
    // Not much can have come since it was told to start.
    this.#store.takeIn(this.#folder);
    this.#takenIn = this.#written;
    return undefined;
  }

  async sweep(sweep: Sweep): Promise<Swept> {
    return (await this.#thread.ask(sweep)) as Swept;
  }

  async close(nextId: number): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#thread.close();
    this.#journal.close();
    try {
      this.#store.takeInWhole(this.#folder);
      this.#store.letGo(nextId);
    } catch (thrown) {
      // The next host does it.
      this.#onInternal(thrown);
    }
    this.#database.close();
  }

  #tellIn(pauseMs: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell().catch((thrown) => {
        this.#onInternal(thrown);
        this.#tellIn(RETRY_MS);
      });
    }, pauseMs).unref();
  }

  async #tell(): Promise<void> {
    const written = this.#written;
    await this.#thread.ask('takeIn');
    this.#takenIn = Math.max(written, this.#takenIn);
  }
}
