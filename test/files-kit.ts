/** A folder for guests to read, with all that could lead out of it, and files outside that must not be seen. */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Preopen } from '../host/preopens.ts';

export const BIG = Buffer.from(Uint8Array.from({ length: 300_000 }, (_zero, index) => index % 251));

/** When `text` was changed last. */
export const TEXT_AT_MS = 1_700_000_000_250;

export class FilesFolder {
  readonly outer = realpathSync(mkdtempSync(join(tmpdir(), 'ebb-files-')));
  readonly path = join(this.outer, 'root');
  readonly preopen: Preopen = { hostPath: this.path, guestPath: '/data' };

  constructor() {
    const at = (name: string) => join(this.path, name);
    mkdirSync(join(this.outer, 'root-but-other'));
    for (const name of ['secret', 'root-but-other/secret']) writeFileSync(join(this.outer, name), 'secret');
    mkdirSync(at('folder/deep'), { recursive: true });
    writeFileSync(at('text'), 'hello, file\n');
    utimesSync(at('text'), TEXT_AT_MS / 1_000, TEXT_AT_MS / 1_000);
    writeFileSync(at('größe'), 'straße');
    writeFileSync(at('empty'), '');
    writeFileSync(at('big'), BIG);
    writeFileSync(at('folder/inner'), 'inside');
    writeFileSync(at('folder/deep/leaf'), 'leaf');
    symlinkSync('text', at('to-text'));
    symlinkSync('folder', at('to-folder'));
    symlinkSync('../text', at('folder/up'));
    symlinkSync('../secret', at('to-outside'));
    symlinkSync('../root/text', at('out-and-back'));
    symlinkSync(at('text'), at('to-absolute'));
    symlinkSync('circle', at('circle'));
    execFileSync('mkfifo', [at('pipe')]);
  }

  /** Files below that this process has open. */
  get openCount(): number {
    return readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(this.outer);
      } catch {
        return false;
      }
    }).length;
  }

  remove(): void {
    rmSync(this.outer, { recursive: true, force: true });
  }
}

type Line = readonly [what: string, ...words: (string | number)[]];

/** Lines for the guest that reads files. */
export const script = (lines: readonly Line[]): string => lines.map((line) => line.join('\t')).join('\n');
