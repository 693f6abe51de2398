/** Memory that deploying has taken is given back at rest, and never while anybody asks something of the host. */
import { getHeapStatistics } from 'node:v8';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryRelief, REST_MS, releaseMemory } from '../host/memory-relief.ts';

describe('memory', () => {
  let count: number;
  let isIdle: boolean;
  let released: number;
  let relief: MemoryRelief;

  beforeEach(() => {
    vi.useFakeTimers();
    [count, isIdle, released] = [0, true, 0];
    relief = new MemoryRelief({ count: () => count, isIdle: () => isIdle }, () => {
      released++;
    });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test('is given back once, when the last deploy is long enough ago', () => {
    relief.expect();
    vi.advanceTimersByTime(REST_MS - 1);
    relief.expect();
    vi.advanceTimersByTime(REST_MS - 1);
    expect(released).toBe(0);
    vi.advanceTimersByTime(1);
    expect(released).toBe(1);
    vi.advanceTimersByTime(10 * REST_MS);
    expect(released).toBe(1);
  });

  test('stays as long as requests come or run, and is given back when they rest as well', () => {
    relief.expect();
    count++;
    vi.advanceTimersByTime(REST_MS);
    isIdle = false;
    vi.advanceTimersByTime(REST_MS);
    expect(released).toBe(0);
    isIdle = true;
    vi.advanceTimersByTime(REST_MS);
    expect(released).toBe(1);
  });

  test('stays where nothing was deployed, and where the host is closed', () => {
    vi.advanceTimersByTime(10 * REST_MS);
    relief.expect();
    relief.close();
    vi.advanceTimersByTime(10 * REST_MS);
    expect(released).toBe(0);
  });
});

test('what is released is what a heap has grown by', () => {
  const sizeMb = () => getHeapStatistics().total_physical_size / 1_048_576;
  let kept: object[] | undefined = Array.from({ length: 1_000_000 }, (_zero, index) => ({ index }));
  expect(kept.length).toBe(1_000_000);
  const grownMb = sizeMb();
  kept = undefined;
  releaseMemory();
  expect(sizeMb()).toBeLessThan(grownMb - 10);
  expect(Reflect.get(globalThis, 'gc')).toBe(undefined);
});
