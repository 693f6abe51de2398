/**
 * How many instances a fleet has: starts, boots and warm-ups, and what the autoscaler wants at the end of each metric
 * period. It serves no request.
 */
import type { EventQueue } from '../kernel/event-queue.ts';
import type { Fleet } from './fleet.ts';
import { DECIDE, payloadOf, READY, TICK, WARM } from './fleet-events.ts';
import type { FleetInstance } from './fleet-instance.ts';
import { FleetPeriods } from './fleet-periods.ts';
import type { FleetSettings } from './fleet-settings.ts';

export class FleetSize {
  /** null: the number of instances is fixed, and nobody measures. */
  readonly periods: FleetPeriods | null;
  readonly #settings: FleetSettings;
  readonly #fleet: Fleet;
  readonly #events: EventQueue;
  readonly #firstUs: number;
  readonly #started: (instance: FleetInstance) => void;

  /** @param events shared with the requests', so that what happens at once happens in the order of its planning. */
  constructor(
    settings: FleetSettings,
    fleet: Fleet,
    events: EventQueue,
    firstUs: number,
    started: (instance: FleetInstance) => void,
  ) {
    const { autoscaler } = settings;
    this.#settings = settings;
    this.#fleet = fleet;
    this.#events = events;
    this.#firstUs = firstUs;
    this.#started = started;
    this.periods = autoscaler === null ? null : new FleetPeriods(autoscaler, settings, firstUs);
  }

  /** The minimum is ready before the first arrival comes, which is at the same moment. */
  begin(): void {
    for (let kept = 0; kept < this.#settings.minInstances; kept++) this.#start(this.#firstUs, 0, true);
    if (this.periods !== null) this.#events.push(this.#firstUs + this.periods.periodUs, TICK);
  }

  start(nowUs: number, isKept: boolean): void {
    this.#start(nowUs, this.#settings.bootUs, isKept);
  }

  /** Something arrives: periods that rested go on. */
  wake(nowUs: number): void {
    if (this.periods?.isResting === true) this.#events.push(this.periods.wake(nowUs), TICK);
  }

  /** An event that is not the end of a request. Its instance may be another one by now, in the same slot. */
  event(kind: number, instance: FleetInstance | undefined, nowUs: number, inFlight: number): void {
    switch (kind) {
      case READY:
        if (instance?.readyAtUs === nowUs) this.#becomeReady(instance, nowUs);
        return;
      case WARM:
        if (instance !== undefined && instance.readyAtUs + this.#settings.warmUpUs === nowUs) {
          this.#fleet.becomeWarm(instance);
        }
        return;
      case TICK:
        this.#tick(this.periods as FleetPeriods, nowUs, inFlight);
        return;
      case DECIDE:
        this.#decide(this.periods as FleetPeriods, nowUs);
    }
  }

  #start(nowUs: number, bootUs: number, isKept: boolean): void {
    const instance = this.#fleet.start(nowUs, nowUs + bootUs, isKept);
    this.#started(instance);
    if (bootUs === 0) this.#becomeReady(instance, nowUs);
    else this.#events.push(instance.readyAtUs, payloadOf(instance.slot, READY));
  }

  #becomeReady(instance: FleetInstance, nowUs: number): void {
    const { warmUpUs } = this.#settings;
    this.#fleet.becomeReady(instance);
    // What is there from the beginning has nothing to warm up for.
    if (warmUpUs === 0 || instance.readyAtUs === this.#firstUs) this.#fleet.becomeWarm(instance);
    else this.#events.push(nowUs + warmUpUs, payloadOf(instance.slot, WARM));
  }

  #tick(periods: FleetPeriods, nowUs: number, inFlight: number): void {
    periods.close(nowUs);
    if (periods.delayUs === 0) this.#decide(periods, nowUs);
    else this.#events.push(nowUs + periods.delayUs, DECIDE);
    if (!periods.mayRest(inFlight, this.#fleet)) this.#events.push(nowUs + periods.periodUs, TICK);
  }

  #decide(periods: FleetPeriods, nowUs: number): void {
    const { staying } = this.#fleet;
    const desired = periods.wanted(nowUs, this.#fleet);
    for (let missing = desired - staying; missing > 0; missing--) this.start(nowUs, false);
    for (let spare = staying - desired; spare > 0; spare--) if (!this.#fleet.stopOne()) return;
  }
}
