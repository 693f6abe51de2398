/** Executions of one thread that take turns while their guests wait, and what becomes of those that are stopped. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { GuestInstance, LinkedComponent } from '../host/component/link.ts';
import type { Execution } from '../host/wasi/execution.ts';
import type { News } from '../host/wasi/execution-port.ts';
import { FakePort, FakeSource } from './fake-port.ts';
import { executionFor, link, type Runnable, toComponent } from './linking-harness.ts';
import { answering, type GuestText, guestText, SAY_OK, TAKE_BODY } from './linking-wat.ts';

/** News that come when the test says so. */
class HandNews implements News {
  readonly canSuspend = true;
  #waiting: { readonly resolve: () => void; readonly reject: (thrown: Error) => void } | undefined;

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  wait(): never {
    throw new Error('expected the guest to be suspended, and it blocked');
  }

  next(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  wake(): void {
    this.#take()?.resolve();
  }

  stop(): void {
    this.#take()?.reject(new Error('it was stopped'));
  }

  #take() {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}

/** One execution whose guest can be followed step by step. */
class Followed {
  readonly news = new HandNews();
  readonly source = new FakeSource();
  readonly port: FakePort;
  readonly execution: Execution;
  readonly instance: GuestInstance;
  readonly #done: Promise<string>;

  constructor(linked: LinkedComponent, name = '', turns: string[] = []) {
    this.port = new FakePort({
      requestBody: this.source,
      news: this.news,
      onTurn: (what) => turns.push(`${name} ${what}`),
    });
    this.execution = executionFor({}, this.port, () => undefined);
    this.instance = linked.instantiate(this.execution);
    this.#done = this.#run();
  }

  async #run(): Promise<string> {
    try {
      await this.instance.handle(this.execution.request, this.execution.outparam);
      await this.execution.end();
      return this.port.sink.text;
    } catch (thrown) {
      this.execution.abandon();
      return (thrown as Error).message;
    } finally {
      this.instance.release();
    }
  }

  /** What it sent, or what it failed with. */
  ended(): Promise<string> {
    return this.#done;
  }
}

/** Lets everything happen that can happen without news. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts its reads in memory and says the count with each piece that it read. */
const COUNTING: GuestText = {
  answer: 'none',
  data: '(data (i32.const 600) "0")',
  act: `${TAKE_BODY} ${answering(`(block $end (loop $more
    (call $readAll (local.get $a) (i64.const 4096) (i32.const 32))
    (br_if $end (i32.load8_u (i32.const 32)))
    (i32.store8 (i32.const 600) (i32.add (i32.load8_u (i32.const 600)) (i32.const 1)))
    (call $say (local.get $e) (i32.const 600) (i32.const 1) (i32.const 48))
    (call $say (local.get $e) (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.const 48))
    (br $more)))`)}`,
};

const linkText = async (text: GuestText): Promise<Runnable> =>
  link(await toComponent(guestText(text)), 'direct');

let counting: Runnable;

beforeAll(async () => {
  counting = await linkText(COUNTING);
});

describe('two executions of one thread', () => {
  test('go on in any order, each with its own memory, handles and bodies', async () => {
    const [one, two] = [new Followed(counting.linked), new Followed(counting.linked)];
    await settled();
    expect([one.news.isWaiting, two.news.isWaiting]).toEqual([true, true]);
    two.source.push('x');
    two.news.wake();
    await settled();
    one.source.push('a');
    two.source.push('y');
    for (const { news } of [one, two]) news.wake();
    await settled();
    one.source.push('b');
    one.source.end();
    one.news.wake();
    expect(await one.ended()).toBe('1a2b');
    two.source.end();
    two.news.wake();
    expect(await two.ended()).toBe('1x2y');
  });

  test('say whose turn it is whenever the guest of one goes on, also when both had news at once', async () => {
    const turns: string[] = [];
    const executions = ['one', 'two'].map((name) => new Followed(counting.linked, name, turns));
    await settled();
    const seen: string[] = [];
    for (const [index, { source, port, news }] of executions.entries()) {
      const write = port.sink.write.bind(port.sink);
      port.sink.write = (bytes) => {
        seen.push(`${['one', 'two'][index]} in the turn of ${turns.at(-1)}`);
        write(bytes);
      };
      source.push('piece');
      news.wake();
    }
    await settled();
    for (const { source, news } of executions) {
      source.end();
      news.wake();
    }
    for (const execution of executions) expect(await execution.ended()).toBe('1piece');
    expect(seen.length).toBe(4);
    for (const line of seen)
      expect(line).toMatch(/^(one in the turn of one enter|two in the turn of two enter)$/);
  });

  test('have one turn for the start, one for the handler, and one for each time that it goes on', async () => {
    const turns: string[] = [];
    const one = new Followed(counting.linked, 'it', turns);
    await settled();
    expect(turns).toEqual(['it enter', 'it leave', 'it enter', 'it leave', 'it leave']);
    turns.length = 0;
    one.source.end();
    one.news.wake();
    await one.ended();
    // Its result is written into its memory, then it goes on until its end.
    expect(turns).toEqual(['it enter', 'it leave', 'it enter', 'it leave']);
  });

  test('leave nothing behind for the next one', async () => {
    for (let round = 0; round < 3; round++) {
      const one = new Followed(counting.linked);
      one.source.push('a');
      one.source.end();
      one.news.wake();
      expect(await one.ended()).toBe('1a');
      await settled();
    }
    expect(counting.pool.count).toBeGreaterThan(0);
  });
});

describe('an execution that is stopped while its guest is suspended', () => {
  test('ends with that, and its memory is used again', async () => {
    const { linked, pool } = await linkText(COUNTING);
    const one = new Followed(linked);
    await settled();
    one.news.stop();
    expect(await one.ended()).toBe('it was stopped');
    expect(one.port.sink.aborted).toEqual({ tag: 'connection-terminated' });
    expect(pool.count).toBe(1);
    const other = new Followed(linked);
    other.source.end();
    other.news.wake();
    expect(await other.ended()).toBe('');
  });

  test('ends with that though the guest catches what it is stopped with', async () => {
    const { linked } = await linkText({
      answer: 'none',
      act: `${TAKE_BODY} (block $caught (try_table (catch_all $caught)
        (call $readAll (local.get $a) (i64.const 4096) (i32.const 32)))) ${answering(SAY_OK)}`,
    });
    const one = new Followed(linked);
    await settled();
    one.news.stop();
    expect(await one.ended()).toBe('it was stopped');
    expect(one.port.head).toBeUndefined();
  });

  test('does not touch another of the same component', async () => {
    const [one, two] = [new Followed(counting.linked), new Followed(counting.linked)];
    await settled();
    two.source.push('x');
    two.source.end();
    one.news.stop();
    two.news.wake();
    expect(await one.ended()).toBe('it was stopped');
    expect(await two.ended()).toBe('1x');
  });
});

describe('where a guest cannot be suspended, it blocks', () => {
  const WAIT = '(call $block (call $timer (i64.const 1000000)))';

  test.each<[string, GuestText]>([
    ['while it starts', { more: `(func (export "_initialize") ${WAIT})` }],
    [
      'after it has answered',
      { more: `(func (export "cabi_post_wasi:http/incoming-handler@0.2.12#handle") ${WAIT})` },
    ],
    [
      'within its realloc',
      {
        act: '(call $path (local.get $req) (i32.const 512))',
        realloc: `(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) ${WAIT} (i32.const 1024))`,
      },
    ],
  ])('%s', async (_where, text) => {
    const { runSuspendably } = await linkText(text);
    expect(await runSuspendably()).toMatchObject({ outcome: 'ok', body: 'ok' });
  });
});

describe('a guest that could be suspended', () => {
  test('still traps when it calls itself without end, and the next one runs', async () => {
    const { runSuspendably } = await linkText({
      act: `(call $method (local.get $req) (i32.const 512))
        (if (i32.eq (i32.load8_u (i32.const 512)) (i32.const 2)) (then (call $deep)))`,
      more: '(func $deep (call $deep) (call $deep))',
    });
    expect((await runSuspendably({ method: 'POST' })).outcome).toBe('trap');
    expect((await runSuspendably()).outcome).toBe('ok');
  });

  test('waits for a clock without any other news', async () => {
    const { runSuspendably } = await linkText({ act: '(call $block (call $timer (i64.const 1000000)))' });
    expect(await runSuspendably()).toMatchObject({ outcome: 'ok', body: 'ok' });
  });

  test('can be suspended any number of times, one after the other', async () => {
    const one = new Followed(counting.linked);
    for (let round = 0; round < 500; round++) {
      one.source.push('x');
      one.news.wake();
      await settled();
      expect(one.port.sink.text).toHaveLength((round + 1) * 2);
    }
    one.source.end();
    one.news.wake();
    expect(await one.ended()).toHaveLength(1_000);
  });
});
