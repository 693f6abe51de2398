/** How commands speak: results to stdout, words and progress to stderr. */
import type { Writable } from 'node:stream';

/** The streams of a command; tests give their own. */
export interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** Between two signs of progress. */
const PAUSE_MS = { terminal: 250, elsewhere: 5_000 } as const;

export class Output {
  /** What the command ends with when it is no error: 0, unless it says otherwise. */
  exitCode = 0;
  readonly #streams: Streams;
  #progressShown = false;
  // Work that ends within the first pause shows no progress at all.
  #lastProgressMs = performance.now();

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** A result, as text. */
  print(text: string): void {
    this.#clearProgress();
    this.#streams.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** A result, as JSON. */
  json(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Words for a person. */
  say(text: string): void {
    this.#clearProgress();
    this.#streams.stderr.write(`${text}\n`);
  }

  /** Progress now, whatever was shown before: on a terminal one line that is overwritten, else a line. */
  progressNow(text: string): void {
    this.#streams.stderr.write(this.isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    this.#progressShown = this.isTerminal;
  }

  /** Progress of long work: one line that is overwritten on a terminal, a line every few seconds elsewhere. */
  progress(text: string): void {
    const nowMs = performance.now();
    const { stderr } = this.#streams;
    if (nowMs - this.#lastProgressMs < (stderr.isTTY ? PAUSE_MS.terminal : PAUSE_MS.elsewhere)) return;
    this.#lastProgressMs = nowMs;
    stderr.write(stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    this.#progressShown = stderr.isTTY === true;
  }

  get isTerminal(): boolean {
    return this.#streams.stderr.isTTY === true;
  }

  get stdout(): Writable {
    return this.#streams.stdout;
  }

  #clearProgress(): void {
    if (this.#progressShown) this.#streams.stderr.write('\r\x1b[K');
    this.#progressShown = false;
  }
}

const isNumeric = (cell: string | number | undefined): boolean => /^\d+(\.\d+)?$/.test(String(cell));

/** Columns of text: words to the left, numbers to the right. */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column])));
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
