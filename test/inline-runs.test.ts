/** Guests on the serving thread: which attempts count, and that nothing is left of the others. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CompiledComponent, compileModules } from '../host/component/module-cache.ts';
import { InlineRuns } from '../host/inline/inline-runs.ts';
import type { RunEvents } from '../host/threads/run-events.ts';
import type { RunOrder } from '../host/threads/run-order.ts';
import { script } from './files-kit.ts';
import { closeAll } from './host-kit.ts';
import { loadedPlan, toComponent } from './linking-harness.ts';
import { answering, FINISH, type GuestText, guestText, SAY_OK, TAKE_BODY } from './linking-wat.ts';
import { MEMORY_BYTES, openPool, orderOf } from './pool-kit.ts';
import { rustComponent } from './rust-guest.ts';

const FIRST_AWAY_MS = 20;

let nowMs = 0;
const runs = new InlineRuns(() => nowMs);
const compiled = new Map<string, Promise<CompiledComponent>>();

/** A guest that is compiled once for all tests of it. */
function guest(text: GuestText): Promise<CompiledComponent> {
  const wat = guestText(text);
  const known = compiled.get(wat);
  if (known) return known;
  const made = (async () =>
    compileModules(await loadedPlan(await toComponent(wat), 'direct'), MEMORY_BYTES))();
  compiled.set(wat, made);
  return made;
}

/** What a caller hears, in words. */
function heard(): { readonly events: RunEvents; readonly words: string[] } {
  const words: string[] = [];
  const say = (word: string) => () => void words.push(word);
  const events: RunEvents = {
    onStart: (control) => {
      words.push('start');
      control.endBody([]);
    },
    onSpace: say('space'),
    onBodyUnwanted: say('unwanted'),
    onInform: say('inform'),
    onHead: ({ status }) => void words.push(`head ${status}`),
    onBody: (chunk) => void words.push(`body ${chunk.toString()}`),
    onEnd: (trailers) => void words.push(`end ${trailers.length}`),
    onAbort: say('abort'),
    onPause: say('pause'),
  };
  return { events, words };
}

function attempt(component: CompiledComponent, change: Partial<RunOrder> = {}) {
  const { events, words } = heard();
  const result = runs.run(component, { ...orderOf('guest', '/'), events, ...change });
  return { result, words };
}

/** Code that runs for the first time may take longer than a run may here; then it has to be asked again. */
function warm(component: CompiledComponent): void {
  for (let round = 0; round < 50; round++) {
    nowMs += 3_600_000;
    if (attempt(component).result) return;
  }
  throw new Error('no attempt has counted');
}

beforeAll(async () => {
  while (!runs.isReady) await new Promise((resolve) => setImmediate(resolve));
  warm(await guest({}));
});

beforeEach(() => {
  nowMs += 3_600_000;
});

afterAll(async () => {
  await closeAll();
  await runs.close();
});

const TEN_TIMES =
  '(loop $again (br_if $again (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 1))) (i32.const 10))))';

describe('a guest that answers at once', () => {
  test('is heard of when it has ended, from its head to its end', async () => {
    const { result, words } = attempt(await guest({}));
    expect(words).toEqual(['start', 'head 200', 'body ok', 'end 0']);
    expect(result).toMatchObject({
      outcome: 'ok',
      isWarm: false,
      fuelUsed: 0,
      memoryBytesPeak: 65_536,
      log: '',
    });
  });

  test('is seen as it is in a thread', async () => {
    const text = `(local.set $a (call $stderr)) (call $say (local.get $a) (i32.const 64) (i32.const 2) (i32.const 0))`;
    const component = await guest({ act: text });
    warm(component);
    const here = attempt(component);
    const there = heard();
    const pool = openPool(1);
    const result = await pool.run(component, { ...orderOf('guest', '/'), events: there.events });
    expect(here.words).toEqual(there.words);
    const { outcome, log, memoryBytesPeak, fuelUsed, isWarm } = result;
    expect(here.result).toMatchObject({ outcome, log, memoryBytesPeak, fuelUsed, isWarm });
    expect(log).toBe('ok');
  });

  test('finds nothing of the one before it', async () => {
    // Says what was at 200 before it writes there, so that a second one would say it again.
    const component = await guest({
      act: `(i32.store8 (i32.const 64) (i32.add (i32.const 48) (i32.load8_u (i32.const 200))))
        (i32.store8 (i32.const 200) (i32.add (i32.load8_u (i32.const 200)) (i32.const 1)))`,
    });
    warm(component);
    for (let round = 0; round < 3; round++) expect(attempt(component).words).toContain('body 0k');
  });

  test('counts the same fuel each time, and ends where its limit is', async () => {
    const component = await compileModules(
      await loadedPlan(await toComponent(guestText({ act: TEN_TIMES })), 'direct', { countsFuel: true }),
      MEMORY_BYTES,
    );
    const { limits } = orderOf('guest', '/');
    const withFuel = (fuelMax: number) => ({ limits: { ...limits, fuelMax } });
    for (let round = 0; !attempt(component, withFuel(1e6)).result; round++) {
      if (round === 50) throw new Error('no attempt has counted');
      nowMs += 3_600_000;
    }
    const used = attempt(component, withFuel(1e6)).result?.fuelUsed ?? 0;
    expect(used).toBeGreaterThan(0);
    expect(attempt(component, withFuel(2e6)).result?.fuelUsed).toBe(used);
    expect(attempt(component, withFuel(used)).result?.fuelUsed).toBe(used);
    expect(attempt(component, withFuel(1))).toEqual({ result: undefined, words: [] });
  });
});

