/**
 * What the engine has learnt of a replay's objects outlives the replay. Code that is optimised for objects of a layout is
 * thrown away with the layout, so it tells whether the layout is still there, without a clock.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const FLAGS = ['--allow-natives-syntax', '--expose-gc', '--retain-maps-for-n-gc=0'];

test.each([
  ['functions', ['Instances.create', 'Instances.advance', 'Tally.execution']],
  ['vm', ['Servers.startOf', 'Servers.occupy', 'Tally.execution']],
  ['ebb', ['Servers.startOf', 'Servers.occupy', 'Tally.execution']],
])('replays on %s keep the layouts of their objects when none is left', async (platform, methods) => {
  const child = [...FLAGS, join(import.meta.dirname, 'layouts-child.ts'), platform];
  const { stdout } = await promisify(execFile)(process.execPath, child);
  expect(JSON.parse(stdout)).toEqual({ before: methods, after: methods });
});
