/** Which thread takes what, decided on real executions and slots, beside threads that only stand there. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Execution } from '../host/threads/execution.ts';
import { Placement } from '../host/threads/placement.ts';
import { SharedSlot, SLOT_BYTES, SLOT_STATE, type SlotState, USED } from '../host/threads/shared-slot.ts';
import { GuestThread, type ThreadLoad } from '../host/threads/thread.ts';
import type { Waiting } from '../host/threads/waiting-requests.ts';
import { orderOf } from './pool-kit.ts';

const WORKERS = 2;
const SPARE = 8;
const INBOX = 8;
const SHORT_US = 100;
const LONG_US = 50_000;

const realLoad = Object.getOwnPropertyDescriptor(GuestThread.prototype, 'load')?.get as () => ThreadLoad;

/** What the placement sees of a thread; nothing runs in it but what a test says. */
class StillThread {
  readonly executions = new Set<Execution>();
  readonly learnt: number[] = [];
  isReady = true;
  isStuck = false;
  idleSinceMs = 0;
  lease = 0;

  get load(): ThreadLoad {
    return realLoad.call(this);
  }

  isWarmFor(lease: number): boolean {
    return this.lease === lease;
  }

  learn(_component: unknown, id: number): void {
    this.learnt.push(id);
  }

  push(execution: Execution): void {
    this.executions.add(execution);
    execution.thread = this;
    execution.slot.queue();
  }

  remove(execution: Execution): void {
    this.executions.delete(execution);
  }

  ring(): void {}

  fuelLeftOf(): bigint {
    return 0n;
  }
}

let threads: Set<StillThread>;
let placement: Placement;

beforeEach(() => {
  threads = new Set();
  placement = new Placement(WORKERS, threads as ReadonlySet<unknown> as ReadonlySet<GuestThread>);
});

function addThread(): StillThread {
  const thread = new StillThread();
  threads.add(thread);
  return thread;
}

const added = (count: number): StillThread[] => Array.from({ length: count }, addThread);

function execution(functionName = 'f', isExclusive = false): Execution {
  const slot = new SharedSlot(new SharedArrayBuffer(SLOT_BYTES), 0, 0);
  const order = {
    ...{ ...orderOf(functionName, '/'), compiled: {} as never, component: 7, enqueuedMs: 0 },
    ...{ hasChecks: true, isExclusive, sendOutbound: () => ({}) as never },
  };
  return new Execution(slot, order, () => undefined);
}

/** An execution that is on a thread, in a state that its worker would have given it. */
function on(thread: StillThread, state: SlotState, functionName = 'f', isExclusive = false): Execution {
  const one = execution(functionName, isExclusive);
  thread.push(one);
  if (state === SLOT_STATE.queued) return one;
  one.slot.become(state);
  one.slot.used[USED.startedAtMs] = performance.timeOrigin + 1;
  return one;
}

const request = (functionName = 'f', fields: Partial<Waiting<GuestThread>> = {}): Waiting<GuestThread> => ({
  ...{ functionName, lease: 1, level: 0, isExclusive: false, concurrency: 100 },
  ...{ queueTimeoutMs: 1_000, enqueuedMs: 0, start: () => undefined, refuse: () => undefined },
  ...fields,
});

/** Makes a function known by runs of this length. */
function ran(functionName: string, ...runsUs: readonly number[]): void {
  for (const runUs of runsUs) placement.ended(execution(functionName), runUs);
}

const { queued, running, parked, blocked, done } = SLOT_STATE;

