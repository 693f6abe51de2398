/** The command line for tests: in this process, with what it prints. */
import { Writable } from 'node:stream';
import { runCommandLine } from '../cli/main.ts';

export class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Runs a command line to its end. */
export async function ebb(...args: string[]) {
  const stdout = new Collected();
  const stderr = new Collected();
  const exitCode = await runCommandLine(['node', 'ebb', ...args], { stdout, stderr });
  return { exitCode, stdout: stdout.text, stderr: stderr.text, json: () => JSON.parse(stdout.text) };
}
