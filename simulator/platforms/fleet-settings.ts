/** What a platform says to have its instances replayed as a fleet. It decides nothing. */
import type { Autoscaler } from './autoscaler.ts';
import type { FleetShape } from './fleet.ts';

export interface FleetSettings extends FleetShape {
  /** Ready at the first arrival, and never fewer. */
  readonly minInstances: number;
  readonly maxInstances: number;
  /** From the start of an instance until it takes requests. */
  readonly bootUs: number;
  /** From then until its load counts in the metrics. */
  readonly warmUpUs: number;
  /** Most requests that wait: before all instances, or before each one where the router picks at random. */
  readonly queueLimit: number;
  readonly memoryBytes: number | null;
  /** null: the number of instances is fixed. */
  readonly autoscaler: Autoscaler | null;
  /** Counts requests that wait for a boot as cold, and lets the autoscaler run on after the last request. */
  readonly isOnDemand: boolean;
}