describe('a request that could run at once', () => {
  test('gets a thread that keeps an instance for it before one that has nothing to do', () => {
    const [idle, warm] = added(2) as [StillThread, StillThread];
    warm.lease = 1;
    expect(placement.threadFor(request())).toBe(warm);
    expect(placement.threadFor(request('f', { lease: 2 }))).toBe(idle);
  });

  test.each([
    ['computes', running],
    ['is about to', queued],
    ['is held by a guest that waits', blocked],
  ])('gets no thread that %s', (_what, state) => {
    ran('short', SHORT_US);
    on(addThread(), state, 'short');
    expect(placement.threadFor(request('short'))).toBeUndefined();
  });

  test('gets none that is still starting, and one whose last run is over but not yet heard of', () => {
    const thread = addThread();
    thread.isReady = false;
    expect(placement.threadFor(request())).toBeUndefined();
    thread.isReady = true;
    on(thread, done);
    expect(placement.threadFor(request())).toBe(thread);
  });

  test('shares a thread whose guests all wait where its runs are short, the one with the fewest', () => {
    const [more, fewer] = added(2) as [StillThread, StillThread];
    for (const thread of [more, more, fewer]) on(thread, parked);
    expect(placement.threadFor(request('unknown'))).toBeUndefined();
    ran('long', LONG_US);
    expect(placement.threadFor(request('long'))).toBeUndefined();
    ran('short', SHORT_US);
    expect(placement.threadFor(request('short'))).toBe(fewer);
    const free = addThread();
    expect(placement.threadFor(request('short'))).toBe(free);
  });

  test('shares one whatever its runs take once there are no more threads to be had', () => {
    for (const thread of added(WORKERS + SPARE)) on(thread, parked);
    expect(placement.threadsMaxFor(request())).toBe(threads.size);
    expect(placement.threadFor(request('unknown'))).toBe([...threads][0]);
  });

  test('joins others on one thread when its runs take less than waking another, three at most', () => {
    ran('tiny', 30);
    ran('long', LONG_US);
    const [awake, asleep] = added(2) as [StillThread, StillThread];
    expect(placement.threadFor(request('tiny'))).toBe(awake);
    for (const state of [running, queued, queued]) {
      if (state === queued) expect(placement.threadFor(request('tiny'))).toBe(awake);
      on(awake, state, 'tiny');
    }
    expect(placement.threadFor(request('tiny'))).toBe(asleep);
    expect(placement.threadFor(request('long'))).toBe(asleep);
    on(asleep, running, 'long');
    expect(placement.threadFor(request('tiny'))).toBeUndefined();
  });

  test('never shares one with a run that must have it for itself, on either side', () => {
    for (const thread of added(WORKERS + SPARE)) on(thread, parked, 'f', true);
    expect(placement.threadFor(request())).toBeUndefined();
    const shared = addThread();
    on(shared, parked);
    expect(placement.threadFor(request())).toBe(shared);
    const exclusive = request('f', { isExclusive: true });
    expect(placement.threadFor(exclusive)).toBeUndefined();
    expect(placement.threadsMaxFor(exclusive)).toBeGreaterThan(placement.threadsMaxFor(request()));
    const free = addThread();
    expect(placement.threadFor(exclusive)).toBe(free);
  });
});

describe('a request that finds every thread at work', () => {
  test.each([
    ['up to a full inbox', 20, INBOX],
    ['up to half a millisecond', SHORT_US, 4],
  ])('waits behind short runs when it is short, where the fewest wait, %s', (_what, runUs, most) => {
    const [one, two] = added(2) as [StillThread, StillThread];
    ran('short', runUs);
    for (const thread of [one, two]) on(thread, running, 'short');
    expect(placement.threadBehind(request('unknown'))).toBeUndefined();
    expect(placement.threadBehind(request('short', { isExclusive: true }))).toBeUndefined();
    for (let count = 0; count < 2 * most; count++) {
      const behind = placement.threadBehind(request('short')) as unknown as StillThread;
      on(behind, queued, 'short');
      expect(Math.abs(one.load.queued - two.load.queued)).toBeLessThan(2);
    }
    expect([one.load.queued, two.load.queued]).toEqual([most, most]);
    expect(placement.threadBehind(request('short'))).toBeUndefined();
    expect(placement.computing).toBe(2);
  });

  test.each<[string, (thread: StillThread) => void]>([
    ['a run of unknown length', (thread) => on(thread, running, 'unknown')],
    ['a long run', (thread) => on(thread, running, 'long')],
    ['one that must have its thread for itself', (thread) => on(thread, running, 'short', true)],
    ['one that waits', (thread) => on(thread, parked, 'short')],
    ['one that holds its thread while it waits', (thread) => on(thread, blocked, 'short')],
  ])('never waits behind %s', (_what, occupy) => {
    ran('short', SHORT_US);
    ran('long', LONG_US);
    const thread = addThread();
    on(thread, running, 'short');
    expect(placement.threadBehind(request('short'))).toBe(thread);
    occupy(thread);
    expect(placement.threadBehind(request('short'))).toBeUndefined();
  });

  test('no longer waits behind others when its runs have become long, and again when they are short', () => {
    on(addThread(), running, 'short');
    ran('short', SHORT_US);
    ran('f', SHORT_US, LONG_US);
    expect(placement.threadBehind(request('f'))).toBeUndefined();
    ran('f', ...Array.from({ length: 30 }, () => SHORT_US));
    expect(placement.threadBehind(request('f'))).toBeDefined();
  });

  test('learns nothing of one that never began', () => {
    on(addThread(), running, 'short');
    ran('short', SHORT_US);
    placement.ended(execution('f'), undefined);
    expect(placement.threadBehind(request('f'))).toBeUndefined();
  });
});

