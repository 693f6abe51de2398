/** Names of files as the system has them: bytes, which guests cannot be given when they are no text. */
import { refusal } from './file-errors.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws ResultError `illegal-byte-sequence` */
export function textOf(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw refusal('illegal-byte-sequence');
  }
}
