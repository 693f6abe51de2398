/** What can be deployed: every component that is none, or not for this host, is refused with a code and the reason. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROVIDED_INTERFACES } from '../host/component/contract.ts';
import { parseComponent } from '../host/component/parse.ts';
import { makePlan } from '../host/component/plan.ts';
import { CurrentContext } from '../host/wasi/current-context.ts';
import { hostFunctions } from '../host/wasi/imports.ts';
import { CodedError } from '../metering/errors.ts';
import { assembled, example, handMade, importing, plain } from './host-guests.ts';
import { closeAll, errorOf, TestHost } from './host-kit.ts';

let host: TestHost;
let hello: Uint8Array;

beforeAll(async () => {
  hello = await example('hello');
  host = await TestHost.start({ componentMb: 1 });
  await host.deploy('steady', hello);
});

afterAll(closeAll);

const MEMORY_BYTES = 128 * 1_048_576;

/** The code of the refusal, or `planned`; anything else that is thrown fails the test. */
async function fateOf(bytes: Uint8Array): Promise<string> {
  try {
    await makePlan(bytes, MEMORY_BYTES);
    return 'planned';
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.code;
    throw thrown;
  }
}

const wasm = (...rest: number[]): Uint8Array => Uint8Array.of(0, 0x61, 0x73, 0x6d, ...rest);

describe('refused, while the old version serves on, is', () => {
  test.each<[string, () => Promise<Uint8Array | string> | Uint8Array | string, number, string, RegExp]>([
    ['an empty body', () => '', 422, 'component-not-wasm', /got 0 bytes/],
    ['a text', () => 'export function handle() {}', 422, 'component-not-wasm', /first bytes 65 78 70 6f/],
    ['two bytes', () => Uint8Array.of(0, 0x61), 422, 'component-truncated|component-not-wasm', /got 2 bytes/],
    ['half a preamble', () => wasm(0x0d, 0), 422, 'component-truncated', /got 6 bytes/],
    ['a core module', () => assembled('(module)'), 422, 'component-core-module', /got a core module/],
    [
      'a format of the future',
      () => wasm(0x0e, 0, 1, 0),
      422,
      'component-invalid',
      /version 13.*got version 14/,
    ],
    [
      'an empty component',
      () => assembled('(component)'),
      422,
      'component-no-handler',
      /incoming-handler.*got nothing/,
    ],
    [
      'a component that exports something else',
      () => assembled('(component (component (export "a" (component 0))) (export "other" (component 0)))'),
      422,
      'component-no-handler|component-invalid',
      /other|export/,
    ],
    ['an unknown section', () => wasm(0x0d, 0, 1, 0, 99, 0), 422, 'component-invalid', /section id 99/],
    [
      'a section beyond the end',
      () => wasm(0x0d, 0, 1, 0, 1, 100, 0),
      422,
      'component-truncated',
      /100 bytes/,
    ],
    [
      'a size that is too long',
      () => wasm(0x0d, 0, 1, 0, 1, 255, 255, 255, 255, 255),
      422,
      'component-invalid',
      /32-bit/,
    ],
    [
      'a list of a billion names',
      () => wasm(0x0d, 0, 1, 0, 10, 5, 255, 255, 255, 255, 3),
      422,
      'component-invalid',
      /10000 names/,
    ],
    [
      'an import of an unknown interface',
      () =>
        plain({
          imports: '(import "cm32p2|other:thing/x@0.1" "f" (func $f))',
          fields: '(func $g (call $f)) (export "unused" (func $g))',
          wit: importing('other:thing/x@0.1.0', 'package other:thing@0.1.0 { interface x { f: func(); } }'),
        }).catch(() => importingComponent('other:thing/x@0.1.0')),
      422,
      'component-import-unknown',
      /got other:thing\/x@0\.1\.0/,
    ],
    [
      'an import of a future version',
      () => importingComponent('wasi:io/poll@0.3.0'),
      422,
      'component-import-unknown',
      /wasi:io\/poll@0\.3\.0/,
    ],
    [
      'an import of a function that its interface does not have',
      () =>
        handMade({
          handle: '(call $f)',
          imports: '(import "cm32p2|wasi:clocks/wall-clock@0.2" "frobnicate" (func $f))',
          wit: (wit) =>
            wit.replace('interface wall-clock {', 'interface wall-clock {\n    frobnicate: func();'),
        }),
      422,
      'component-import-unknown',
      /wasi:clocks\/wall-clock frobnicate/,
    ],
    [
      'a component above the limit',
      () => new Uint8Array(1_048_577),
      413,
      'component-too-large',
      /1048576 bytes, got 1048577/,
    ],
  ])('%s', async (_what, make, status, code, words) => {
    const answer = await host.put('steady', await make());
    expect(answer.status, answer.text).toBe(status);
    const error = errorOf(answer);
    expect(error.code).toMatch(new RegExp(`^(${code})$`));
    expect(error.message).toMatch(words);
    expect(error.fault).toBe('user');
    expect((await host.call('/f/steady')).text).toBe('Hello from Ebb\n');
  });

  test('a component whose code is not valid', async () => {
    const broken = Buffer.from(hello);
    const code = broken.indexOf(Buffer.from('cm32p2')) - 40;
    let seen = 0;
    for (let at = code; at < code + 40 && seen < 3; at++) {
      const bytes = new Uint8Array(broken);
      bytes[at] = bytes[at]! ^ 0xff;
      const answer = await host.put('steady', bytes);
      if (answer.status === 201) await host.put('steady', hello);
      else seen++;
      expect([201, 200, 422]).toContain(answer.status);
    }
    expect((await host.call('/f/steady')).status).toBe(200);
  });

  test('a component that is cut off, at a few points over HTTP', async () => {
    for (const cut of [8, 9, 100, 1_000, hello.length - 100, hello.length - 1]) {
      const answer = await host.put('steady', hello.subarray(0, cut));
      expect(answer.status).toBe(422);
      expect(errorOf(answer).code).toMatch(/^component-(truncated|no-handler)$/);
    }
    expect((await host.call('/f/steady')).status).toBe(200);
  });

  test('a component that is cut off, at every point', async () => {
    const fates = new Set<string>();
    for (let cut = 0; cut < hello.length; cut++) fates.add(await fateOf(hello.subarray(0, cut)));
    expect([...fates].sort()).toEqual(['component-no-handler', 'component-not-wasm', 'component-truncated']);
  });
});

