/** The tables of simulator/MEASURED.md are what the program says today, and its commands are those that were run. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MEASURED_TABLES } from './measured-tables.ts';

const document = readFileSync(new URL('../simulator/MEASURED.md', import.meta.url), 'utf8');
const blocks = document.split('\n\n');

describe('simulator/MEASURED.md', () => {
  it.each(Object.entries(MEASURED_TABLES))('has what a new run gives (%s)', async (_, table) => {
    const { command, text } = await table();
    const at = blocks.indexOf(`\`\`\`\nnpm run ebb -- ${command}\n\`\`\``);
    expect(at, command).toBeGreaterThan(0);
    expect(blocks[at + 1]).toBe(text);
  });

  it('has no other commands than those', () => {
    expect(document.match(/npm run ebb/g)).toHaveLength(Object.keys(MEASURED_TABLES).length);
  });
});
