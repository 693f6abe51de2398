/** What crosses to and from a worker thread as messages: all that is rare, or cannot be written into shared memory. */
import type { CompiledComponent } from '../component/module-cache.ts';

/** Given to a worker when it starts. */
export interface WorkerStart {
  /** The memory of `SharedArea`. */
  readonly area: SharedArrayBuffer;
  /** The memory of the thread's own `ThreadBell`. */
  readonly bell: SharedArrayBuffer;
  /** The cells through which what it runs is limited. */
  readonly limits: WebAssembly.Memory;
}

export type ToWorker =
  | { readonly type: 'load'; readonly id: number; readonly component: CompiledComponent }
  | { readonly type: 'unload'; readonly id: number }
  /** Nothing but the end of a long sleep. */
  | { readonly type: 'wake' };

export type FromWorker =
  | { readonly type: 'ready' }
  /** There is news in the shared area. */
  | { readonly type: 'news' };