/** A component with one imported instance and nothing else. */
const importingComponent = (name: string): Promise<Uint8Array> =>
  assembled(`(component
    (import "${name}" (instance))
    (instance $handler)
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))`);

describe('any damage', () => {
  test('to a component gives a plan or a coded refusal, never anything else', async () => {
    const mutation = fc.record({
      at: fc.nat({ max: hello.length - 1 }),
      byte: fc.integer({ min: 0, max: 255 }),
      kind: fc.constantFrom('set', 'drop', 'insert', 'repeat'),
      length: fc.integer({ min: 1, max: 24 }),
    });
    const mutated = fc.array(mutation, { minLength: 1, maxLength: 3 }).map((mutations) => {
      let bytes: Uint8Array = hello;
      for (const { at, byte, kind, length } of mutations) {
        const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
        if (kind === 'set') bytes = Buffer.concat([before, Buffer.from([byte]), after.subarray(1)]);
        if (kind === 'drop') bytes = Buffer.concat([before, after.subarray(length)]);
        if (kind === 'insert') bytes = Buffer.concat([before, Buffer.alloc(length, byte), after]);
        if (kind === 'repeat') bytes = Buffer.concat([before, after.subarray(0, length), after]);
      }
      return new Uint8Array(bytes);
    });
    const fates = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(mutated, async (bytes) => {
        const fate = await fateOf(bytes);
        fates.set(fate, (fates.get(fate) ?? 0) + 1);
        expect(fate).toMatch(/^(planned|component-.*)$/);
      }),
      { numRuns: 2_000, seed: 20_261_121 },
    );
    expect(fates.get('planned')).toBeGreaterThan(10);
    expect(fates.get('component-invalid')).toBeGreaterThan(100);
  });

  test('to arbitrary bytes after a good preamble is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (rest) => {
        expect(await fateOf(wasm(0x0d, 0, 1, 0, ...rest))).toMatch(/^component-/);
      }),
      { numRuns: 1_000, seed: 7 },
    );
  });
});

describe('the contract', () => {
  test('lists exactly the interfaces that the host has functions for', () => {
    const functions = hostFunctions(new CurrentContext({ canSuspend: false }));
    expect(Object.keys(functions).sort()).toEqual([...PROVIDED_INTERFACES].sort());
  });

  test('names what a component imports and exports', () => {
    const { imports, exports } = parseComponent(hello);
    expect(exports).toEqual(['wasi:http/incoming-handler@0.2.12']);
    expect(imports).toContain('wasi:http/types@0.2.12');
  });
});
