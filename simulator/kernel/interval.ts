/** Confidence intervals for means of independent values by Student's t. It knows no domain. */

export interface Interval {
  readonly mean: number;
  /** The mean ± this covers the truth in 95 % of all cases; null for fewer than two values. */
  readonly halfWidth: number | null;
}

/** Student's t, 97.5 %, for 1 to 30 degrees of freedom: the table of every textbook. */
const T_TABLE = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604,
  2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
  2.0518, 2.0484, 2.0452, 2.0423,
];
const Z = 1.959963985;

/** The 97.5 % quantile; beyond the table by Cornish and Fisher's expansion, good to four decimals there. */
export function studentT975(degreesOfFreedom: number): number {
  const listed = T_TABLE[degreesOfFreedom - 1];
  if (listed !== undefined) return listed;
  const z3 = Z ** 3;
  const first = (z3 + Z) / (4 * degreesOfFreedom);
  const second = (5 * Z ** 5 + 16 * z3 + 3 * Z) / (96 * degreesOfFreedom ** 2);
  const third = (3 * Z ** 7 + 19 * Z ** 5 + 17 * z3 - 15 * Z) / (384 * degreesOfFreedom ** 3);
  return Z + first + second + third;
}

/** Of independent values. */
export function meanInterval(values: readonly number[]): Interval {
  const count = values.length;
  if (count === 0) return { mean: 0, halfWidth: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, halfWidth: null };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, halfWidth: studentT975(count - 1) * Math.sqrt(variance / count) };
}
