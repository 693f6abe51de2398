/** Bytes that wait until somebody takes them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BytePile } from '../host/byte-pile.ts';

test('come out as they went in, whatever the pieces', () => {
  const step = fc.oneof(
    fc.record({ push: fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 200_000 })) }),
    fc.record({ take: fc.integer({ min: 1, max: 300_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const pile = new BytePile();
      let waiting = Buffer.alloc(0);
      for (const one of steps) {
        if ('push' in one) {
          pile.push(one.push);
          waiting = Buffer.concat([waiting, one.push]);
        } else {
          const taken = pile.take(one.take);
          expect(taken.length).toBeGreaterThanOrEqual(Math.min(1, waiting.length));
          expect(taken.length).toBeLessThanOrEqual(one.take);
          expect(waiting.subarray(0, taken.length).equals(taken)).toBe(true);
          waiting = waiting.subarray(taken.length);
        }
        expect(pile.bytes).toBe(waiting.length);
      }
      expect(pile.all.equals(waiting)).toBe(true);
      pile.clear();
      expect([pile.bytes, pile.all.length, pile.take(1).length]).toEqual([0, 0, 0]);
    }),
    { numRuns: 200 },
  );
});

test('are copies of what was pushed', () => {
  const pile = new BytePile();
  const bytes = new Uint8Array([1, 2]);
  pile.push(bytes);
  bytes.fill(9);
  pile.push(bytes);
  expect([...pile.all]).toEqual([1, 2, 9, 9]);
});

test('in many small pieces are taken in few large ones', () => {
  const pile = new BytePile();
  for (let count = 0; count < 1_000_000; count++) pile.push(new Uint8Array(count % 2));
  let pieces = 0;
  while (pile.take(Number.POSITIVE_INFINITY).length > 0) pieces++;
  expect(pieces).toBeLessThan(40);
});
