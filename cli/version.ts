/** The version of this Ebb, from the package.json above: one folder up in a checkout, two in a package. */
import { existsSync, readFileSync } from 'node:fs';

function readVersion(): string {
  const near = new URL('../package.json', import.meta.url);
  const url = existsSync(near) ? near : new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}

export const EBB_VERSION = readVersion();
