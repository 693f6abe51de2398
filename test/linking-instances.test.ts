/** Instances of one component, one after the other and side by side. */
import { describe, expect, test } from 'vitest';
import type { GuestInstance } from '../host/component/link.ts';
import type { Execution } from '../host/wasi/execution.ts';
import { agreed, linkText } from './linking-agreement.ts';
import { executionFor, LINKINGS, portFor } from './linking-harness.ts';

describe('an instance', () => {
  test('is fresh for each request: nothing of one is left for the next', async () => {
    const both = await linkText({
      act: '(i32.store (i32.const 2000) (i32.add (i32.load (i32.const 2000)) (i32.const 1))) (i32.store8 (i32.const 64) (i32.add (i32.const 48) (i32.load (i32.const 2000))))',
      answer: ['(i32.const 64)', '(i32.const 1)'],
    });
    for (let round = 0; round < 3; round++) expect(agreed(both).body).toBe('1');
  });

  test('that trapped leaves nothing behind that the next could trip over', async () => {
    const both = await linkText({
      act: '(call $method (local.get $req) (i32.const 512)) (if (i32.eq (i32.load8_u (i32.const 512)) (i32.const 2)) (then unreachable))',
    });
    for (const linking of LINKINGS) {
      expect(both[linking].run({ method: 'POST' }).outcome).toBe('trap');
      expect(both[linking].run({ method: 'GET' })).toMatchObject({ outcome: 'ok', body: 'ok' });
    }
  });

  test('runs its start code, and what that traps with ends the execution', async () => {
    const more = '(func (export "_initialize") (i32.store (i32.const 64) (i32.const 0x2121)))';
    expect(agreed(await linkText({ more }))).toMatchObject({ body: '!!' });
    const trapping = '(func (export "_initialize") unreachable)';
    expect(agreed(await linkText({ more: trapping })).outcome).toBe('trap');
  });

  test('has its post-return function called after the handler', async () => {
    const name = 'cabi_post_wasi:http/incoming-handler@0.2.12#handle';
    const quiet = await linkText({ more: `(func (export "${name}"))` });
    expect(agreed(quiet)).toMatchObject({ outcome: 'ok', body: 'ok' });
    const trapping = await linkText({ more: `(func (export "${name}") unreachable)` });
    expect(agreed(trapping).outcome).toBe('trap');
  });

  test('can live beside another of the same component', async () => {
    const { direct } = await linkText({});
    const executions = [1, 2].map(() => executionFor({}, portFor({}), () => undefined));
    const [one, two] = executions.map((execution) => direct.linked.instantiate(execution)) as [
      GuestInstance,
      GuestInstance,
    ];
    for (const [index, instance] of [two, one].entries()) {
      const { request, outparam } = executions[1 - index] as Execution;
      instance.handle(request, outparam);
    }
    for (const { answered } of executions) expect(answered).toMatchObject({ tag: 'ok', status: 200 });
    for (const instance of [one, two, one, two]) instance.release();
    const fresh = () => direct.linked.instantiate(executionFor({}, portFor({}), () => undefined));
    const [three, four] = [0, 1].map(fresh) as [GuestInstance, GuestInstance];
    expect(three.memoryBytes()).toBe(65_536);
    expect(four.memoryBytes()).toBe(65_536);
    three.release();
    expect(four.memoryBytes()).toBe(65_536);
    four.release();
  });
});
