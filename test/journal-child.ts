/** Adds long and short lines to a journal in turn, for a test that leaves no room for all; prints which were refused. */
import { Journal } from '../host/ledger/journal.ts';

const [folder = ''] = process.argv.slice(2);
const journal = new Journal(folder, 0);
const written: number[] = [];
const refused: number[] = [];
for (let number = 0; number < 40; number++) {
  try {
    journal.append(JSON.stringify([number, 'x'.repeat(number % 2 ? 20 : 3_000)]));
    written.push(number);
  } catch {
    refused.push(number);
  }
}
journal.close();
process.stdout.write(JSON.stringify({ written, refused }));
