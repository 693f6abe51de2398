#!/usr/bin/env node
/**
 * Starts the command line. Plain JavaScript that old versions of Node can read, so that they end with a clear
 * message instead of a syntax error. In a package the compiled code runs, in a checkout the sources.
 */
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 26;
const SYSTEM_FAULT = 4;

const major = Number(process.versions.node.split('.')[0]);
if (major < NEEDED_MAJOR) {
  process.stderr.write(
    `ebb: expected Node ${NEEDED_MAJOR} or newer, got ${process.versions.node} (node-unsupported)\n` +
      'In a checkout `npm ci` brings it and npm scripts use it: `npm run ebb -- --help`.\n' +
      `Elsewhere install it, for example with \`npm install node@${NEEDED_MAJOR}\`.\n`,
  );
  process.exit(SYSTEM_FAULT);
}

// Compiled code is kept for the next start, which takes half the time then. Where it cannot be kept, nothing changes.
const cache = fileURLToPath(new URL('../node_modules/.cache/ebb', import.meta.url));
module.enableCompileCache(cache);
// That is for this thread alone; others look here.
process.env.NODE_COMPILE_CACHE ??= cache;

const isCheckout = existsSync(new URL('./main.ts', import.meta.url));
const main = isCheckout ? './main.ts' : '../dist/cli/main.js';
const { runCommandLine } = await import(new URL(main, import.meta.url).href);
process.exitCode = await runCommandLine(process.argv);
