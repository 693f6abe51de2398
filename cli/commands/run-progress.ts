/** Shows how far a run of replays is and how long it will take, once it takes more than a second. */
import type { ParallelRun, Progress } from '../../simulator/threads/parallel-run.ts';
import type { Output } from '../output.ts';

const FIRST_MS = 1_000;
const EVERY_MS = { terminal: 250, elsewhere: 1_000 } as const;

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

function lengthText(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** @param tookS since the run began. */
export function progressText(progress: Progress, tookS: number): string {
  const { arrivals, arrivalsTotal, tasks, tasksTotal } = progress;
  const perSecond = arrivals / tookS;
  const share = arrivalsTotal === 0 ? 0 : arrivals / arrivalsTotal;
  const replays = tasksTotal === 1 ? '' : `, ${tasks} of ${tasksTotal} replays`;
  const left = perSecond > 0 ? `, ${lengthText((arrivalsTotal - arrivals) / perSecond)} left` : '';
  return `simulating: ${Math.floor(share * 100)} %${replays}, ${count(perSecond)} requests/s${left}`;
}

export class RunProgress {
  readonly #output: Output;
  readonly #startedMs = performance.now();
  #run: ParallelRun | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(output: Output) {
    this.#output = output;
  }

  /** @param isShown whether anybody wants to see it. */
  begin(run: ParallelRun, isShown: boolean): void {
    this.#run = run;
    if (isShown) this.#timer = setTimeout(() => this.#show(), FIRST_MS);
  }

  #show(): void {
    const { progress } = this.#run as ParallelRun;
    this.#output.progressNow(progressText(progress, this.tookS));
    const pauseMs = this.#output.isTerminal ? EVERY_MS.terminal : EVERY_MS.elsewhere;
    this.#timer = setTimeout(() => this.#show(), pauseMs);
  }

  /** Since the beginning. */
  get tookS(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  /** The result is free of clocks; how quickly it came is for the person who waited. */
  get summary(): string {
    const { tookS } = this;
    const arrivals = this.#run?.progress.arrivals ?? 0;
    return `replayed ${count(arrivals)} requests in ${tookS.toFixed(2)} s: ${count(arrivals / Math.max(tookS, 1e-6))} a second`;
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
