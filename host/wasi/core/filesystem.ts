/** Signatures of wasi:filesystem, in any 0.2.x version: what can be called without any folder or file. */

const ERROR_CODE = `enum{
  access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large, illegal-byte-sequence,
  in-progress, interrupted, invalid, io, is-directory, loop, too-many-links, message-size, name-too-long, no-device,
  no-entry, no-lock, insufficient-memory, insufficient-space, not-directory, not-empty, not-recoverable, unsupported,
  no-tty, no-such-device, overflow, not-permitted, pipe, read-only, invalid-seek, text-file-busy, cross-device
}`;

export const FILESYSTEM_SIGNATURES = {
  'wasi:filesystem/preopens': { 'get-directories': '() -> list<tuple<own<descriptor>, string>>' },
  'wasi:filesystem/types': {
    'filesystem-error-code': `(borrow<error>) -> option<${ERROR_CODE}>`,
  },
} as const;
