/** What is written into a ledger's database, in whichever thread: lines of the journal, and what is let go. */
import type { HostDatabase } from '../database.ts';
import { deleteJournalFile, journalFiles, journalLines } from './journal.ts';
import { COLUMNS } from './ledger-database.ts';

/** An entry, its values in the order of the columns; or a number below which no id is given again. */
export type LedgerLine = readonly (string | number)[] | number;

/** Deletes, of the ids from one on, so many entries at most that arrived before a time. */
export interface Sweep {
  readonly fromId: number;
  readonly arrivedBeforeUs: number;
  readonly deletedMax: number;
}

export interface Swept {
  readonly deleted: number;
  /** Where to go on; undefined after the last id. */
  readonly nextId: number | undefined;
}

/** Up to where the journal has been taken in. */
interface Position {
  readonly file: number;
  readonly byte: number;
}

/** Ids that a sweep looks at: a millisecond of work where none of them has to go. */
const SWEPT_IDS = 2_000;

export class LedgerStore {
  readonly #database: HostDatabase;
  readonly #insert: ReturnType<typeof inserting>;
  readonly #takeInPiece: (folder: string) => boolean;

  constructor(database: HostDatabase) {
    this.#database = database;
    this.#insert = inserting(database);
    const takeInPiece = database.transaction((folder: string) => this.#takeIn(folder));
    // It reads the position before it writes, and somebody else might write in between.
    this.#takeInPiece = (folder) => takeInPiece.immediate(folder);
  }

  /** @throws what the database does. */
  write(line: LedgerLine): void {
    if (typeof line !== 'number') {
      for (let at = 0; at < line.length; at += COLUMNS.length)
        this.#insert.run(...line.slice(at, at + COLUMNS.length));
    } else this.#database.prepare('UPDATE execution_ids SET unusedFrom = max(unusedFrom, ?)').run(line);
  }

  /**
   * Takes in all lines of a journal that are there, each once: where it was taken in to is written with them.
   * @throws what the database or the file system does.
   */
  takeIn(folder: string): void {
    while (this.#takeInPiece(folder));
  }

  /** Takes in a journal that nobody adds to any more, and deletes it. */
  takeInWhole(folder: string): void {
    this.takeIn(folder);
    for (const file of journalFiles(folder)) deleteJournalFile(folder, file);
  }

  /** The number of the newest file of the journal that has anything in the database. */
  get lastJournalFile(): number {
    return this.#position().file;
  }

  /** Ids from this one on may be given by a host that starts later. */
  letGo(id: number): void {
    this.#database.prepare('UPDATE execution_ids SET unusedFrom = ?').run(id);
  }

  /** The newest entry of all stays: ids count on from it. */
  sweep({ fromId, arrivedBeforeUs, deletedMax }: Sweep): Swept {
    const next = this.#database.prepare<[number], { id: number | null }>(
      'SELECT min(id) AS id FROM executions WHERE id >= ?',
    );
    const firstId = next.get(fromId)?.id ?? undefined;
    if (firstId === undefined) return { deleted: 0, nextId: undefined };
    const belowId = firstId + SWEPT_IDS;
    const deletion = this.#database.prepare(
      `DELETE FROM executions WHERE id IN (
         SELECT id FROM executions WHERE id >= ? AND id < ? AND id < (SELECT max(id) FROM executions)
           AND arrivedAtUs < ? ORDER BY id LIMIT ?)`,
    );
    const deleted = deletion.run(firstId, belowId, arrivedBeforeUs, deletedMax).changes;
    return { deleted, nextId: deleted < deletedMax ? belowId : firstId };
  }

  /** @returns whether there may be more. */
  #takeIn(folder: string): boolean {
    const position = this.#position();
    const [file, follower] = journalFiles(folder).filter((one) => one >= position.file);
    if (file === undefined) return false;
    const { lines, nextByte } = journalLines(folder, file, file === position.file ? position.byte : 0);
    for (const line of lines) this.#writeText(line);
    if (lines.length > 0) {
      this.#database.prepare('UPDATE journal_position SET file = ?, byte = ?').run(file, nextByte);
    } else if (follower !== undefined) deleteJournalFile(folder, file);
    return lines.length > 0 || follower !== undefined;
  }

  #writeText(text: string): void {
    let line: LedgerLine;
    try {
      line = JSON.parse(text) as LedgerLine;
    } catch {
      // What a machine leaves that has lost power: the newest executions may be lost then, not the others.
      return;
    }
    this.write(line);
  }

  #position(): Position {
    return this.#database.prepare('SELECT file, byte FROM journal_position').get() as Position;
  }
}

function inserting(database: HostDatabase) {
  const places = COLUMNS.map(() => '?').join(', ');
  return database.prepare<(string | number)[]>(
    `INSERT INTO executions (${COLUMNS.join(', ')}) VALUES (${places})`,
  );
}
