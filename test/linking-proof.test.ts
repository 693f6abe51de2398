/** What is planned without the generator is what the generator would have found valid, and of the right core types. */
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { beforeAll, describe, expect, test } from 'vitest';
import { flatFunction } from '../host/component/flat-types.ts';
import { generatedFiles } from '../host/component/generated-plan.ts';
import { makePlan } from '../host/component/plan.ts';
import { planOutcome, seeded } from './linking-fuzz.ts';
import { link, linkBoth, toComponent } from './linking-harness.ts';
import { guestText } from './linking-wat.ts';

const MEMORY_BYTES_MAX = 16 * 1_048_576;

const GUEST = guestText({
  act: `(drop (call $hasField (call $headers (local.get $req)) (i32.const 64) (i32.const 2)))
    (call $path (local.get $req) (i32.const 512))
    (local.set $a (call $stderr)) (call $say (local.get $a) (i32.const 64) (i32.const 2) (i32.const 0))`,
});

let component: Uint8Array;
let text: string;
beforeAll(async () => {
  component = await toComponent(GUEST);
  text = await print(component);
});

async function changed(from: string | RegExp, to: string): Promise<Uint8Array> {
  const other = text.replace(from, to);
  expect(other).not.toBe(text);
  return parse(other);
}

test('what toolchains make is planned without the generator', () => {
  expect(planOutcome(component)).toBe('proven');
});

describe('is not planned without the generator, which refuses it, a component with', () => {
  const HAS = /\(canon lower \(func \$"\[method\]fields\.has"\) \(memory \$memory\)/;
  const PATH =
    /(\(canon lower \(func \$"\[method\]incoming-request\.path-with-query"\) \(memory \$memory\)) \(realloc \$cabi_realloc\)/;
  test.each<[string, string | RegExp, string]>([
    ['a function lowered without the memory that it needs', HAS, '(canon lower (func $"[method]fields.has")'],
    ['a function lowered without the realloc that it needs', PATH, '$1'],
    ['a realloc of another type', PATH, '$1 (realloc $"indirect-wasi:http/types@0.2.12-[method]fields.has")'],
    ['a lowered function that is its own realloc', PATH, '$1 (realloc 18)'],
    ['a lowered function with something to be called after it', PATH, '$1 (realloc 15) (post-return 15)'],
    ['an option that is there twice', PATH, '$1 (realloc 15) (realloc 15)'],
    [
      'a lifted function of another core type',
      /\(canon lift \(core func [^)]*\)/,
      '(canon lift (core func $cabi_realloc)',
    ],
    [
      'a core import that gets a function of another type',
      '(export "get-stderr" (func $get-stderr))',
      '(export "get-stderr" (func $resource.drop))',
    ],
    [
      'a core import that gets nothing',
      '(export "get-stderr" (func $get-stderr))',
      '(export "get-stdout" (func $get-stderr))',
    ],
    [
      'an alias of an export that is not there',
      '(alias core export $main "memory"',
      '(alias core export $main "memorx"',
    ],
    [
      'an alias of an export of another kind',
      '(alias core export $main "memory"',
      '(alias core export $main "cabi_realloc"',
    ],
    ['a name that looks like two fields', '(param "name"', '(param "name:u32,x"'],
    ['a component within it that gets no function', /\(with "import-func-handle" \(func \$handle\)\)/, ''],
    [
      'a component within it that gets another resource',
      '(with "import-type-incoming-request" (type $incoming-request))',
      '(with "import-type-incoming-request" (type $response-outparam))',
    ],
    ['a core module that is not valid', '(func (export "unused") (result i32) unreachable)', ''],
  ])('%s', async (_what, from, to) => {
    const bytes =
      to === '' && typeof from === 'string'
        ? await parse(text.replace(/\)\s*$/, '(core module (func (result i32))))'))
        : await changed(from, to);
    expect(planOutcome(bytes)).not.toBe('proven');
    await expect(makePlan(bytes, MEMORY_BYTES_MAX)).rejects.toMatchObject({
      code: expect.stringMatching(/^component-/),
    });
  });
});

test('a table slot with a function of another type is a trap, whichever way it is linked', async () => {
  const both = await linkBoth(await changed('func 0 1 2 3 4 5 6', 'func 6 1 2 3 4 5 0'));
  expect(both.direct.run().outcome).toBe('trap');
  expect(both.generated.run().outcome).toBe('trap');
});

test('a component that is valid but beyond the proof is still linked directly', async () => {
  const bytes = await toComponent(GUEST.replace(/\)$/, '(type (struct (field i32))))'));
  expect(planOutcome(bytes)).toBe('planned');
  const { plan, run } = await link(bytes, 'direct');
  expect(plan.linking).toBe('direct');
  expect(run()).toMatchObject({ outcome: 'ok', body: 'ok' });
});

/** What the generator minds and a link does not: which types want names, what engines have, names for debuggers. */
const HARMLESS =
  /not valid to be used as (import|export)|legacy_exceptions|multiple memories|malformed UTF-8/;

test('whatever one byte is changed, what is proven is what the generator takes', async () => {
  const random = seeded(20_261_122);
  let proven = 0;
  for (let count = 0; count < 1_500; count++) {
    const mutant = component.slice();
    mutant[8 + random(mutant.length - 8)] = random(256);
    if (planOutcome(mutant) !== 'proven') continue;
    proven++;
    const fault = await generatedFiles(mutant).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    );
    if (fault !== undefined) expect(fault, `mutant ${count}`).toMatch(HARMLESS);
  }
  expect(proven).toBeGreaterThan(50);
});

describe('the core type of a function', () => {
  test.each([
    ['(borrow<fields>,string)->bool', 'i32,i32,i32->i32'],
    ['(u64,f32,f64,s64,char)', 'i64,f32,f64,i64,i32->'],
    ['(variant{a(u32),b(f32),c(u64),d})', 'i32,i64->'],
    ['(option<tuple<f32,list<u8>>>)->flags{a,b}', 'i32,f32,i32,i32->i32'],
    ['()->result<string,enum{a,b}>', 'i32->'],
    ['(own<?>)->result', 'i32->i32'],
    [`(${Array(17).fill('u8').join(',')})`, 'i32->'],
  ])('%s is %s where it is called', (signature, coreType) => {
    expect(flatFunction(signature, 'lower')?.coreType).toBe(coreType);
  });

  test('gives a pointer where it is implemented', () => {
    expect(flatFunction('(string)->string', 'lift')).toEqual({
      coreType: 'i32,i32->i32',
      coreResults: 'i32',
      needsMemory: true,
      needsRealloc: true,
    });
  });

  test.each([
    ...['(?)', '()->?', '(record{})', '(flags{})', '(tuple<>)', '(u32', '(strange)', '(u32)->u32,u32'],
    `(flags{${Array.from({ length: 33 }, (_none, index) => `f${index}`)}})`,
  ])('%s is not known', (signature) => {
    expect(flatFunction(signature, 'lower')).toBeUndefined();
  });
});
