/** Which connections come from guests of the same host. */
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { NestedCalls } from '../host/nested-calls.ts';

type End = readonly [address: string, port: number];

/** A connection as one of its ends sees it. */
const seen = ([localAddress, localPort]: End, [remoteAddress, remotePort]: End): Socket =>
  ({ localAddress, localPort, remoteAddress, remotePort }) as Socket;

const guest: End = ['127.0.0.1', 40_000];
const host: End = ['127.0.0.1', 7_070];
const elsewhere: End = ['127.0.0.1', 9_999];

test('a connection of a guest is known at its other end, as long as the guest uses it', () => {
  const calls = new NestedCalls();
  const end = calls.begin(seen(guest, host), 3);
  expect(calls.levelOf(seen(host, guest))).toBe(3);
  expect(calls.levelOf(seen(['::ffff:127.0.0.1', 7_070], ['::ffff:127.0.0.1', 40_000]))).toBe(3);
  end();
  expect(calls.levelOf(seen(host, guest))).toBe(0);
});

test('a client with the port that a guest has for a connection to elsewhere is none', () => {
  const calls = new NestedCalls();
  calls.begin(seen(guest, elsewhere), 1);
  expect(calls.levelOf(seen(host, guest))).toBe(0);
  calls.begin(seen(guest, host), 2);
  expect(calls.levelOf(seen(host, guest))).toBe(2);
});