const SEND = `(local.set $a (call $request (call $fields)))
  (drop (call $setAuthority (local.get $a) (i32.const 1) (i32.const 64) (i32.const 2)))
  (call $send (local.get $a) (i32.const 0) (i32.const 0) (i32.const 16))`;

/** Writes as much as may be under way, after which there is no room for another byte. */
const LARGE = { answer: 'none', memory: '5' } as const;
const FILL_WINDOW = answering('(call $put (local.get $e) (i32.const 0) (i32.const 262144) (i32.const 48))', {
  end: '',
});

/** Answers whether its memory grew. */
const growing = (pages: number): GuestText => ({
  act: `(i32.store8 (i32.const 64)
    (i32.add (i32.const 48) (i32.ne (memory.grow (i32.const ${pages})) (i32.const -1))))`,
});

test('a guest grows there by 4 MiB at most, and is never told that it may not have more', async () => {
  const some = await guest(growing(64));
  warm(some);
  expect(attempt(some).words).toEqual([]);
  nowMs += 3_600_000;
  expect(attempt(some).words).toContain('body 1k');
  const more = await guest(growing(65));
  for (let round = 0; round < 5; round++) {
    nowMs += 3_600_000;
    expect(attempt(more)).toEqual({ result: undefined, words: [] });
  }
});

test('a response that fills the window of a body counts', async () => {
  const component = await guest({ act: `${FILL_WINDOW} ${FINISH}`, ...LARGE });
  warm(component);
  const [, , body = '', end] = attempt(component).words;
  expect([body.length - 'body '.length, end]).toEqual([262_144, 'end 0']);
});

describe('nothing is heard of an attempt whose guest', () => {
  test.each<[string, GuestText]>([
    ['traps', { act: 'unreachable' }],
    ['traps after it has answered', { act: answering(SAY_OK, { end: 'unreachable' }), answer: 'none' }],
    ['exits well', { act: '(call $exit (i32.const 0))' }],
    ['exits badly', { act: '(call $exit (i32.const 1))' }],
    ['never answers', { answer: 'none' }],
    ['leaves its body unfinished', { act: answering(SAY_OK, { end: '' }), answer: 'none' }],
    ['waits for a moment', { act: '(call $block (call $timer (i64.const 1000000)))' }],
    ['sends a request', { act: SEND }],
    [
      'answers in spite of a request that fails',
      { act: `${SEND} (i32.store8 (i32.const 64) (i32.const 33))` },
    ],
    ['answers more than a little', { act: `${FILL_WINDOW} ${SAY_OK} ${FINISH}`, ...LARGE }],
    ['never returns', { act: '(loop $again (br $again))' }],
    ['calls itself without end', { act: '(call $deep)', more: '(func $deep (call $deep) (call $deep))' }],
    ['forges a handle', { act: '(call $dropOutput (i32.const 12345))' }],
  ])('%s', async (_what, text) => {
    expect(attempt(await guest(text))).toEqual({ result: undefined, words: [] });
  });

  test('and the next one finds the thread as it was', async () => {
    attempt(await guest({ act: '(loop $again (br $again))' }));
    expect(attempt(await guest({})).words).toContain('body ok');
  });
});

const HAS_NONE = '(func $hasNone (result i32) (i32.const 0))';

