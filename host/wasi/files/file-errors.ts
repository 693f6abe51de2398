/** What goes wrong with files, as Node names it and as wasi:filesystem does. */
import { ResultError } from '../result-error.ts';

/** The cases of `wasi:filesystem/types.error-code` that the host gives. */
export type FileErrorCode =
  | 'access'
  | 'bad-descriptor'
  | 'busy'
  | 'file-too-large'
  | 'illegal-byte-sequence'
  | 'insufficient-memory'
  | 'interrupted'
  | 'invalid'
  | 'io'
  | 'is-directory'
  | 'loop'
  | 'name-too-long'
  | 'no-device'
  | 'no-entry'
  | 'no-such-device'
  | 'not-directory'
  | 'not-permitted'
  | 'overflow'
  | 'quota'
  | 'read-only'
  | 'text-file-busy'
  | 'unsupported'
  | 'would-block';

const BY_NODE_CODE: Readonly<Record<string, FileErrorCode>> = {
  EACCES: 'access',
  EAGAIN: 'would-block',
  EBADF: 'bad-descriptor',
  EBUSY: 'busy',
  EFBIG: 'file-too-large',
  EILSEQ: 'illegal-byte-sequence',
  EINTR: 'interrupted',
  EINVAL: 'invalid',
  EISDIR: 'is-directory',
  ELOOP: 'loop',
  // Of the process or the machine: WIT has no case for too many open files.
  EMFILE: 'quota',
  ENAMETOOLONG: 'name-too-long',
  ENFILE: 'quota',
  ENODEV: 'no-device',
  ENOENT: 'no-entry',
  ENOMEM: 'insufficient-memory',
  ENOTDIR: 'not-directory',
  ENOTSUP: 'unsupported',
  ENXIO: 'no-such-device',
  EOVERFLOW: 'overflow',
  EPERM: 'not-permitted',
  EROFS: 'read-only',
  ETXTBSY: 'text-file-busy',
};

/** The error case of a function of wasi:filesystem. */
export const refusal = (code: FileErrorCode): ResultError => new ResultError(code);

/** @returns the case for an error of Node's; `io` for all that has no other. */
export function fileErrorCode(thrown: unknown): FileErrorCode {
  const { code } = thrown as { readonly code?: unknown };
  const known =
    typeof code === 'string' && Object.hasOwn(BY_NODE_CODE, code) ? BY_NODE_CODE[code] : undefined;
  return known ?? 'io';
}

/** Asks the system, and answers with an error case where that refuses. */
export function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (thrown) {
    if (thrown instanceof ResultError) throw thrown;
    throw refusal(fileErrorCode(thrown));
  }
}
