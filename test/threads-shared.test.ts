/** What two threads tell each other through shared memory: nothing is lost, and nothing is taken twice. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedArea } from '../host/threads/shared-area.ts';
import { SLOT_STATE, SLOTS_MAX } from '../host/threads/shared-slot.ts';
import { SlotStock } from '../host/threads/slot-stock.ts';
import { ThreadBell } from '../host/threads/thread-bell.ts';
import type { ThreadTask } from './threads-kit.ts';

const threadFor = (task: ThreadTask): Worker =>
  new Worker(new URL('./threads-worker.ts', import.meta.url), { workerData: task });

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('news', () => {
  test('of every slot reach the serving thread, once for all that was announced before', () => {
    const announced = fc.array(fc.integer({ min: 0, max: SLOTS_MAX - 1 }), { maxLength: 200 });
    fc.assert(
      fc.property(fc.array(announced, { maxLength: 4 }), (rounds) => {
        const area = new SharedArea();
        for (const indexes of rounds) {
          for (const index of indexes) area.announce(area.slot(index));
          const heard: number[] = [];
          for (let slot = area.nextNews(); slot; slot = area.nextNews()) heard.push(slot.index);
          expect(heard.sort((a, b) => a - b)).toEqual([...new Set(indexes)].sort((a, b) => a - b));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('need a message exactly when the serving thread has found none before, or has never looked', () => {
    const area = new SharedArea();
    const slot = area.slot(7);
    expect(new SharedArea(area.memory).announce(slot)).toBe(true);
    expect(area.announce(slot)).toBe(false);
    expect(area.nextNews()).toBe(slot);
    expect(area.announce(slot)).toBe(false);
    expect(area.nextNews()).toBe(slot);
    expect(area.nextNews()).toBeUndefined();
    expect(area.announce(slot)).toBe(true);
    expect(area.announce(area.slot(8))).toBe(false);
  });

  test('are not lost between a thread that announces and one that waits for messages', async () => {
    const area = new SharedArea();
    const times = 30_000;
    const worker = threadFor({ part: 'announces', area: area.memory, bell: area.memory, times });
    // What a slot had told by the last time that it was heard of.
    const heard = new Array<number>(SLOTS_MAX).fill(0);
    const sum = () => heard.reduce((all, one) => all + one, 0);
    const drain = () => {
      for (let slot = area.nextNews(); slot; slot = area.nextNews())
        heard[slot.index] = slot.used[7] as number;
    };
    drain();
    let isDone = false;
    worker.on('message', (message) => {
      if (message === 'news') drain();
      else isDone = true;
    });
    while (!isDone) await once(worker, 'message');
    expect(sum()).toBe(times);
    await worker.terminate();
  });
});

describe('a slot', () => {
  test('that is queued goes to the thread or is taken back, never both, and every one is heard of', async () => {
    const area = new SharedArea();
    const bell = new ThreadBell();
    const worker = threadFor({ part: 'takes', area: area.memory, bell: bell.memory, times: 0 });
    const claimed = new Promise<number[]>((resolve) =>
      worker.once('message', (told) => resolve(told.claimed)),
    );
    const push = (index: number) => {
      if (bell.push(area.slot(index).queue())) worker.postMessage('wake');
    };
    const recalled: number[] = [];
    const times = 4_000;
    for (let count = 0; count < times; count++) {
      const slot = area.slot(count % 16);
      while (slot.state !== SLOT_STATE.free && slot.state !== SLOT_STATE.done) await turn();
      slot.clear();
      slot.used[7] = count;
      push(slot.index);
      if (count % 3 === 0) await turn();
      if (count % 2 === 0 && slot.recall()) recalled.push(count);
    }
    push(SLOTS_MAX - 1);
    const all = [...(await claimed), ...recalled].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: times }, (_, count) => count));
    await worker.terminate();
  });

  test('that was taken back and queued again is not taken by its old entry', () => {
    const area = new SharedArea();
    const bell = new ThreadBell();
    const slot = area.slot(5);
    bell.push(slot.queue());
    expect(slot.recall()).toBe(true);
    expect(slot.recall()).toBe(false);
    bell.push(slot.queue());
    const [old, entry] = [bell.take(), bell.take()];
    expect([old?.index, entry?.index, bell.take()]).toEqual([5, 5, undefined]);
    expect(slot.claim(old?.generation as number, SLOT_STATE.running)).toBe(false);
    expect(slot.claim(entry?.generation as number, SLOT_STATE.running)).toBe(true);
    expect(slot.recall()).toBe(false);
  });

  test('is taken by its newest entry through all that it goes through', () => {
    const area = new SharedArea();
    const bell = new ThreadBell();
    const slot = area.slot(SLOTS_MAX - 1);
    for (let count = 0; count < 5_000; count++) {
      bell.push(slot.queue());
      const entry = bell.take();
      expect(slot.claim(entry?.generation as number, SLOT_STATE.running)).toBe(true);
      slot.become(SLOT_STATE.parked);
      slot.become(SLOT_STATE.done);
      slot.clear();
    }
    expect(slot.state).toBe(SLOT_STATE.done);
  });
});

describe('a bell', () => {
  test('asks for a message exactly while its thread sleeps long', () => {
    const bell = new ThreadBell();
    expect(bell.ring()).toBe(false);
    const seen = bell.news;
    expect(bell.beginLongSleep(seen)).toBe(true);
    expect(bell.ring()).toBe(true);
    bell.endLongSleep();
    expect(bell.ring()).toBe(false);
    // What came before it lay down keeps it awake.
    expect(bell.beginLongSleep(seen)).toBe(false);
    expect(bell.sleep(seen, Number.POSITIVE_INFINITY)).toBe(true);
  });
});

describe('the stock of slots', () => {
  test('has those back that a thread was ended with after its result and before it let go of them', () => {
    const area = new SharedArea();
    const stock = new SlotStock(area);
    const [thread, other] = [{}, {}];
    const [answered, running, elsewhere] = [stock.take(), stock.take(), stock.take()];
    for (const slot of [answered, running, elsewhere]) slot.become(SLOT_STATE.running);
    stock.giveBack(answered, thread);
    stock.giveBack(elsewhere, other);
    const letGo = stock.hold(thread, [running]);
    stock.giveBack(running, thread);
    expect(stock.count).toBe(SLOTS_MAX - 3);
    letGo();
    expect(stock.count).toBe(SLOTS_MAX - 1);
    stock.hold(other, [])();
    expect(stock.count).toBe(SLOTS_MAX);
  });

  const step = fc.oneof(
    fc.constant('take' as const),
    fc.constant('giveBack' as const),
    fc.constant('end' as const),
    fc.constant('hold' as const),
    fc.constant('letGo' as const),
  );

  test('never gives a slot twice, nor one that a worker still touches, and has all of them in the end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat()), { maxLength: 300 }), (steps) => {
        const area = new SharedArea();
        const stock = new SlotStock(area);
        const running = new Set<number>();
        const given = new Set<number>();
        const touched = new Set<number>();
        /** Threads that live, and the one that each slot is with. */
        const threads = [{}, {}, {}];
        const threadOf = new Map<number, object>();
        const held: { readonly indexes: number[]; readonly letGo: () => void }[] = [];
        const pick = (from: ReadonlySet<number>, at: number) => [...from][at % Math.max(1, from.size)];
        const end = (index: number) => {
          area.slot(index).become(SLOT_STATE.done);
          touched.delete(index);
        };
        const giveBack = (index: number) => {
          running.delete(index);
          given.add(index);
          stock.giveBack(area.slot(index), threadOf.get(index));
        };
        const letGo = () => {
          const last = held.pop();
          for (const index of last?.indexes ?? []) {
            if (running.has(index)) giveBack(index);
            touched.delete(index);
          }
          last?.letGo();
        };
        for (const [what, at] of steps) {
          if (what === 'take' && stock.count > 0) {
            const { index } = stock.take();
            expect(running.has(index) || touched.has(index)).toBe(false);
            given.delete(index);
            running.add(index);
            touched.add(index);
            threadOf.set(index, threads[at % threads.length]!);
            area.slot(index).become(SLOT_STATE.running);
          }
          const isHeld = (index: number) => held.some(({ indexes }) => indexes.includes(index));
          const one = pick(running, at);
          if (what === 'giveBack' && one !== undefined) giveBack(one);
          const ending = pick(touched, at);
          if (what === 'end' && ending !== undefined && !isHeld(ending)) end(ending);
          if (what === 'hold') {
            const thread = threads[at % threads.length]!;
            threads[at % threads.length] = {};
            const isOn = (index: number) => threadOf.get(index) === thread;
            const slots = [...running].filter(isOn).map((index) => area.slot(index));
            // It ends nothing any more, not even what was given back before.
            const indexes = [...new Set([...running, ...touched])].filter(isOn);
            held.push({ indexes, letGo: stock.hold(thread, slots) });
          }
          if (what === 'letGo') letGo();
        }
        while (held.length > 0) letGo();
        for (const index of [...touched]) end(index);
        for (const index of [...running]) giveBack(index);
        // Those that ended last are found with the next one that is given back.
        const last = stock.take();
        last.become(SLOT_STATE.done);
        stock.giveBack(last, undefined);
        expect(stock.count).toBe(SLOTS_MAX);
      }),
      { numRuns: 100 },
    );
  });
});