describe('a component', () => {
  test('stays away for longer each time after attempts that did not count', async () => {
    const component = await guest({ act: '(drop (call $hasNone)) (unreachable)', more: HAS_NONE });
    const isTried = () => {
      let isAsked = false;
      const request = new Proxy(orderOf('guest', '/').request, {
        get: (target, name) => {
          isAsked = true;
          return Reflect.get(target, name);
        },
      });
      attempt(component, { request });
      return isAsked;
    };
    expect(isTried()).toBe(true);
    for (const awayMs of [FIRST_AWAY_MS, 2 * FIRST_AWAY_MS, 4 * FIRST_AWAY_MS]) {
      nowMs += awayMs - 1;
      expect(isTried()).toBe(false);
      nowMs += 1;
      expect(isTried()).toBe(true);
    }
  });

  const growing = async (pages: number) => {
    const component = await guest({ act: `(drop (memory.grow (i32.const ${pages})))` });
    for (let round = 0; round < 50; round++) {
      nowMs += 3_600_000;
      if (attempt(component).result) break;
    }
    return component;
  };

  test('whose memory grows runs again, with as much memory in its record', async () => {
    const component = await growing(1);
    for (let round = 0; round < 3; round++)
      expect(attempt(component).result).toMatchObject({ outcome: 'ok', memoryBytesPeak: 2 * 65_536 });
  });

  test('whose memory grows to more than 64 pages answers, and stays away for a while', async () => {
    expect(attempt(await growing(64))).toEqual({ result: undefined, words: [] });
  });

  test.each<[string, GuestText]>([
    ['with a large memory', { memory: '65' }],
    [
      'whose instances cannot be made as new',
      { more: '(table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func)))' },
    ],
  ])('%s never runs there', async (_what, text) => {
    expect(attempt(await guest(text))).toEqual({ result: undefined, words: [] });
  });

  test('that the generator has linked never runs there', async () => {
    const component = await compileModules(
      await loadedPlan(await toComponent(guestText({ more: HAS_NONE })), 'generated'),
      MEMORY_BYTES,
    );
    expect(attempt(component)).toEqual({ result: undefined, words: [] });
  });

  test('that was forgotten is linked again', async () => {
    const component = await guest({});
    runs.unload(component.key);
    warm(component);
    expect(attempt(component).words).toContain('body ok');
  });
});

describe('a request', () => {
  test('with a body that is there is read, in whatever pieces it came', async () => {
    // Reads until the end, and answers with what it has read.
    const component = await guest({
      act: `${TAKE_BODY} (local.set $c (i32.const 3000))
        (block $end (loop $more
          (call $read (local.get $a) (i64.const 3) (i32.const 32))
          (br_if $end (i32.load8_u (i32.const 32)))
          (memory.copy (local.get $c) (i32.load (i32.const 36)) (i32.load (i32.const 40)))
          (local.set $c (i32.add (local.get $c) (i32.load (i32.const 40))))
          (br $more)))
        (local.set $d (i32.sub (local.get $c) (i32.const 3000)))`,
      answer: ['(i32.const 3000)', '(local.get $d)'],
    });
    warm(component);
    for (const pieces of [[], ['one'], ['o', '', 'ne and two', ' and three']]) {
      const wholeBody = pieces.map((piece) => new Uint8Array(Buffer.from(piece)));
      const { words } = attempt(component, { wholeBody });
      expect(words.slice(0, 3)).toEqual(['start', 'head 200', `body ${pieces.join('')}`]);
    }
  });

  test('whose body is not there, or not small, is not for the serving thread', async () => {
    const left = { result: undefined, words: [] };
    expect(attempt(await guest({}), { wholeBody: undefined })).toEqual(left);
  });

  test('that needs a file is not for the serving thread, where a disk could hold up all others', async () => {
    const loaded = await loadedPlan(await rustComponent('rust-files'), 'direct');
    const component = await compileModules(loaded, MEMORY_BYTES);
    warm(component);
    const { limits, request } = orderOf('guest', '/raw');
    const preopens = [{ hostPath: import.meta.dirname, guestPath: '/data' }];
    const reading = (...lines: readonly [string, ...(string | number)[]][]) => {
      nowMs += 3_600_000;
      const wholeBody = [new Uint8Array(Buffer.from(script(lines)))];
      return attempt(component, { wholeBody, request, limits: { ...limits, preopens } }).words;
    };
    expect(reading(['dirs'])).toContain('body /data\n');
    expect(reading(['dirs'], ['open', 0, 'follow', 'cli-kit.ts'])).toEqual([]);
    expect(reading(['dirs'], ['list', 0])).toEqual([]);
    expect(reading(['dirs'], ['stat', 0])).toEqual([]);
    expect(reading(['dirs'], ['type', 0])).toContain('body /data\nDescriptorType::Directory\n');
  });

  test('to a function that uses its instances again is not for the serving thread', async () => {
    const { limits } = orderOf('guest', '/');
    const reuse = { requestsMax: 2, idleMs: 1_000 };
    expect(attempt(await guest({}), { limits: { ...limits, reuse } })).toEqual({
      result: undefined,
      words: [],
    });
  });
});
