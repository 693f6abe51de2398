/** Signatures of wasi:filesystem, in any 0.2.x version. */

const ERROR_CODE = `enum{
  access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large, illegal-byte-sequence,
  in-progress, interrupted, invalid, io, is-directory, loop, too-many-links, message-size, name-too-long, no-device,
  no-entry, no-lock, insufficient-memory, insufficient-space, not-directory, not-empty, not-recoverable, unsupported,
  no-tty, no-such-device, overflow, not-permitted, pipe, read-only, invalid-seek, text-file-busy, cross-device
}`;
const TYPE = `enum{
  unknown, block-device, character-device, directory, fifo, symbolic-link, regular-file, socket
}`;
const FLAGS = `flags{
  read, write, file-integrity-sync, data-integrity-sync, requested-write-sync, mutate-directory
}`;
const DATETIME = 'record{seconds: u64, nanoseconds: u32}';
const STAT = `record{
  type: ${TYPE},
  link-count: u64,
  size: u64,
  data-access-timestamp: option<${DATETIME}>,
  data-modification-timestamp: option<${DATETIME}>,
  status-change-timestamp: option<${DATETIME}>
}`;
const PATH_FLAGS = 'flags{symlink-follow}';
const OPEN_FLAGS = 'flags{create, directory, exclusive, truncate}';
const NEW_TIME = `variant{no-change, now, timestamp(${DATETIME})}`;
const ADVICE = 'enum{normal, sequential, random, will-need, dont-need, no-reuse}';
const HASH = 'record{lower: u64, upper: u64}';
const SELF = 'borrow<descriptor>';

const FILES = {
  '[method]descriptor.read-via-stream': `(${SELF}, u64) -> result<own<input-stream>, ${ERROR_CODE}>`,
  '[method]descriptor.write-via-stream': `(${SELF}, u64) -> result<own<output-stream>, ${ERROR_CODE}>`,
  '[method]descriptor.append-via-stream': `(${SELF}) -> result<own<output-stream>, ${ERROR_CODE}>`,
  '[method]descriptor.advise': `(${SELF}, u64, u64, ${ADVICE}) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.sync-data': `(${SELF}) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.get-flags': `(${SELF}) -> result<${FLAGS}, ${ERROR_CODE}>`,
  '[method]descriptor.get-type': `(${SELF}) -> result<${TYPE}, ${ERROR_CODE}>`,
  '[method]descriptor.set-size': `(${SELF}, u64) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.set-times': `(${SELF}, ${NEW_TIME}, ${NEW_TIME}) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.read': `(${SELF}, u64, u64) -> result<tuple<list<u8>, bool>, ${ERROR_CODE}>`,
  '[method]descriptor.write': `(${SELF}, list<u8>, u64) -> result<u64, ${ERROR_CODE}>`,
  '[method]descriptor.sync': `(${SELF}) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.stat': `(${SELF}) -> result<${STAT}, ${ERROR_CODE}>`,
  '[method]descriptor.is-same-object': `(${SELF}, ${SELF}) -> bool`,
  '[method]descriptor.metadata-hash': `(${SELF}) -> result<${HASH}, ${ERROR_CODE}>`,
} as const;

const FOLDERS = {
  '[method]descriptor.read-directory': `(${SELF}) -> result<own<directory-entry-stream>, ${ERROR_CODE}>`,
  '[method]descriptor.create-directory-at': `(${SELF}, string) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.stat-at': `(${SELF}, ${PATH_FLAGS}, string) -> result<${STAT}, ${ERROR_CODE}>`,
  '[method]descriptor.set-times-at': `(${SELF}, ${PATH_FLAGS}, string, ${NEW_TIME}, ${NEW_TIME})
    -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.link-at': `(${SELF}, ${PATH_FLAGS}, string, ${SELF}, string) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.open-at': `(${SELF}, ${PATH_FLAGS}, string, ${OPEN_FLAGS}, ${FLAGS})
    -> result<own<descriptor>, ${ERROR_CODE}>`,
  '[method]descriptor.readlink-at': `(${SELF}, string) -> result<string, ${ERROR_CODE}>`,
  '[method]descriptor.remove-directory-at': `(${SELF}, string) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.rename-at': `(${SELF}, string, ${SELF}, string) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.symlink-at': `(${SELF}, string, string) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.unlink-file-at': `(${SELF}, string) -> result<_, ${ERROR_CODE}>`,
  '[method]descriptor.metadata-hash-at': `(${SELF}, ${PATH_FLAGS}, string) -> result<${HASH}, ${ERROR_CODE}>`,
  '[method]directory-entry-stream.read-directory-entry': `(borrow<directory-entry-stream>)
    -> result<option<record{type: ${TYPE}, name: string}>, ${ERROR_CODE}>`,
} as const;

export const FILESYSTEM_SIGNATURES = {
  'wasi:filesystem/preopens': { 'get-directories': '() -> list<tuple<own<descriptor>, string>>' },
  'wasi:filesystem/types': {
    ...FILES,
    ...FOLDERS,
    'filesystem-error-code': `(borrow<error>) -> option<${ERROR_CODE}>`,
  },
} as const;
