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

/**
 * @param doing what has to be done before the run, for example `reading x.csv`.
 * @param share of it that is done, 0 to 1.
 * @param tookS since that was first heard of.
 */
export function preparationText(doing: string, share: number, tookS: number): string {
  const left = share > 0 && tookS > 0 ? `, ${lengthText((tookS * (1 - share)) / share)} left` : '';
  return `${doing}: ${Math.floor(share * 100)} %${left}`;
}

/** Reading, sorting and what else prepares a trace comes first, then the run. */
export class RunProgress {
  readonly #output: Output;
  readonly #isShown: boolean;
  readonly #pauseMs: number;
  #startedMs = performance.now();
  #shownMs = this.#startedMs + FIRST_MS;
  /** What prepares the trace now, how far it is, and since when. */
  #doing = '';
  #doingShare = 0;
  #doingSinceMs = this.#startedMs;
  #run: ParallelRun | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** @param isShown whether anybody wants to see it. */
  constructor(output: Output, isShown: boolean) {
    this.#output = output;
    this.#isShown = isShown;
    this.#pauseMs = output.isTerminal ? EVERY_MS.terminal : EVERY_MS.elsewhere;
  }

  /** So much is done of what prepares the trace. */
  prepare(doing: string, share: number): void {
    const nowMs = performance.now();
    if (doing !== this.#doing || share < this.#doingShare) this.#doingSinceMs = nowMs;
    this.#doing = doing;
    this.#doingShare = share;
    if (!this.#isShown || nowMs < this.#shownMs) return;
    this.#shownMs = nowMs + this.#pauseMs;
    this.#output.progressNow(preparationText(doing, share, (nowMs - this.#doingSinceMs) / 1_000));
  }

  begin(run: ParallelRun): void {
    this.#run = run;
    this.#startedMs = performance.now();
    if (this.#isShown) this.#timer = setTimeout(() => this.#show(), FIRST_MS);
  }

  #show(): void {
    const { progress } = this.#run as ParallelRun;
    this.#output.progressNow(progressText(progress, this.tookS));
    this.#timer = setTimeout(() => this.#show(), this.#pauseMs);
  }

  /** Since the preparation, or the run, began. */
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
