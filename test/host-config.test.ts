/** What a host is started with. */
import { expect, test } from 'vitest';
import { hostConfig } from '../host/config.ts';

test('settings of a host have defaults, and every fault is named at once', () => {
  expect(hostConfig()).toMatchObject({
    bind: '127.0.0.1',
    port: 7070,
    adminPort: 7071,
    workers: 2,
    allowOutbound: [],
  });
  const wrong = { port: -1, workers: 1.5, bind: '', nonsense: 1, allowOutbound: ['http://a/b'] };
  expect(() => hostConfig(wrong)).toThrow(
    /port: .*got -1.*workers: .*got 1\.5.*bind: expected a text.*nonsense: expected one of.*allowOutbound: .*"http:\/\/a\/b"/s,
  );
  expect(() => hostConfig({ port: 80, adminPort: 80 })).toThrow(/adminPort: expected another port/);
  expect(() => hostConfig({ allowOutbound: 'a' as unknown as string[] })).toThrow(
    /allowOutbound: expected a list/,
  );
});
