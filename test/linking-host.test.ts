/** Both ways of linking in a whole host: chosen when a function is deployed, shown, and kept through a restart. */
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { example } from './host-guests.ts';
import { closeAll, TestHost } from './host-kit.ts';

let hello: Uint8Array;
let composed: Uint8Array;

beforeAll(async () => {
  hello = await example('hello');
  const text = await print(hello);
  composed = await parse(text.replace(/\)\s*$/, '(component (core module)))'));
});

afterEach(closeAll);

const linkingOf = async (host: TestHost, name: string): Promise<string> =>
  (await host.get<{ linking: string }>(`/v1/functions/${name}`)).linking;

test('a function is linked directly where that can be, else by generated code, and says which', async () => {
  const host = await TestHost.start();
  await host.deploy('plain', hello);
  await host.deploy('composed', composed);
  expect(await linkingOf(host, 'plain')).toBe('direct');
  expect(await linkingOf(host, 'composed')).toBe('generated');
  for (const name of ['plain', 'composed'])
    expect((await host.call(`/f/${name}`)).text).toBe('Hello from Ebb\n');
  await host.stop();
  const again = await TestHost.start({ dataDir: host.dataDir });
  for (const name of ['plain', 'composed'])
    expect((await again.call(`/f/${name}`)).text).toBe('Hello from Ebb\n');
  expect(await linkingOf(again, 'plain')).toBe('direct');
  expect(again.internalErrors).toEqual([]);
});
