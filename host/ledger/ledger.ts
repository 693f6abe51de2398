/**
 * The execution records. A whole response may leave only after its record is written: what a client has seen is in the
 * ledger, but for responses that leave piece by piece.
 */
import { join } from 'node:path';
import { type ExecutionRecord, RECORD_KEYS } from '../../metering/execution.ts';
import { dataDirUnusable, type HostDatabase } from '../database.ts';
import { ledgerPath, openLedgerDatabase, openMemoryLedgerDatabase } from './ledger-database.ts';
import type { Sweep, Swept } from './ledger-store.ts';
import { DirectWriter, JournalWriter, type LedgerWriter } from './ledger-writer.ts';

/** A record as it is read back. `id` grows with each execution; some are left out. */
export interface LedgerEntry extends ExecutionRecord {
  readonly id: number;
  /** What the guest wrote to stdout and stderr. */
  readonly log: string;
}

/** Which entries to read: a function, and arrival times from (included) to (excluded) in microseconds. */
export interface LedgerFilter {
  readonly functionName?: string | undefined;
  readonly fromUs?: number | undefined;
  readonly toUs?: number | undefined;
}

const RECORD_COLUMNS = RECORD_KEYS.join(', ');

/** Ids that are looked at before other work gets its turn on the thread, however few of them the filter lets pass. */
const SPAN_IDS = 2_000;

/** Ids that are set aside with one write; a host that is killed leaves out so many at most. */
const IDS_SET_ASIDE = 10_000;

/** Logs of entries that are written together: a line is in the memory of two threads, several times over. */
const GROUP_CHARS = 1_000_000;

interface Pending {
  readonly id: number;
  readonly record: ExecutionRecord;
  readonly log: string;
  readonly resolve: (id: number) => void;
  readonly reject: (error: unknown) => void;
}