describe('a short request that finds every thread at long runs', () => {
  beforeEach(() => {
    ran('short', SHORT_US);
    ran('long', LONG_US);
    for (const thread of added(WORKERS)) on(thread, running, 'long');
  });

  test('has a thread more started for it once it has waited a while', () => {
    const [short, long] = [request('short'), request('long')];
    expect([placement.expressThread(short), placement.expressThread(long)]).toEqual([undefined, undefined]);
    expect(placement.expressThreadsMax(short, short.enqueuedMs + 1)).toBe(0);
    expect(placement.expressThreadsMax(short, short.enqueuedMs + 2)).toBeGreaterThan(threads.size);
  });

  test('waits behind short ones where any thread is at those', () => {
    const [thread] = [...threads] as [StillThread];
    for (const long of [...thread.executions]) thread.remove(long);
    on(thread, running, 'short');
    addThread();
    const short = request('short');
    expect(placement.threadBehind(short)).toBe(thread);
    expect(placement.expressThread(short)).toBeUndefined();
    expect(placement.expressThreadsMax(short, short.enqueuedMs + 100)).toBe(0);
  });

  test('gets that thread, and those behind it wait for it there', () => {
    const express = addThread();
    const short = request('short');
    expect(placement.expressThread(request('long'))).toBeUndefined();
    expect(placement.expressThread(request('short', { isExclusive: true }))).toBeUndefined();
    expect(placement.expressThread(short)).toBe(express);
    on(express, running, 'short');
    addThread();
    expect(placement.expressThread(short)).toBeUndefined();
    expect(placement.expressThreadsMax(short, short.enqueuedMs + 100)).toBe(0);
    expect(placement.threadBehind(short)).toBe(express);
  });
});

describe('what waits behind a run that goes on', () => {
  test('moves to a thread that only waits, and nothing is queued behind that run until something ends there', () => {
    ran('short', SHORT_US);
    const [stuck, waiting] = added(2) as [StillThread, StillThread];
    const first = on(stuck, running, 'short');
    const behind = on(stuck, queued, 'short');
    on(waiting, parked);
    placement.rebalance();
    expect([behind.thread, [...stuck.executions]]).toEqual([waiting, [first]]);
    expect([behind.slot.state, waiting.learnt]).toEqual([queued, [7]]);
    waiting.remove(behind);
    behind.slot.become(done);
    expect(placement.threadBehind(request('short'))).toBeUndefined();
    placement.ended(first, SHORT_US);
    on(stuck, running, 'short');
    expect(placement.threadBehind(request('short'))).toBe(stuck);
  });

  test('stays where its worker has taken it in the meantime, or no other thread is free for it', () => {
    const [busy, other] = added(2) as [StillThread, StillThread];
    on(busy, running);
    const taken = on(busy, queued);
    on(other, running);
    placement.rebalance();
    expect(taken.thread).toBe(busy);
    on(addThread(), parked, 'f', true);
    placement.rebalance();
    expect(taken.thread).toBe(busy);
    // Claimed by the worker, which has not yet written when it began.
    taken.slot.become(running);
    other.executions.clear();
    placement.rebalance();
    expect([taken.thread, busy.isStuck]).toEqual([busy, false]);
  });

  test('can be withdrawn for good unless it has begun', () => {
    const thread = addThread();
    const begun = on(thread, running);
    const behind = on(thread, queued);
    expect([placement.withdraw(behind), placement.withdraw(behind)]).toEqual([true, true]);
    expect([thread.isStuck, thread.executions.size, behind.thread]).toEqual([true, 1, undefined]);
    expect(placement.withdraw(begun)).toBe(false);
    expect(begun.thread).toBe(thread);
  });
});

describe('what was queued on a thread that ends', () => {
  test('counts as work until another thread has it, and is at home there', () => {
    const ending = addThread();
    const left = on(ending, queued);
    const begun = on(ending, running);
    placement.takeBackAll(ending as unknown as GuestThread);
    threads.delete(ending);
    expect([left.thread, begun.thread]).toEqual([undefined, ending]);
    expect([placement.isAtRest, placement.vacant(0)]).toEqual([false, WORKERS - 1]);
    const next = addThread();
    placement.rebalance();
    expect([left.thread, placement.computing, placement.vacant(0)]).toEqual([next, 1, WORKERS - 1]);
    placement.ended(left, SHORT_US);
    expect([placement.isAtRest, placement.vacant(0)]).toEqual([true, WORKERS]);
  });

  test('goes to an empty thread alone where it must have one for itself', () => {
    const ending = addThread();
    const left = on(ending, queued, 'f', true);
    placement.takeBackAll(ending as unknown as GuestThread);
    threads.delete(ending);
    on(addThread(), parked);
    placement.rebalance();
    expect(left.thread).toBeUndefined();
    const empty = addThread();
    placement.rebalance();
    expect(left.thread).toBe(empty);
  });

  test('is overdue like what nobody has begun elsewhere, and what runs never is', () => {
    const [ending, other] = added(2) as [StillThread, StillThread];
    const left = on(ending, queued);
    placement.takeBackAll(ending as unknown as GuestThread);
    on(other, running);
    const behind = on(other, queued);
    expect(placement.overdue(() => false)).toEqual([]);
    expect(placement.overdue(() => true)).toEqual([left, behind]);
    expect([...other.executions].map(({ slot }) => slot.state)).toEqual([running]);
  });
});

