/** From a component's bytes to a direct plan: what is planned, what is left to the other way, what is refused. */
import { readFile } from 'node:fs/promises';
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { beforeAll, describe, expect, test } from 'vitest';
import { planDirect } from '../host/component/direct-plan.ts';
import { makePlan } from '../host/component/plan.ts';
import { mutated, planOutcome, seeded } from './linking-fuzz.ts';
import { comparable, link, linkBoth, toComponent } from './linking-harness.ts';
import { guestText } from './linking-wat.ts';

const HANDLER = 'wasi:http/incoming-handler@0.2.12';
const MEMORY_BYTES_MAX = 16 * 1_048_576;

const GUEST = guestText({
  act: `(drop (call $hasField (call $headers (local.get $req)) (i32.const 64) (i32.const 2)))
    (call $path (local.get $req) (i32.const 512))
    (local.set $a (call $stderr)) (call $say (local.get $a) (i32.const 64) (i32.const 2) (i32.const 0))`,
});

let component: Uint8Array;
beforeAll(async () => {
  component = await toComponent(GUEST);
});

const planOf = (bytes: Uint8Array) => planDirect(bytes, HANDLER);

describe('the plan of a component', () => {
  test('has one instance where the toolchain made three, since shims are not needed', () => {
    const planned = planOf(component);
    if ('unfit' in planned) throw new Error(planned.unfit);
    const { plan } = planned;
    expect(plan.steps.map(({ kind }) => kind)).toEqual(['nothing', 'instantiate', 'nothing']);
    expect(plan.handler.name).toBe(`${HANDLER}#handle`);
  });

  test('calls the start code that a shim would have called', async () => {
    const text = GUEST.replace(/\)$/, '(func (export "_initialize")))');
    const planned = planOf(await toComponent(text));
    if ('unfit' in planned) throw new Error(planned.unfit);
    expect(planned.plan.steps.map(({ kind }) => kind)).toEqual(['nothing', 'instantiate', 'call']);
  });

  test('is the same when it was written and read', async () => {
    const { plan } = await makePlan(component, MEMORY_BYTES_MAX);
    expect(plan.linking).toBe('direct');
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  test.each(['0.2.0', '0.2.3', '0.2.6', '0.2.10', '0.2.99'])(
    'does not depend on the patch version %s',
    async (version) => {
      const bytes = await toComponent(GUEST.replaceAll('0.2.12', version), { version });
      const { run, plan } = await link(bytes, 'direct');
      expect(plan.linking).toBe('direct');
      expect(run()).toMatchObject({ outcome: 'ok', body: 'ok', log: 'ok' });
    },
  );
});

describe('a guest with an adapter for preview 1', () => {
  const PREVIEW1 = `(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))`;

  const ACT = `(i32.store (i32.const 100) (i32.const 64)) (i32.store (i32.const 104) (i32.const 2))
        (if (call $fd_write (i32.const 1) (i32.const 100) (i32.const 1) (i32.const 120)) (then unreachable))
        (if (call $fd_write (i32.const 2) (i32.const 100) (i32.const 1) (i32.const 120)) (then unreachable))
        (if (call $random_get (i32.const 2000) (i32.const 8)) (then unreachable))
        (if (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 2048)) (then unreachable))
        (if (call $environ_sizes_get (i32.const 2100) (i32.const 2104)) (then unreachable))
        (i32.store8 (i32.const 65) (i32.add (i32.const 48) (call $path_open (i32.const 3) (i32.const 0) (i32.const 64)
          (i32.const 2) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 2200))))`;

  async function adapted(change = (text: string) => text): Promise<Uint8Array> {
    const adapter = await readFile(
      new URL(
        '../node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.reactor.wasm',
        import.meta.url,
      ),
    );
    const text = guestText({ memory: '17', act: ACT }).replace('(module', `(module ${PREVIEW1}`);
    return toComponent(change(text), { adapters: [['wasi_snapshot_preview1', new Uint8Array(adapter)]] });
  }

  test('answers and prints the same in both ways', async () => {
    const both = await linkBoth(await adapted());
    expect(both.direct.run()).toMatchObject({ outcome: 'ok', log: 'okok' });
    expect(comparable(both.direct.run())).toEqual(comparable(both.generated.run()));
  });

  test('has the slots that lead to the adapter filled by the host, and no instance that fills them', async () => {
    const { plan } = await makePlan(await adapted(), MEMORY_BYTES_MAX);
    if (plan.linking !== 'direct') throw new Error(plan.reason);
    expect(plan.steps.map(({ kind }) => kind)).toEqual(['instantiate', 'instantiate', 'instantiate', 'fill']);
    expect(plan.modules).toHaveLength(3);
    const [, , , fill] = plan.steps;
    if (fill?.kind !== 'fill') throw new Error('no step that fills');
    expect(fill.slots.map(({ step, name }) => `${step} ${name}`).sort()).toEqual(
      ['clock_time_get', 'environ_sizes_get', 'fd_write', 'path_open', 'random_get'].map(
        (name) => `2 ${name}`,
      ),
    );
  });

  test('keeps its start code, which the module that filled the slots would have called', async () => {
    const initialized = await adapted((text) =>
      text.replace(/\)$/, '(func (export "_initialize") (i32.store8 (i32.const 64) (i32.const 79))))'),
    );
    const { direct, generated } = await linkBoth(initialized);
    for (let round = 0; round < 3; round++) {
      const seen = direct.run();
      expect(seen).toMatchObject({ outcome: 'ok', log: 'OkOk' });
      expect(comparable(seen)).toEqual(comparable(generated.run()));
    }
  });

  test('traps each time where its start code calls the adapter before that is there', async () => {
    const early = await adapted((text) =>
      text.replace(
        /\)$/,
        '(func $early (drop (call $environ_sizes_get (i32.const 2100) (i32.const 2104)))) (start $early))',
      ),
    );
    const { direct, generated } = await linkBoth(early);
    for (let round = 0; round < 3; round++) {
      const seen = direct.run();
      expect(seen.outcome).toBe('trap');
      expect(comparable(seen)).toEqual(comparable(generated.run()));
    }
  });
});