function cellsOf(group: readonly Pending[]): (string | number)[] {
  const cells: (string | number)[] = [];
  for (const { id, record, log } of group) {
    cells.push(id);
    for (const key of RECORD_KEYS) cells.push(record[key]);
    cells.push(log);
  }
  return cells;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class Ledger {
  readonly #database: HostDatabase;
  readonly #writer: LedgerWriter;
  #pending: Pending[] = [];
  /** Of their logs. */
  #pendingChars = 0;
  #nextId: number;
  /** Ids below are set aside on disk: none of them is given again, whether or not it is recorded. */
  #setAsideBelow: number;

  private constructor(database: HostDatabase, writer: LedgerWriter) {
    this.#database = database;
    this.#writer = writer;
    this.#setAsideBelow = this.#unusedFrom();
    this.#nextId = Math.max(this.#lastId() + 1, this.#setAsideBelow);
  }

  /**
   * Opens, and creates where needed, the ledger of a data folder that this process has to itself.
   * @param onInternal told where what was written could not be taken into the database, which is tried again.
   * @throws CodedError `data-dir-unusable`
   */
  static open(dataDir: string, onInternal: (error: unknown) => void): Ledger {
    let database: HostDatabase | undefined;
    try {
      database = openLedgerDatabase(ledgerPath(dataDir));
      return new Ledger(database, new JournalWriter(database, join(dataDir, 'journal'), onInternal));
    } catch (thrown) {
      database?.close();
      throw dataDirUnusable(dataDir, thrown);
    }
  }

  /** One that ends with this process. */
  static inMemory(): Ledger {
    const database = openMemoryLedgerDatabase();
    return new Ledger(database, new DirectWriter(database));
  }

  /** How many ids were given until now, those of former hosts included. */
  get idsGiven(): number {
    return this.#nextId - 1;
  }

  /**
   * An id for an execution that the client is told of before it is recorded; each is given once, whenever the host is
   * killed. Throws what the file system does when no more can be set aside.
   */
  reserveId(): number {
    if (this.#nextId >= this.#setAsideBelow) {
      const below = this.#nextId + IDS_SET_ASIDE;
      this.#writer.write(below);
      this.#setAsideBelow = below;
    }
    return this.#nextId++;
  }

  /**
   * Resolves with the entry's id once the entry survives the end of this process; rejects with what the file system
   * does, and then there is no such entry. Entries of one turn of the event loop are written together: their responses
   * leave together, and whoever takes those in is woken once.
   * @param id one that was reserved; a new one when absent.
   */
  append(record: ExecutionRecord, log: string, id = this.reserveId()): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ id, record, log, resolve, reject });
      this.#pendingChars += log.length;
      if (this.#pendingChars >= GROUP_CHARS) this.#flush();
      else if (this.#pending.length === 1) setImmediate(() => this.#flush());
    });
  }

  /** Writes what is pending, and lets go of the ids that were set aside and never given. */
  close(): Promise<void> {
    this.#flush();
    return this.#writer.close(this.#nextId);
  }

  /** Deletes what is too old, but for the newest entry of all. */
  sweep(sweep: Sweep): Promise<Swept> {
    return this.#writer.sweep(sweep);
  }

  /** Newest first: at most `limit` entries with an id below `beforeId`. */
  async newest(
    filter: LedgerFilter,
    limit: number,
    beforeId = Number.MAX_SAFE_INTEGER,
  ): Promise<LedgerEntry[]> {
    await this.#writer.caughtUp();
    const found: LedgerEntry[] = [];
    let below = Math.min(beforeId, this.#lastId() + 1);
    for (;;) {
      below = this.#lastIdBelow(filter, below) + 1;
      if (below === 1 || found.length >= limit) return found;
      const from = Math.max(1, below - SPAN_IDS);
      const columns = `id, ${RECORD_COLUMNS}, log`;
      const query = { columns, order: 'DESC', limit: limit - found.length } as const;
      found.push(...this.#select<LedgerEntry>(filter, from, below, query));
      below = from;
      if (found.length < limit) await nextTurn();
    }
  }

  /** All records that are there when it begins, oldest first, in chunks; other work runs in between. */
  async *read(filter: LedgerFilter): AsyncGenerator<readonly ExecutionRecord[]> {
    await this.#writer.caughtUp();
    const last = this.#lastId();
    for (let next = 1; ; next += SPAN_IDS) {
      const from = this.#firstIdFrom(filter, next);
      if (from > last) return;
      next = from;
      const below = Math.min(from + SPAN_IDS, last + 1);
      const query = { columns: RECORD_COLUMNS, order: 'ASC', limit: SPAN_IDS } as const;
      const chunk = this.#select<ExecutionRecord>(filter, from, below, query);
      if (chunk.length > 0) yield chunk;
      await nextTurn();
    }
  }

  #flush(): void {
    const group = this.#pending;
    this.#pending = [];
    this.#pendingChars = 0;
    if (group.length === 0) return;
    try {
      this.#writer.write(cellsOf(group));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { id, resolve } of group) resolve(id);
  }

  #unusedFrom(): number {
    const row = this.#database
      .prepare<[], { unusedFrom: number }>('SELECT unusedFrom FROM execution_ids')
      .get();
    return row?.unusedFrom ?? 1;
  }

  #lastId(): number {
    const row = this.#database
      .prepare<[], { id: number | null }>('SELECT max(id) AS id FROM executions')
      .get();
    return row?.id ?? 0;
  }

  /** The first id from this one on that may pass the filter; Infinity when there is none. */
  #firstIdFrom({ functionName }: LedgerFilter, id: number): number {
    const where = functionName === undefined ? '' : 'AND functionName = ?';
    const sql = `SELECT id FROM executions WHERE id >= ? ${where} ORDER BY id LIMIT 1`;
    return this.#idOf(sql, id, functionName) ?? Number.POSITIVE_INFINITY;
  }

  /** The last id below this one that may pass the filter; 0 when there is none. */
  #lastIdBelow({ functionName }: LedgerFilter, id: number): number {
    const where = functionName === undefined ? '' : 'AND functionName = ?';
    const sql = `SELECT id FROM executions WHERE id < ? ${where} ORDER BY id DESC LIMIT 1`;
    return this.#idOf(sql, id, functionName) ?? 0;
  }

  #idOf(sql: string, id: number, functionName: string | undefined): number | undefined {
    const values = functionName === undefined ? [id] : [id, functionName];
    return this.#database.prepare<(string | number)[], { id: number }>(sql).get(...values)?.id;
  }

  /** Entries with an id from `fromId` to below `belowId`: never more rows than that are looked at. */
  #select<Row>(
    filter: LedgerFilter,
    fromId: number,
    belowId: number,
    query: { readonly columns: string; readonly order: 'ASC' | 'DESC'; readonly limit: number },
  ): Row[] {
    const conditions = ['id >= ?', 'id < ?'];
    const values: (string | number)[] = [fromId, belowId];
    const add = (condition: string, value: string | number | undefined) => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    add('functionName = ?', filter.functionName);
    // With a sign in front, SQLite looks them up by id, which is what bounds the rows.
    add('+arrivedAtUs >= ?', filter.fromUs);
    add('+arrivedAtUs < ?', filter.toUs);
    const where = conditions.join(' AND ');
    const sql = `SELECT ${query.columns} FROM executions WHERE ${where} ORDER BY id ${query.order} LIMIT ?`;
    return this.#database.prepare<(string | number)[], Row>(sql).all(...values, query.limit);
  }
}
