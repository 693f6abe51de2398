// Lines on standard error, and what a guest says before it traps. Must not know requests or responses.

import { writeAll } from './body';
import { decimal, encodeUtf8 } from './text';
import { dropOutput, getStderr } from './wasi';

/** Writes a line to standard error; a line that nobody takes is lost without a trap. */
export function log(text: string): void {
  const bytes = encodeUtf8(text + '\n');
  const stream = getStderr();
  writeAll(stream, changetype<usize>(bytes), bytes.byteLength);
  dropOutput(stream);
}

/** What `throw` compiles to: the message with its place in the source to standard error, then a trap. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const place = file ? file + '(' + decimal(line) + ',' + decimal(column) + '): ' : '';
  log(place + (message ? message : 'aborted'));
  unreachable();
}
