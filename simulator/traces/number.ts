/**
 * Decimal text becomes whole microseconds without passing through a binary fraction. Digits beyond the last
 * microsecond are cut, not rounded.
 */

const ZERO = 48;
const NINE = 57;
const POINT = 46;
const MINUS = 45;
const UPPER_E = 69;
const LOWER_E = 101;

/**
 * The integer part of text × 10^shift, for text such as `-12.5` or `1e-05`.
 * @param shift 0 to 15.
 * @returns NaN when the text is not a decimal number, ±Infinity when the result is no safe integer.
 */
export function scaledInteger(text: string, shift: number): number {
  const length = text.length;
  const isNegative = text.charCodeAt(0) === MINUS;
  let value = 0;
  let places = -1;
  let hasDigits = false;
  for (let at = isNegative ? 1 : 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      hasDigits = true;
      if (places >= shift) continue;
      value = value * 10 + (code - ZERO);
      if (places >= 0) places++;
    } else if (code === POINT && places < 0) places = 0;
    else if ((code === LOWER_E || code === UPPER_E) && hasDigits) {
      return scaledInteger(withoutExponent(text), shift);
    } else return Number.NaN;
  }
  if (!hasDigits) return Number.NaN;
  value *= 10 ** (shift - Math.max(places, 0));
  if (value > Number.MAX_SAFE_INTEGER) value = Number.POSITIVE_INFINITY;
  return isNegative && value !== 0 ? -value : value;
}

/** `1.5e-3` as `0.0015`; text that is no such number becomes empty, which is no number either. */
function withoutExponent(text: string): string {
  const match = /^(-?)(\d+)\.?(\d*)e([+-]?\d{1,3})$/i.exec(text);
  if (!match) return '';
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const padded = digits.padEnd(point, '0');
  return `${sign}${padded.slice(0, point)}.${padded.slice(point)}`;
}
