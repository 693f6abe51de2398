/** Bytes in chunks of any size become lines of text. It knows no trace format. */
import { type Place, rowFault } from './fault.ts';

const LINE_CHARACTERS_MAX = 1_048_576;

export class LineCutter {
  readonly #file: string;
  readonly #onLine: (text: string, line: number) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';
  #line: number;

  /** @param firstLine the number of the first line. */
  constructor(file: string, onLine: (text: string, line: number) => void, firstLine = 1) {
    this.#file = file;
    this.#onLine = onLine;
    this.#line = firstLine - 1;
  }

  /** @throws CodedError `trace-invalid` for a line that is too long. */
  push(chunk: Uint8Array): void {
    this.#take(this.#decoder.decode(chunk, { stream: true }));
  }

  finish(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== '') this.#emit(this.#rest);
    this.#rest = '';
  }

  #take(text: string): void {
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#emit(from === 0 ? this.#rest + text.slice(0, end) : text.slice(from, end));
      if (from === 0) this.#rest = '';
      from = end + 1;
    }
    this.#rest += from === 0 ? text : text.slice(from);
    if (this.#rest.length > LINE_CHARACTERS_MAX) {
      const place: Place = { file: this.#file, line: this.#line + 1 };
      throw rowFault(place, null, `a line of at most ${LINE_CHARACTERS_MAX} characters`, 'a longer one');
    }
  }

  #emit(text: string): void {
    this.#onLine(text.endsWith('\r') ? text.slice(0, -1) : text, ++this.#line);
  }
}
