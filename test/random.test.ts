/** wasi:random: bytes of any number, none of them given twice. */
import { describe, expect, test } from 'vitest';
import { RANDOM } from '../host/wasi/random.ts';

interface Random {
  getRandomBytes(lengthBytes: bigint): Uint8Array;
  getRandomU64(): bigint;
}

const { getRandomBytes, getRandomU64 } = RANDOM['wasi:random/random'] as Random;

describe('random bytes', () => {
  test.each([0, 1, 7, 8, 255, 256, 257, 4_096, 100_000])('are as many as were asked for: %i', (length) => {
    expect(getRandomBytes(BigInt(length)).length).toBe(length);
  });

  test('are given once each, in pieces of any size', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 2_000; round++) {
      const bytes = getRandomBytes(BigInt(8 + (round % 300)));
      for (let at = 0; at + 8 <= bytes.length; at += 8)
        seen.add(Buffer.from(bytes.subarray(at, at + 8)).toString('hex'));
      seen.add(getRandomU64().toString(16).padStart(16, '0'));
    }
    const pieces = Array.from({ length: 2_000 }, (_, round) => 1 + Math.floor((8 + (round % 300)) / 8));
    expect(seen.size).toBe(pieces.reduce((sum, count) => sum + count, 0));
  });

  test('of one call stay as they are through the next', () => {
    const first = getRandomBytes(64n);
    const copy = first.slice();
    for (let round = 0; round < 200; round++) getRandomBytes(64n).fill(0);
    expect(first).toEqual(copy);
  });

  test('are all values alike, roughly', () => {
    const counts = new Uint32Array(256);
    for (let round = 0; round < 1_024; round++) for (const byte of getRandomBytes(250n)) counts[byte]!++;
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(300);
  });

  test('are refused when one call asks for more than 16 MiB', () => {
    expect(() => getRandomBytes(16n * 1_048_576n + 1n)).toThrow('expected at most 16777216 bytes');
  });
});
