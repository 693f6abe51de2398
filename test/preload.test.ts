/** What ran last before a restart is compiled when somebody asks for it again. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { CompiledComponent, Runnable } from '../host/component/module-cache.ts';
import type { LedgerEntry } from '../host/ledger/ledger.ts';
import { preload } from '../host/preload.ts';
import { example, saying } from './host-guests.ts';
import { closeAll, TestHost } from './host-kit.ts';

let hello: Uint8Array;

beforeAll(async () => {
  hello = await example('hello');
});
afterEach(closeAll);

const warmthOf = async (host: TestHost, name: string): Promise<string | undefined> => {
  await host.call(`/f/${name}`);
  return (await host.executions(`&function=${name}`))[0]?.warmth;
};

test('a restarted host has compiled what ran last, and nothing else', async () => {
  const host = await TestHost.start();
  for (const name of ['used', 'unused', 'gone', 'changed']) await host.deploy(name, await saying(name));
  for (const name of ['used', 'gone', 'changed']) await host.call(`/f/${name}`);
  await host.admin('/v1/functions/gone', { method: 'DELETE' });
  await host.deploy('changed', hello);
  await host.stop();
  const again = await TestHost.start({ dataDir: host.dataDir });
  await again.running.preloaded;
  const warmths = [];
  for (const name of ['used', 'changed', 'unused']) warmths.push(await warmthOf(again, name));
  expect(warmths).toEqual(['cached', 'cached', 'cold']);
  expect(again.internalErrors).toEqual([]);
});

test('a host that is stopped at once has nothing to wait for', async () => {
  const host = await TestHost.start();
  await host.deploy('hello', hello);
  await host.call('/f/hello');
  await host.stop();
  const again = await TestHost.start({ dataDir: host.dataDir });
  expect(await again.stop()).toBe(true);
  await again.running.preloaded;
});

interface Setup {
  readonly ran: readonly string[];
  readonly codeBytes?: number;
  /** Names whose component cannot be compiled. */
  readonly broken?: readonly string[];
  readonly known?: readonly string[];
  readonly endsAfter?: number;
}

/** Which functions are asked for, the newest execution given first. */
async function preloaded({
  ran,
  codeBytes = 1,
  broken = [],
  known = [],
  endsAfter = 99,
}: Setup): Promise<string[]> {
  const asked: string[] = [];
  await preload({
    ledger: {
      newest: async (_filter, limit) =>
        ran.slice(0, limit).map((functionName) => ({ functionName }) as LedgerEntry),
    },
    cache: {
      has: ({ version }) => known.includes(version),
      get: async ({ version }) => {
        asked.push(version);
        if (broken.includes(version)) throw new Error('damaged');
        return { codeBytes } as CompiledComponent;
      },
    },
    runnableOf: (name) =>
      name === 'gone'
        ? undefined
        : ({ version: name, memoryBytesMax: 1, countsFuel: false } satisfies Runnable),
    isOver: () => asked.length >= endsAfter,
  });
  return asked;
}

test('the newest come first, each once, and few of them', async () => {
  expect(await preloaded({ ran: ['b', 'a', 'b', 'gone', 'c'], known: ['c'] })).toEqual(['b', 'a']);
  const many = Array.from({ length: 50 }, (_none, index) => `f${index}`);
  expect(await preloaded({ ran: many })).toEqual(many.slice(0, 8));
  expect(await preloaded({ ran: [...Array(200).fill('a'), 'b'] })).toEqual(['a']);
});

test('large components end it, damaged ones do not', async () => {
  expect(await preloaded({ ran: ['a', 'b', 'c'], codeBytes: 2 * 1_048_576 })).toEqual(['a', 'b']);
  expect(await preloaded({ ran: ['a', 'b', 'c'], broken: ['a', 'b'] })).toEqual(['a', 'b', 'c']);
  expect(await preloaded({ ran: ['a', 'b', 'c'], endsAfter: 1 })).toEqual(['a']);
  expect(await preloaded({ ran: ['a'], endsAfter: 0 })).toEqual([]);
  expect(await preloaded({ ran: [] })).toEqual([]);
});
