/**
 * The execution records in SQLite. Records are written in groups, and a whole response may leave only after its group
 * is committed: what a client has seen is in the ledger, but for responses that leave piece by piece.
 */
import { type ExecutionRecord, RECORD_KEYS } from '../metering/execution.ts';
import type { HostDatabase } from './database.ts';

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

interface Pending {
  readonly id: number;
  readonly record: ExecutionRecord;
  readonly log: string;
  readonly resolve: (id: number) => void;
  readonly reject: (error: unknown) => void;
}

const COLUMNS = ['id', ...RECORD_KEYS, 'log'];

const RECORD_COLUMNS = RECORD_KEYS.join(', ');

/** Ids that are looked at before other work gets its turn on the thread, however few of them the filter lets pass. */
const SPAN_IDS = 2_000;

/** Entries that share a commit at most, and how long the first of them waits for others. */
const GROUP_MAX = 64;
const GROUP_MS = 0.5;

/** Ids that are set aside with one write; a host that is killed leaves out so many at most. */
const IDS_SET_ASIDE = 10_000;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** @returns what puts entries into the database, all of them or none. */
function committing(database: HostDatabase): (group: readonly Pending[]) => void {
  const places = COLUMNS.map(() => '?').join(', ');
  const sql = `INSERT INTO executions (${COLUMNS.join(', ')}) VALUES (${places})`;
  const insert = database.prepare<(string | number)[]>(sql);
  return database.transaction((group: readonly Pending[]) => {
    for (const { id, record, log } of group) insert.run(id, ...RECORD_KEYS.map((key) => record[key]), log);
  });
}

export class Ledger {
  readonly #database: HostDatabase;
  readonly #commit: ReturnType<typeof committing>;
  readonly #expectsMore: () => boolean;
  #pending: Pending[] = [];
  /** When the oldest of them came, by `performance.now()`. */
  #pendingSinceMs = 0;
  #nextId: number;
  /** Ids below are set aside on disk: none of them is given again, whether or not it is recorded. */
  #setAsideBelow: number;

  /** @param expectsMore whether other entries are about to come, for which it pays to wait a moment. */
  constructor(database: HostDatabase, expectsMore: () => boolean = () => false) {
    this.#expectsMore = expectsMore;
    this.#database = database;
    this.#commit = committing(database);
    this.#setAsideBelow = this.#unusedFrom();
    this.#nextId = Math.max(this.#lastId() + 1, this.#setAsideBelow);
  }

  /** How many ids were given until now, those of former hosts included. */
  get idsGiven(): number {
    return this.#nextId - 1;
  }

  /**
   * An id for an execution that the client is told of before it is recorded; each is given once, whenever the host is
   * killed. Throws what the database does when no more can be set aside.
   */
  reserveId(): number {
    if (this.#nextId >= this.#setAsideBelow) this.#setAside(this.#nextId + IDS_SET_ASIDE);
    return this.#nextId++;
  }

  /**
   * Sets ids aside before any is asked for: the first write of a process waits for the disk. Where it fails, the first
   * execution tries again.
   */
  prepare(): void {
    try {
      if (this.#nextId >= this.#setAsideBelow) this.#setAside(this.#nextId + IDS_SET_ASIDE);
    } catch {
      // Nobody has asked for one yet.
    }
  }

  /** Commits what is pending, and lets go of the ids that were set aside and never given. */
  close(): void {
    this.flush();
    try {
      this.#setAside(this.#nextId);
    } catch {
      // They are left out then, which hurts nobody.
    }
  }

  /**
   * Resolves with the entry's id once it is committed. Entries of one turn of the event loop share a commit, and while
   * more are about to come those of half a millisecond: a commit costs as much as several entries.
   * @param id one that was reserved; a new one when absent.
   */
  append(record: ExecutionRecord, log: string, id = this.reserveId()): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ id, record, log, resolve, reject });
      if (this.#pending.length > 1) return;
      this.#pendingSinceMs = performance.now();
      setImmediate(() => this.#flushSoon());
    });
  }

  #flushSoon(): void {
    const isFull = this.#pending.length >= GROUP_MAX || performance.now() - this.#pendingSinceMs >= GROUP_MS;
    if (!isFull && this.#pending.length > 0 && this.#expectsMore()) setImmediate(() => this.#flushSoon());
    else this.flush();
  }

  /** Commits what is pending now. */
  flush(): void {
    const group = this.#pending;
    this.#pending = [];
    if (group.length === 0) return;
    try {
      this.#commit(group);
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { id, resolve } of group) resolve(id);
  }

  /** Newest first: at most `limit` entries with an id below `beforeId`. */
  async newest(
    filter: LedgerFilter,
    limit: number,
    beforeId = Number.MAX_SAFE_INTEGER,
  ): Promise<LedgerEntry[]> {
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

  #setAside(belowId: number): void {
    this.#database.prepare('UPDATE execution_ids SET unusedFrom = ?').run(belowId);
    this.#setAsideBelow = belowId;
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

  /**
   * Deletes entries that arrived before a time, of the oldest so many by their ids. One that ran for long has a later id
   * than others that arrived after it, and stays as long as they do. The newest entry of all stays: ids count on from it.
   * @returns how many were deleted; fewer than `limit` when no more are left.
   */
  deleteBefore(arrivedAtUs: number, limit: number): number {
    const oldest = 'SELECT id FROM executions WHERE id < ? ORDER BY id LIMIT ?';
    const statement = this.#database.prepare(
      `DELETE FROM executions WHERE id IN (${oldest}) AND arrivedAtUs < ?`,
    );
    return statement.run(this.#lastId(), limit, arrivedAtUs).changes;
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