describe('a component that direct linking cannot express is linked the other way', () => {
  const changed = async (change: (text: string) => string): Promise<Uint8Array> => {
    const text = await print(component);
    const other = change(text);
    expect(other).not.toBe(text);
    return parse(other);
  };

  test.each<[string, (text: string) => string, RegExp]>([
    [
      'a component within it that has content',
      (text) => text.replace(/\)\s*$/, '(component (core module)))'),
      /composed/,
    ],
    [
      'a function of another type',
      (text) => text.replace('(result bool)', '(result u32)'),
      /fields\.has of a type that the host does not know/,
    ],
    [
      'a resource of its own',
      (text) =>
        text.replace(/\)\s*$/, '(type $own (resource (rep i32))) (core func (canon resource.new $own)))'),
      /resources of its own/,
    ],
    ['a core type', (text) => text.replace(/\)\s*$/, '(core type (module)))'), /core types/],
  ])('%s', async (_what, change, reason) => {
    const bytes = await changed(change);
    const plan = planOf(bytes);
    expect('unfit' in plan && plan.unfit).toMatch(reason);
    const other = await link(bytes, 'direct');
    expect(other.plan).toMatchObject({ linking: 'generated', reason: expect.stringMatching(reason) });
    expect(other.run()).toMatchObject({ outcome: 'ok', body: 'ok' });
  });
});

test('names that objects inherit are names like any other', async () => {
  const text = (await print(component))
    .replace(/\(import "wasi:http\/types@0\.2\.12" "/g, '(import "__proto__" "')
    .replace(/\(with "wasi:http\/types@0\.2\.12"/g, '(with "__proto__"');
  expect(text).toContain('(with "__proto__"');
  const { plan, run } = await link(await parse(text), 'direct');
  expect(plan.linking).toBe('direct');
  expect(run()).toMatchObject({ outcome: 'ok', body: 'ok' });
  expect(Object.keys(Object.prototype)).toEqual([]);
});

describe('bytes that are no component', () => {
  test('are refused wherever they were cut, but for custom sections at the end', () => {
    const lengths = Array.from(component.keys()).slice(8);
    const planned = lengths.filter((length) => planOutcome(component.subarray(0, length)) !== 'refused');
    expect(planned.length).toBeLessThan(3);
  });

  test('are refused or planned whatever is wrong with them', () => {
    const random = seeded(20_261_121);
    const outcomes = { proven: 0, planned: 0, unfit: 0, refused: 0 };
    for (let count = 0; count < 5_000; count++) outcomes[planOutcome(mutated(component, random))]++;
    expect(outcomes.refused).toBeGreaterThan(1_000);
    expect(outcomes.proven).toBeGreaterThan(50);
  });

  const header = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  test.each([
    ['instances', [2, 5, ...huge]],
    ['aliases', [6, 5, ...huge]],
    ['types', [7, 5, ...huge]],
    ['canonical functions', [8, 5, ...huge]],
    ['fields of a record', [7, 7, 1, 0x72, ...huge]],
    ['names of an enum', [7, 7, 1, 0x6d, ...huge]],
    ['declarations', [7, 7, 1, 0x42, ...huge]],
  ])('are refused at once for a false number of %s', (_what, section) => {
    expect(() => planOf(Uint8Array.from([...header, ...section]))).toThrow(/ends too early|longer/);
  });

  test('do not overflow the stack by types within types', () => {
    const depth = 20_000;
    const nested = Array.from({ length: depth }, () => [0x42, 1, 1]).flat();
    const body = [1, ...nested];
    const size = [(body.length & 0x7f) | 0x80, ((body.length >> 7) & 0x7f) | 0x80, body.length >> 14];
    expect(planOf(Uint8Array.from([...header, 7, ...size, ...body]))).toEqual({
      unfit: expect.stringMatching(/deep/),
    });
  });

  test('do not fill the memory by types that double', () => {
    const doubling = Array.from({ length: 100 }, (_none, index) =>
      index === 0 ? [0x6f, 2, 0x73, 0x73] : [0x6f, 2, index - 1, index - 1],
    );
    const body = [100, ...doubling.flat()];
    const size = [(body.length & 0x7f) | 0x80, body.length >> 7];
    expect(() => planOf(Uint8Array.from([...header, 7, ...size, ...body]))).not.toThrow(RangeError);
  });
});
