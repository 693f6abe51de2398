/** A component that is linked directly: its bindings, those at rest with instances that only have to be made as new. */
import type { StartableContext } from '../wasi/current-context.ts';
import { DirectBinding } from './direct-binding.ts';
import type { GuestInstance, LinkedComponent, LinkInput, LinkSurroundings } from './link.ts';
import type { DirectLinkPlan } from './plan.ts';
import type { RestingPlaces } from './resting.ts';

export class DirectComponent implements LinkedComponent {
  readonly #bind: () => DirectBinding;
  readonly #places: RestingPlaces;
  /** Without instances. */
  readonly #idle: DirectBinding[] = [];
  /** With instances that were cleared; longest unused first. */
  #resting: DirectBinding[] = [];
  #isClosed = false;

  constructor(plan: DirectLinkPlan, input: LinkInput, surroundings: LinkSurroundings) {
    this.#bind = () => new DirectBinding(plan, input, surroundings, (binding) => this.#letGo(binding));
    this.#places = surroundings.pool.resting;
  }

  close(): void {
    this.#isClosed = true;
    for (const resting of this.#resting.splice(0)) this.#places.take(resting);
  }

  #take(): DirectBinding {
    const resting = this.#resting.pop();
    if (!resting) return this.#idle.pop() ?? this.#bind();
    this.#places.take(resting);
    return resting;
  }

  #letGo(binding: DirectBinding): void {
    this.#resting = this.#resting.filter((each) => each !== binding);
    binding.release();
    this.#idle.push(binding);
  }

  #release(binding: DirectBinding, isSound: boolean): boolean {
    const bytes = isSound && !this.#isClosed ? binding.clear() : undefined;
    if (bytes === undefined) {
      binding.release();
      this.#idle.push(binding);
      return false;
    }
    binding.bytes = bytes;
    this.#resting.push(binding);
    this.#places.add(binding);
    return true;
  }

  instantiate(context: StartableContext): GuestInstance {
    const binding = this.#take();
    let isReleased = false;
    const release = (isSound = false) => {
      // Twice in the list of idle ones, a binding would serve two instances at once.
      if (isReleased) return false;
      isReleased = true;
      return this.#release(binding, isSound);
    };
    try {
      binding.start(context);
    } catch (thrown) {
      release();
      throw thrown;
    }
    return {
      handle: (request, responseOut) => binding.handle(request, responseOut),
      memoryBytes: () => binding.memoryBytes(),
      rest: () => binding.rest(),
      resume: (next) => binding.resume(next),
      release,
    };
  }
}
