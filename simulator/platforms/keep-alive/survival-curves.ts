/**
 * How long providers really keep idle instances: measured in 2025 by 100 probes for each idle gap. Data alone; what a
 * curve means for one instance is in survival.ts.
 *
 * Source: ubc-cirrus-lab/demystifying-serverless-costs@d77293102993 (MIT), dataset/keep_alive/{aws,azure,
 * gcp}/results_{big,small}_step.json, measured in 2025. Both step sizes are merged; where a longer gap was measured warmer by
 * chance, neighbours are averaged, so that curves never fall.
 */

/** [idle seconds, cold starts in 100 probes]; linear between, 0 before the first and 100 from the last. */
export type SurvivalCurve = readonly (readonly [idleS: number, coldPercent: number])[];

/** The provider and the year that a curve was measured. */
export const SURVIVAL_CURVE_NAMES = ['aws-2025', 'azure-2025', 'gcp-2025'] as const;
export type SurvivalCurveName = (typeof SURVIVAL_CURVE_NAMES)[number];

export const SURVIVAL_CURVES = {
  'aws-2025': [
    [60, 0],
    [120, 1],
    [240, 1],
    [270, 3],
    [300, 8],
    [315, 43],
    [330, 68],
    [345, 94],
    [360, 100],
  ],
  'azure-2025': [
    [120, 0],
    [150, 6],
    [180, 13],
    [210, 22],
    [240, 29],
    [270, 31],
    [300, 33.5],
    [315, 33.5],
    [330, 40],
    [345, 73],
    [360, 76],
    [375, 98],
    [390, 100],
  ],
  /** Cloud Run. */
  'gcp-2025': [
    [660, 0],
    [720, 1],
    [780, 3],
    [885, 3],
    [900, 7],
    [915, 90],
    [930, 90],
    [945, 100],
  ],
} as const satisfies Readonly<Record<SurvivalCurveName, SurvivalCurve>>;
