/**
 * The traces of a run: one for each replication and traffic, opened when a replay first needs it. What a trace draws is
 * drawn anew for each replication: made-up arrivals, filled times, transformations.
 */
import { replicationSeed } from '../kernel/random.ts';
import { openChanged, openWorkload, type WorkloadOptions } from '../traces/load.ts';
import { SEED_DEFAULT } from '../traces/read.ts';
import { TempFiles } from '../traces/temp-files.ts';
import type { Replayable } from '../traces/trace.ts';
import { atRate, type Traffic, trafficSteps } from '../traces/traffic.ts';
import type { ReadControl } from '../traces/turns.ts';
import type { Traces } from './parallel-run.ts';

/** A trace and the files in which it may lie. */
interface Opened {
  readonly trace: Promise<Replayable>;
  readonly files: TempFiles;
}

const partOf = (replication: number, traffic: Traffic): string => JSON.stringify([replication, traffic]);
const rateOf = ({ rate }: Traffic): Traffic => (rate === undefined ? {} : { rate });

export class WorkloadTraces implements Traces {
  readonly #file: string | null;
  readonly #options: WorkloadOptions;
  readonly #control: ReadControl;
  readonly #inMemoryMax: number | undefined;
  /** By part. */
  readonly #opened = new Map<string, Opened>();
  /** Whether another seed gives another trace, even before a sweep changes it; that of a file shows when it is open. */
  #isDrawn = true;

  /**
   * @param file null for a made-up workload.
   * @param inMemoryMax more requests than this are long; default as `openWorkload`.
   */
  constructor(
    file: string | null,
    options: WorkloadOptions,
    control: ReadControl = {},
    inMemoryMax: number | undefined = undefined,
  ) {
    this.#file = file;
    this.#options = options;
    this.#control = control;
    this.#inMemoryMax = inMemoryMax;
  }

  /**
   * The first call is for replication 0.
   * @throws CodedError as `openWorkload` and `openChanged`; `config-invalid` for the rate of a file.
   */
  async of(replication: number, traffic: Traffic): Promise<Replayable> {
    const source = await this.#sourceOf(replication, traffic);
    const steps = trafficSteps(traffic);
    if (steps.length === 0) return source;
    const from = { file: this.#file, options: this.optionsOf(replication, traffic) };
    return this.#once(partOf(replication, traffic), (files) =>
      openChanged(source, from, steps, this.#control, this.#inMemoryMax, files),
    );
  }

  /** What is read or made up; a file that draws nothing is read once. */
  async #sourceOf(replication: number, traffic: Traffic): Promise<Replayable> {
    const own = this.#isDrawn ? replication : 0;
    const options = this.optionsOf(own, traffic);
    const source = await this.#once(partOf(own, rateOf(traffic)), (files) =>
      openWorkload(this.#file, options, this.#control, this.#inMemoryMax, files),
    );
    const { filled, transformed } = source;
    this.#isDrawn = options.synthetic !== undefined || filled.length > 0 || transformed.length > 0;
    return source;
  }

  #once(part: string, open: (files: TempFiles) => Promise<Replayable>): Promise<Replayable> {
    const known = this.#opened.get(part);
    if (known !== undefined) return known.trace;
    const files = new TempFiles();
    const trace = open(files);
    this.#opened.set(part, { trace, files });
    return trace;
  }

  /** What is a stream for the one is a stream for all who make it. */
  optionsOf(replication: number, { rate }: Traffic): WorkloadOptions {
    const { synthetic, seed = SEED_DEFAULT } = this.#options;
    const own = { ...this.#options, seed: replicationSeed(seed, replication) };
    return rate === undefined ? own : { ...own, synthetic: atRate(synthetic ?? null, String(rate)) };
  }

  partsOf(replication: number, traffic: Traffic): readonly string[] {
    const source = partOf(this.#isDrawn ? replication : 0, rateOf(traffic));
    return trafficSteps(traffic).length === 0 ? [source] : [source, partOf(replication, traffic)];
  }

  release(part: string): void {
    this.#opened.get(part)?.files.end();
    this.#opened.delete(part);
  }

  /** Gives back the room of all that is left; nothing is replayed any more. */
  end(): void {
    for (const part of [...this.#opened.keys()]) this.release(part);
  }
}
