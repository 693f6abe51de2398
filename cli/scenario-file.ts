/** A scenario in a file of JSON: options as the simulator names them, and beside them what is swept and required. */
import { readFile } from 'node:fs/promises';
import { CodedError } from '../metering/errors.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import type { SweepInput } from '../simulator/sweep/axes.ts';

export interface ScenarioFile {
  readonly scenario: ScenarioInput;
  readonly sweep: SweepInput;
  readonly require: readonly string[];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function fault(path: string, expected: string): CodedError {
  return new CodedError('config-invalid', `${path}: expected ${expected}`, { path });
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    const reason = (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is none' : String(thrown);
    throw new CodedError('file-unreadable', `expected a scenario at ${path}, but ${reason}`, { path });
  }
}

/** @throws CodedError `file-unreadable`, or `config-invalid` when it is no object or its sweep or goals are none. */
export async function readScenarioFile(path: string): Promise<ScenarioFile> {
  let value: unknown;
  const text = await textOf(path);
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw fault(path, `a scenario in JSON, but ${(thrown as Error).message}`);
  }
  if (!isObject(value))
    throw fault(path, `an object with options such as {"platforms": ["vm"], "instances": 4}`);
  const { sweep = {}, require = [], ...scenario } = value;
  if (!isObject(sweep)) throw fault(path, 'sweep to be an object such as {"instances": "1..8"}');
  if (!isTexts(require)) throw fault(path, 'require to be a list such as ["p95Ms<=200"]');
  return { scenario: scenario as ScenarioInput, sweep: sweep as SweepInput, require };
}
