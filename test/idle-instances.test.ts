/** Which instances a thread keeps for later requests, and when it lets them go; by a clock of the tests' own. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type IdleInstance, IdleInstances, type IdleLimits } from '../host/threads/idle-instances.ts';

const MB = 1_048_576;

function kept(limits: Partial<IdleLimits> = {}) {
  let nowMs = 0;
  const released: string[] = [];
  const idle = new IdleInstances({
    countMax: 4,
    memoryBytesMax: 10 * MB,
    nowMs: () => nowMs,
    ...limits,
  });
  const give = (name: string, more: Partial<IdleInstance> = {}) =>
    idle.give({
      lease: 1,
      component: 1,
      served: 1,
      idleMs: 1_000,
      memoryBytes: MB,
      instance: { release: () => void released.push(name) },
      ...more,
    });
  const passes = (ms: number) => {
    nowMs += ms;
  };
  return { idle, released, give, passes };
}

describe('an idle instance', () => {
  test('is found by its lease alone, and by one request alone', () => {
    const { idle, give } = kept();
    give('a', { lease: 7, served: 3 });
    expect(idle.take(8)).toBeUndefined();
    expect(idle.take(7)).toMatchObject({ served: 3 });
    expect(idle.take(7)).toBeUndefined();
    expect(idle.count).toBe(0);
  });

  test('is the one that was used last', () => {
    const { idle, give } = kept();
    give('a', { served: 1 });
    give('b', { served: 2 });
    expect([idle.take(1)?.served, idle.take(1)?.served]).toEqual([2, 1]);
  });

  test('lives through its time, the last moment included, and no longer', () => {
    const { idle, give, passes, released } = kept();
    give('a');
    give('b');
    passes(1_000);
    expect(idle.nextExpiryMs).toBe(1_000);
    expect(idle.take(1)).toBeDefined();
    passes(1);
    expect(idle.take(1)).toBeUndefined();
    expect(released).toEqual(['a']);
    expect(idle.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('goes when its function changes or its component is unloaded, and no other does', () => {
    const { idle, give, released } = kept();
    give('a', { lease: 1, component: 1 });
    give('b', { lease: 2, component: 1 });
    give('c', { lease: 3, component: 2 });
    idle.forgetLease(2);
    expect(released).toEqual(['b']);
    idle.forgetComponent(1);
    expect(released).toEqual(['b', 'a']);
    expect(idle.take(3)).toBeDefined();
  });

  test('makes room for newer ones, by number and by size', () => {
    const { give, released } = kept();
    for (const name of 'abcde') give(name);
    expect(released).toEqual(['a']);
    give('f', { memoryBytes: 8 * MB });
    expect(released).toEqual(['a', 'b', 'c']);
  });

  test('that is larger than all may be together is let go at once, and drives nobody out', () => {
    const { idle, give, released } = kept();
    give('a');
    give('b', { memoryBytes: 10 * MB + 1 });
    expect(released).toEqual(['b']);
    expect(idle.count).toBe(1);
  });
});

test('whatever happens, each is taken or released once, and the limits hold', () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant('give' as const), lease: fc.nat(3), mb: fc.nat(12), idleMs: fc.nat(50) }),
    fc.record({ do: fc.constant('take' as const), lease: fc.nat(3) }),
    fc.record({ do: fc.constant('forget' as const), lease: fc.nat(3) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(40) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const { idle, released, give, passes } = kept();
      let given = 0;
      let taken = 0;
      for (const one of actions) {
        if (one.do === 'give') {
          const { lease, idleMs } = one;
          give(String(given++), { lease, component: lease, idleMs, memoryBytes: one.mb * MB });
        } else if (one.do === 'take') {
          const found = idle.take(one.lease);
          if (found) {
            taken++;
            expect(found.lease).toBe(one.lease);
          }
        } else if (one.do === 'forget') idle.forgetComponent(one.lease);
        else passes(one.ms);
        expect(idle.count).toBeLessThanOrEqual(4);
        expect(new Set(released).size).toBe(released.length);
        expect(given).toBe(taken + released.length + idle.count);
      }
    }),
  );
});
