// Bodies as bytes: reads a host's input stream to its end, writes an output stream in pieces the host must take.
// Knows streams and the order in which they are dropped; must not know whose body it is.

import { bytesAt } from './text';
import {
  answer,
  dropIncomingBody,
  dropInput,
  dropOutgoingBody,
  dropOutput,
  finishBody,
  incomingStream,
  outgoingStream,
  read,
  write,
} from './wasi';

// More than this, and the host may trap: a rule of blocking-write-and-flush.
const WRITE_BYTES_MAX: i32 = 4096;
const READ_BYTES: u64 = 65536;

/** A body read to its end, or the reason why it was not. */
export class ReadBody {
  bytes: Uint8Array = bytesAt(0, 0);
  /** The `wasi:io/error` that ended the stream, owned by whoever reads this; -1 when all arrived. */
  error: i32 = -1;
}

/** Reads a body to its end, then drops its stream and, after that, the body. */
export function readBody(body: i32): ReadBody {
  const result = new ReadBody();
  incomingStream(body, answer);
  if (load<u8>(answer)) throw new Error('the body was read before');
  const stream = load<i32>(answer, 4);
  const chunks: Uint8Array[] = [];
  let total = 0;
  while (true) {
    read(stream, READ_BYTES, answer);
    if (load<u8>(answer)) break;
    const chunk = bytesAt(load<usize>(answer, 4), load<i32>(answer, 8));
    total += chunk.length;
    chunks.push(chunk);
  }
  // stream-error: 0 is last-operation-failed with its error, 1 is closed, the usual end.
  if (!load<u8>(answer, 4)) result.error = load<i32>(answer, 8);
  dropInput(stream);
  dropIncomingBody(body);
  result.bytes = joined(chunks, total);
  return result;
}

function joined(chunks: Uint8Array[], total: i32): Uint8Array {
  if (chunks.length == 1) return chunks[0];
  const whole = new Uint8Array(total);
  let at = 0;
  for (let i = 0; i < chunks.length; i++) {
    whole.set(chunks[i], at);
    at += chunks[i].length;
  }
  return whole;
}

/** Writes bytes to a stream; false when nobody reads any more. */
export function writeAll(stream: i32, bytes: usize, lengthBytes: i32): bool {
  for (let at = 0; at < lengthBytes; at += WRITE_BYTES_MAX) {
    write(stream, bytes + at, min(WRITE_BYTES_MAX, lengthBytes - at), answer);
    if (load<u8>(answer)) return false;
  }
  return true;
}

/** Writes a whole body and finishes it; a body that nobody reads any more is dropped, which says it is cut short. */
export function writeBody(body: i32, bytes: Uint8Array): void {
  let complete = true;
  if (bytes.length > 0) {
    outgoingStream(body, answer);
    if (load<u8>(answer)) throw new Error('the body was written before');
    const stream = load<i32>(answer, 4);
    complete = writeAll(stream, bytes.dataStart, bytes.length);
    dropOutput(stream);
  }
  if (complete) finishBody(body, 0, 0, answer);
  else dropOutgoingBody(body);
}
