/**
 * Random bytes for guests, all from the system's source. They are fetched in stock, since a call of it takes as long as a
 * small guest's run.
 */
import { randomFillSync } from 'node:crypto';
import type { HostFunctions } from '../component/link.ts';

/** The most random bytes that one call may ask for; more would be memory that no limit counts. */
const RANDOM_BYTES_MAX = 16n * 1_048_576n;

const STOCK_BYTES = 4_096;
/** More than this comes from the source itself. */
const STOCKED_BYTES_MAX = 256;

const stock = new Uint8Array(STOCK_BYTES);
let taken = STOCK_BYTES;

/** Each byte is given once, and nothing of it stays in the stock. */
function fromStock(lengthBytes: number): Uint8Array<ArrayBuffer> {
  if (taken + lengthBytes > STOCK_BYTES) {
    randomFillSync(stock);
    taken = 0;
  }
  const end = taken + lengthBytes;
  const bytes = stock.slice(taken, end);
  stock.fill(0, taken, end);
  taken = end;
  return bytes;
}

function randomBytes(lengthBytes: bigint): Uint8Array<ArrayBuffer> {
  if (lengthBytes > RANDOM_BYTES_MAX) {
    throw new RangeError(`random: expected at most ${RANDOM_BYTES_MAX} bytes, got ${lengthBytes}`);
  }
  const length = Number(lengthBytes);
  return length <= STOCKED_BYTES_MAX ? fromStock(length) : randomFillSync(new Uint8Array(length));
}

const randomU64 = (): bigint => new DataView(fromStock(8).buffer).getBigUint64(0);

export const RANDOM: HostFunctions = {
  'wasi:random/random': { getRandomBytes: randomBytes, getRandomU64: randomU64 },
  'wasi:random/insecure': { getInsecureRandomBytes: randomBytes, getInsecureRandomU64: randomU64 },
  'wasi:random/insecure-seed': { insecureSeed: () => [randomU64(), randomU64()] },
};
