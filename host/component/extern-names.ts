/** Names in components: those of imports and exports, and the labels within types. */
import { CodedError } from '../../metering/errors.ts';
import type { BinaryReader } from './binary.ts';
import { Unfit } from './unfit.ts';

/** An extern name with its discriminator. */
export function readExternName(reader: BinaryReader): string {
  const form = reader.byte();
  const name = reader.name();
  if (form > 1) throw new Unfit(`the name ${name} has attributes`);
  return name;
}

const WORDS = '(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*';
const LABEL = new RegExp(`^${WORDS}$`);
const PLAIN_NAME = new RegExp(
  `^(?:(?:\\[constructor\\])?${WORDS}|\\[(?:method|static)\\]${WORDS}\\.${WORDS})$`,
);

/** Whether it is one of the names that functions and types have within an interface. */
export const isPlainName = (name: string): boolean => PLAIN_NAME.test(name);

/** Reads labels that belong together. They become text, so they must not look like anything else in it. */
export function labels(reader: BinaryReader): () => string {
  const seen = new Set<string>();
  return () => {
    const name = reader.name();
    const folded = name.toLowerCase();
    if (!LABEL.test(name) || seen.has(folded)) {
      const got = JSON.stringify(name);
      throw new CodedError(
        'component-invalid',
        `expected a name of words and hyphens that is there once, got ${got}`,
      );
    }
    seen.add(folded);
    return name;
  };
}