describe('room for more', () => {
  test('is what the workers leave, however many threads only wait', () => {
    const [one] = added(WORKERS + 3) as [StillThread];
    for (const thread of threads) on(thread, parked);
    expect(placement.vacant(0)).toBe(WORKERS);
    on(one, running);
    on(one, queued);
    expect(placement.vacant(0)).toBe(WORKERS - 1);
  });

  test('is left to each deeper level, so that guests that hold their threads never hold all of them', () => {
    const room = () => Array.from({ length: 9 }, (_none, level) => placement.vacant(level));
    expect(new Set(room())).toEqual(new Set([WORKERS]));
    while (placement.vacant(0) > 0) on(addThread(), blocked);
    expect(room()).toEqual([0, 1, ...Array.from({ length: 7 }, () => WORKERS)]);
  });
});

describe('threads beyond the workers', () => {
  test('are let go when they have had nothing to do for a while, and the workers stay', () => {
    const all = added(WORKERS + 2);
    on(all[3] as StillThread, parked);
    const longAgoMs = 1;
    const nowMs = 1_000_000;
    for (const thread of all) thread.idleSinceMs = nowMs;
    expect(placement.retired(nowMs)).toEqual([]);
    for (const thread of all) thread.idleSinceMs = longAgoMs;
    expect(placement.retired(nowMs)).toEqual(all.slice(0, 2));
    expect(placement.isAtRest).toBe(false);
    for (const thread of all.slice(0, 2)) threads.delete(thread);
    expect(placement.retired(nowMs)).toEqual([]);
  });
});

describe('long runs, while short ones come in', () => {
  const AT_MS = 1_000;
  const SOON_MS = AT_MS + 9;
  const LATER_MS = AT_MS + 10;

  const placed = (processors: number): void => {
    placement = new Placement(
      WORKERS,
      threads as ReadonlySet<unknown> as ReadonlySet<GuestThread>,
      processors,
    );
    ran('short', SHORT_US);
    ran('long', LONG_US);
  };
  const mayStart = (functionName: string, nowMs = SOON_MS): boolean =>
    placement.mayStart(request(functionName), nowMs);

  test('leave the last processor to them, for a moment', () => {
    placed(2);
    on(addThread(), running, 'long');
    expect(mayStart('long')).toBe(true);
    placement.arrived(request('short'), AT_MS);
    expect([mayStart('long'), mayStart('short')]).toEqual([false, true]);
    expect(mayStart('long', LATER_MS)).toBe(true);
    placement.ranElsewhere('short', SHORT_US, LATER_MS);
    expect(mayStart('long', LATER_MS)).toBe(false);
  });

  test('keep no function from its first run', () => {
    placed(2);
    on(addThread(), running, 'long');
    placement.arrived(request('short'), AT_MS);
    expect([mayStart('long'), mayStart('unknown')]).toEqual([false, true]);
    on(addThread(), running, 'unknown');
    expect([mayStart('long'), mayStart('unknown'), mayStart('third')]).toEqual([false, false, true]);
  });

  test('do so for no others', () => {
    placed(2);
    on(addThread(), running, 'long');
    for (const name of ['long', 'unknown']) placement.arrived(request(name), AT_MS);
    placement.arrived(request('short', { isExclusive: true }), AT_MS);
    expect(mayStart('long')).toBe(true);
  });

  test.each([
    ['computes', running, 'long', false],
    ['is about to', queued, 'long', false],
    ['is of unknown length', running, 'unknown', false],
    ['is short', running, 'short', true],
    ['waits for news', parked, 'long', true],
    ['waits with its thread', blocked, 'long', true],
    ['has ended', done, 'long', true],
  ])('count one that %s', (_what, state, functionName, expected) => {
    placed(2);
    on(addThread(), state, functionName);
    placement.arrived(request('short'), AT_MS);
    expect(mayStart(functionName === 'short' ? 'long' : functionName)).toBe(expected);
  });

  test('count one that was taken back from a thread and has no other yet', () => {
    placed(2);
    const thread = addThread();
    on(thread, queued, 'long');
    placement.takeBackAll(thread as unknown as GuestThread);
    placement.arrived(request('short'), AT_MS);
    expect(mayStart('long')).toBe(false);
  });

  test('always have one processor, and all where there are more of them than threads', () => {
    for (const processors of [1, WORKERS + 1]) {
      threads.clear();
      placed(processors);
      placement.arrived(request('short'), AT_MS);
      expect(mayStart('long')).toBe(true);
      on(addThread(), running, 'long');
      expect(mayStart('long')).toBe(processors > WORKERS);
    }
  });
});
