/**
 * Takes the forwarding and filling modules out of a plan where every call that goes through them leads to the host:
 * two instances less for each request, and one table call less for each host call. Where some calls lead to another
 * module, as an adapter's do, the host fills the table, and the forwarding instance outlives the request.
 */

import type { CoreImport } from './core-module.ts';
import type { DirectPlan, FilledSlot, LinkStep, Source, StepExport, StepImport } from './direct-plan.ts';
import { type Filler, type Forwarder, recognizeFiller, recognizeForwarder } from './shim.ts';

type Instantiation = Extract<LinkStep, { kind: 'instantiate' }>;

/** Two steps that belong together. */
interface Pair {
  readonly forwarderStep: number;
  readonly forwarder: Forwarder;
  readonly fillerStep: number;
  readonly filler: Filler;
  /** What the forwarder's functions lead to in the end. */
  readonly targets: ReadonlyMap<string, Source>;
}

const sourceOf = (step: Instantiation, wanted: CoreImport): Source | undefined =>
  step.imports.find(({ module, name }) => module === wanted.module && name === wanted.name)?.source;

function targetsOf(forwarder: Forwarder, filler: Filler, step: Instantiation): ReadonlyMap<string, Source> {
  const targets = new Map<string, Source>();
  for (const [name, slot] of forwarder.slots) {
    const filled = filler.slots.get(slot);
    const source = filled && sourceOf(step, filled);
    if (source) targets.set(name, source);
  }
  return targets;
}

function findPair(steps: readonly LinkStep[], modules: readonly Uint8Array[]): Pair | undefined {
  for (const [fillerStep, step] of steps.entries()) {
    if (step.kind !== 'instantiate') continue;
    const filler = recognizeFiller(modules[step.module] as Uint8Array);
    if (!filler) continue;
    const table = sourceOf(step, filler.table);
    if (table?.kind !== 'export') continue;
    const filled = steps[table.step];
    const forwarder =
      filled?.kind === 'instantiate' ? recognizeForwarder(modules[filled.module] as Uint8Array) : undefined;
    if (forwarder?.tableName !== table.name) continue;
    const targets = targetsOf(forwarder, filler, step);
    return { forwarderStep: table.step, forwarder, fillerStep, filler, targets };
  }
  return undefined;
}

/** Whether a source is of the very type that an instance exports under a name. */
export type CanStand = (source: Source, step: number, name: string) => boolean;

/** The same import, leading straight to the host where its forwarder does. */
function shortened(entry: StepImport, { forwarderStep, targets }: Pair, canStand: CanStand): StepImport {
  const { source } = entry;
  if (source.kind !== 'export' || source.step !== forwarderStep) return entry;
  const target = targets.get(source.name);
  if (target === undefined || target.kind === 'export') return entry;
  // Called through the table, a function of another type would trap; called straight, it would take anything.
  return canStand(target, forwarderStep, source.name) ? { ...entry, source: target } : entry;
}

/** Every export that other steps take from the instance of one. */
function takenFrom(steps: readonly LinkStep[], wanted: number): string[] {
  const places = steps.flatMap((step): (StepExport | undefined)[] => {
    if (step.kind !== 'instantiate') return [];
    return step.imports.flatMap(({ source }) => {
      if (source.kind === 'export') return [source];
      return source.kind === 'host' ? [source.memory, source.realloc] : [];
    });
  });
  return places.flatMap((place) => (place?.step === wanted ? [place.name] : []));
}

/** The slots that are still called through; undefined where the host could not fill them as the filler does. */
function slotsToFill(names: readonly string[], pair: Pair, canStand: CanStand): FilledSlot[] | undefined {
  const { forwarder, forwarderStep, fillerStep, targets } = pair;
  const filled: FilledSlot[] = [];
  for (const name of new Set(names)) {
    const slot = forwarder.slots.get(name);
    const target = targets.get(name);
    if (slot === undefined || slot >= forwarder.tableSize || target?.kind !== 'export') return undefined;
    const isEarlier = target.step < fillerStep && target.step !== forwarderStep;
    if (!isEarlier || !canStand(target, forwarderStep, name)) return undefined;
    filled.push({ slot, step: target.step, name: target.name });
  }
  return filled;
}

/** What stands for the filler, and for the forwarder where nothing is called through it any more. */
function withoutPair(steps: readonly LinkStep[], pair: Pair, canStand: CanStand): readonly LinkStep[] {
  const { forwarderStep, forwarder, fillerStep, filler } = pair;
  const start = filler.start && sourceOf(steps[fillerStep] as Instantiation, filler.start);
  if (filler.start && start?.kind !== 'export') return steps;
  const then = start?.kind === 'export' ? { step: start.step, name: start.name } : undefined;
  const others = steps.map((step, index): LinkStep => (index === fillerStep ? { kind: 'nothing' } : step));
  const taken = takenFrom(others, forwarderStep);
  const slots = slotsToFill(taken, pair, canStand);
  if (!slots || takenFrom(others, fillerStep).length > 0) return steps;
  if (slots.length === 0) {
    others[forwarderStep] = { kind: 'nothing' };
    if (then) others[fillerStep] = { kind: 'call', target: then };
  } else {
    const table = { step: forwarderStep, name: forwarder.tableName };
    others[fillerStep] = { kind: 'fill', table, slots, ...(then && { then }) };
  }
  return others;
}

/** The plan without needless shims; the very same plan where there are none. */
export function withoutShims(
  plan: DirectPlan,
  modules: readonly Uint8Array[],
  canStand: CanStand,
): DirectPlan {
  const pair = findPair(plan.steps, modules);
  if (!pair) return plan;
  const { forwarderStep, fillerStep } = pair;
  const steps = plan.steps.map((step, index): LinkStep => {
    if (step.kind !== 'instantiate' || index === fillerStep) return step;
    return { ...step, imports: step.imports.map((entry) => shortened(entry, pair, canStand)) };
  });
  const isNeeded = [plan.handler, plan.postReturn].some(
    (place) => place && [forwarderStep, fillerStep].includes(place.step),
  );
  return { ...plan, steps: isNeeded ? steps : withoutPair(steps, pair, canStand) };
}
