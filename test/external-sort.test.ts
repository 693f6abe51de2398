/** Sorting more arrivals than are in memory, for whatever arrivals. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArrivalBuffer } from '../simulator/traces/arrival-buffer.ts';
import { ExternalSort } from '../simulator/traces/external-sort.ts';
import { piecesOf } from '../simulator/traces/stored-rows.ts';
import { TempFiles } from '../simulator/traces/temp-files.ts';
import type { ArrivalPiece } from '../simulator/traces/trace.ts';
import { atOnce } from '../simulator/traces/turns.ts';

describe('the external sort', () => {
  it('is the stable sort, whatever the rows, the runs and how many are merged at once', () => {
    const times = fc.array(fc.oneof(fc.nat({ max: 9 }), fc.integer({ min: -1e12, max: 1e12 })), {
      maxLength: 120,
    });
    const files = new TempFiles();
    fc.assert(
      fc.property(
        times,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 2, max: 5 }),
        (list, runMax, fanIn) => {
          const sort = new ExternalSort({ files, inMemoryMax: runMax }, ['bytesIn'], fanIn);
          for (let from = 0; from < list.length; from += runMax) {
            atOnce(sort.add(bufferOf(list.slice(from, from + runMax), from), 'x'));
          }
          const rows = atOnce(sort.finish());
          const got = [] as (number | undefined)[][];
          // Each piece is gone when the next one comes.
          for (const piece of piecesOf(rows)) got.push(...rowsOf(piece));
          files.end();
          const places = list
            .map((_, place) => place)
            .sort((a, b) => (list[a] as number) - (list[b] as number));
          expect(got).toEqual(places.map((place) => [list[place], place, place, place / 2]));
          expect(rows).toMatchObject({
            count: list.length,
            firstUs: got[0]?.[0] ?? 0,
            lastUs: got.at(-1)?.[0] ?? 0,
          });
        },
      ),
    );
  });

  it('says how far its merging is, over all its passes', () => {
    const files = new TempFiles();
    const sort = new ExternalSort({ files, inMemoryMax: 3 }, [], 2);
    for (let from = 0; from < 30; from += 3) atOnce(sort.add(bufferOf([9, 5, 1], from), 'x'));
    // Ten runs, then five, three, two and one; what is over is rewritten as it is.
    const stages = [...sort.finish()];
    files.end();
    expect(new Set(stages.map(({ doing }) => doing))).toEqual(new Set(['sorting']));
    const shares = stages.map(({ share }) => share);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect([shares.length, shares[0], shares.at(-1)]).toEqual([40, 1 / 40, 1]);
  });
});

/** Rows that say where they stood. */
function bufferOf(times: readonly number[], from: number): ArrivalBuffer {
  const buffer = new ArrivalBuffer(['bytesIn'], times.length);
  for (const [index, timeUs] of times.entries()) {
    const at = buffer.place();
    buffer.arrivedAtUs[at] = timeUs;
    buffer.runUs[at] = from + index;
    buffer.functionIndex[at] = from + index;
    (buffer.columns.bytesIn as Float64Array)[at] = (from + index) / 2;
  }
  return buffer;
}

const rowsOf = ({ count, arrivedAtUs, runUs, functionIndex, columns }: ArrivalPiece) =>
  Array.from({ length: count }, (_, at) => [
    arrivedAtUs[at],
    runUs[at],
    functionIndex[at],
    columns.bytesIn?.[at],
  ]);
