/**
 * The execution records in SQLite. Records are written in groups, and a response may leave only after its group
 * is committed: what a client has seen is always in the ledger.
 */
import { type ExecutionRecord, RECORD_KEYS } from '../metering/execution.ts';
import type { HostDatabase } from './database.ts';

/** A record as it is read back. `id` grows by one with each execution. */
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
  readonly record: ExecutionRecord;
  readonly log: string;
  readonly resolve: (id: number) => void;
  readonly reject: (error: unknown) => void;
}

const COLUMNS = [...RECORD_KEYS, 'log'];

/** Rows that are read before other work gets its turn on the thread. */
const CHUNK_ROWS = 2_000;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class Ledger {
  readonly #database: HostDatabase;
  readonly #insert: ReturnType<HostDatabase['prepare']>;
  #pending: Pending[] = [];

  constructor(database: HostDatabase) {
    this.#database = database;
    const values = COLUMNS.map((column) => `@${column}`).join(', ');
    this.#insert = database.prepare(`INSERT INTO executions (${COLUMNS.join(', ')}) VALUES (${values})`);
  }

  /** Resolves with the entry's id once it is committed; entries of one turn of the event loop share a commit. */
  append(record: ExecutionRecord, log: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ record, log, resolve, reject });
      if (this.#pending.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits what is pending now. */
  flush(): void {
    const group = this.#pending;
    this.#pending = [];
    if (group.length === 0) return;
    const ids: number[] = [];
    try {
      this.#database.transaction(() => {
        for (const { record, log } of group)
          ids.push(Number(this.#insert.run({ ...record, log }).lastInsertRowid));
      })();
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const [index, { resolve }] of group.entries()) resolve(ids[index] as number);
  }

  /** Newest first: at most `limit` entries with an id below `beforeId`. */
  newest(filter: LedgerFilter, limit: number, beforeId = Number.MAX_SAFE_INTEGER): LedgerEntry[] {
    return this.#select(filter, 'id < ?', 'DESC', beforeId, limit);
  }

  /** All entries that are there when it begins, oldest first, in chunks; other work runs in between. */
  async *read(filter: LedgerFilter): AsyncGenerator<readonly LedgerEntry[]> {
    const last =
      this.#database.prepare<[], { id: number | null }>('SELECT max(id) AS id FROM executions').get()?.id ??
      0;
    for (let afterId = 0; ; ) {
      const chunk = this.#select(filter, `id <= ${last} AND id > ?`, 'ASC', afterId, CHUNK_ROWS);
      if (chunk.length > 0) yield chunk;
      if (chunk.length < CHUNK_ROWS) return;
      afterId = chunk.at(-1)?.id ?? afterId;
      await nextTurn();
    }
  }

  #select(
    filter: LedgerFilter,
    bound: string,
    order: 'ASC' | 'DESC',
    id: number,
    limit: number,
  ): LedgerEntry[] {
    const conditions = [bound];
    const values: (string | number)[] = [id];
    const add = (condition: string, value: string | number | undefined) => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    add('functionName = ?', filter.functionName);
    add('arrivedAtUs >= ?', filter.fromUs);
    add('arrivedAtUs < ?', filter.toUs);
    const sql = `SELECT id, ${COLUMNS.join(', ')} FROM executions WHERE ${conditions.join(' AND ')} ORDER BY id ${order} LIMIT ?`;
    return this.#database.prepare<(string | number)[], LedgerEntry>(sql).all(...values, limit);
  }
}
