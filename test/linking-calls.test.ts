/** Every host function that direct linking offers: it is there, and no argument brings the host down. */
import { expect, test } from 'vitest';
import { PROVIDED_INTERFACES } from '../host/component/contract.ts';
import { abiType } from '../host/wasi/core/abi-types.ts';
import { hostCall, RESOURCE_HOMES, SIGNATURES, signatureOf } from '../host/wasi/core/interfaces.ts';
import { readSignature } from '../host/wasi/core/signature.ts';
import { CurrentContext } from '../host/wasi/current-context.ts';
import { hostFunctions } from '../host/wasi/imports.ts';
import { CallFuzzer } from './linking-fuzz.ts';

test('every provided interface has signatures, and every signature a function behind it', () => {
  expect(Object.keys(SIGNATURES).sort()).toEqual([...PROVIDED_INTERFACES].sort());
  const host = hostFunctions(new CurrentContext({ canSuspend: false }));
  for (const [interfaceName, functions] of Object.entries(SIGNATURES)) {
    for (const name of Object.keys(functions))
      expect(hostCall(host, interfaceName, name)).toBeTypeOf('function');
  }
});

test('every parameter of every function is passed on', () => {
  let passed: readonly unknown[] = [];
  const take = function (this: unknown, ...args: unknown[]) {
    passed = args;
  };
  // Its own functions, those of its instances, and what makes one: whatever name is asked for.
  const resource = Object.assign(function (this: unknown, ...args: unknown[]) {
    passed = args;
  }, {});
  resource.prototype = new Proxy({}, { get: () => take });
  const Resource = new Proxy(resource, { get: (own, name) => (name === 'prototype' ? own.prototype : take) });
  for (const [interfaceName, functions] of Object.entries(SIGNATURES)) {
    for (const [name, text] of Object.entries(functions)) {
      const owner = new Proxy({}, { get: () => (name.startsWith('[') ? Resource : take) });
      const params = readSignature(text).params.map((_type, index) => index);
      hostCall({ [interfaceName]: owner }, interfaceName, name)(params);
      const own = name.startsWith('[method]') ? params.slice(1) : params;
      expect(passed.slice(0, own.length), name).toEqual(own);
    }
  }
});

test('every resource in a signature has a home among the interfaces', () => {
  const texts = Object.values(SIGNATURES).flatMap((functions) => Object.values(functions));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/(?:own|borrow)<([a-z-]+)>/g)].map(([, name]) => name as string),
  );
  for (const name of names) expect(PROVIDED_INTERFACES).toContain(RESOURCE_HOMES[name]);
});

test('names that every object inherits are no functions of an interface', () => {
  for (const name of [
    'constructor',
    'to-string',
    '__proto__',
    '[static]fields.apply',
    '[method]fields.constructor',
  ]) {
    expect(signatureOf('wasi:http/types', name)).toBeUndefined();
  }
  expect(signatureOf('__proto__', 'constructor')).toBeUndefined();
});

test('the largest type, error-code, has the layout of the canonical ABI', () => {
  const signature = SIGNATURES['wasi:http/types']?.['[static]response-outparam.set'] as string;
  const result = abiType(readSignature(signature).params[1]!);
  // result<own, error-code>: 8 for the discriminant, then 32 for error-code with its 8-byte aligned payload.
  expect([result.sizeBytes, result.align]).toEqual([40, 8]);
  expect(result.flat).toEqual(['i32', 'i32', 'i32', 'i64', 'i32', 'i32', 'i32', 'i32']);
});

test('random arguments end in a value or a trap', () => {
  const fuzzer = new CallFuzzer(20_261_121);
  fuzzer.restart();
  const outcomes = { value: 0, trap: 0 };
  for (let count = 0; count < 20_000; count++) outcomes[fuzzer.step()]++;
  expect(fuzzer.functionCount).toBeGreaterThan(100);
  expect(outcomes.value).toBeGreaterThan(1_000);
  expect(outcomes.trap).toBeGreaterThan(1_000);
});
