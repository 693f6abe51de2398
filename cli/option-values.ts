/** Reads option values: each refusal names the option, what was expected and what came. */
import { InvalidArgumentError } from 'commander';

/** A whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(
      `Expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}.`,
    );
  };
}

/** A number of 0 or more, decimals allowed. */
export function decimalNumber(max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
    if (value <= max) return value;
    throw new InvalidArgumentError(`Expected a number from 0 to ${max}, got ${JSON.stringify(text)}.`);
  };
}

/** For options that may be given more than once, or with a list between commas. */
export function list(text: string, before: readonly string[] | undefined): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes(''))
    throw new InvalidArgumentError(`Expected a list between commas, got ${JSON.stringify(text)}.`);
  return [...(before ?? []), ...items];
}

/** For options that may be given more than once, and whose values may contain commas. */
export const each = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

/** The flag of a setting, without its dashes: `timeLimitMs` is `time-limit-ms`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
