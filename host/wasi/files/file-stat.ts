/** What is told of a file or folder: its name, its type, its size, its times, and a number that changes with them. */
import { createHash } from 'node:crypto';
import type { BigIntStats, Dirent } from 'node:fs';
import { refusal } from './file-errors.ts';

/** `wasi:filesystem/types.descriptor-type` */
export type DescriptorType =
  | 'unknown'
  | 'block-device'
  | 'character-device'
  | 'directory'
  | 'fifo'
  | 'symbolic-link'
  | 'regular-file'
  | 'socket';

/** `wasi:clocks/wall-clock.datetime` */
interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

/** `wasi:filesystem/types.descriptor-stat` */
export interface DescriptorStat {
  readonly type: DescriptorType;
  readonly linkCount: bigint;
  readonly size: bigint;
  readonly dataAccessTimestamp: Datetime | undefined;
  readonly dataModificationTimestamp: Datetime | undefined;
  readonly statusChangeTimestamp: Datetime | undefined;
}

/** `wasi:filesystem/types.metadata-hash-value` */
export interface MetadataHash {
  readonly lower: bigint;
  readonly upper: bigint;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A name, or a link's content, as the system has it: bytes, which guests cannot be given when they are no text.
 * @throws ResultError `illegal-byte-sequence`
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw refusal('illegal-byte-sequence');
  }
}

const NS_PER_SECOND = 1_000_000_000n;

/** Before 1970 there is no datetime. */
function datetime(ns: bigint): Datetime | undefined {
  if (ns < 0n) return undefined;
  return { seconds: ns / NS_PER_SECOND, nanoseconds: Number(ns % NS_PER_SECOND) };
}

export function typeOf(entry: BigIntStats | Dirent<Buffer>): DescriptorType {
  if (entry.isFile()) return 'regular-file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symbolic-link';
  if (entry.isFIFO()) return 'fifo';
  if (entry.isSocket()) return 'socket';
  if (entry.isCharacterDevice()) return 'character-device';
  return entry.isBlockDevice() ? 'block-device' : 'unknown';
}

export const descriptorStat = (stats: BigIntStats): DescriptorStat => ({
  type: typeOf(stats),
  linkCount: stats.nlink,
  size: stats.size,
  dataAccessTimestamp: datetime(stats.atimeNs),
  dataModificationTimestamp: datetime(stats.mtimeNs),
  statusChangeTimestamp: datetime(stats.ctimeNs),
});

/** Whether two are the same file or folder, by whatever paths they were found. */
export const isSame = (one: BigIntStats, other: BigIntStats): boolean =>
  one.dev === other.dev && one.ino === other.ino;

/** Another one for every file, and another one when it was changed or replaced. */
export function metadataHash({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): MetadataHash {
  const digest = createHash('sha256').update([dev, ino, size, mtimeNs, ctimeNs].join(' ')).digest();
  return { lower: digest.readBigUInt64LE(0), upper: digest.readBigUInt64LE(8) };
}
