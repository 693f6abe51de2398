/**
 * What a guest does must be seen alike in every way that it can run: by generated code and directly in a thread that
 * blocks, and directly where the guest is suspended while it waits.
 */
import { expect } from 'vitest';
import { FakeNews, FakePort, type FakePortOptions } from './fake-port.ts';
import {
  type Ask,
  comparable,
  type Linking,
  linkBoth,
  type Observed,
  type Runnable,
  toComponent,
} from './linking-harness.ts';
import { answering, type GuestText, guestText } from './linking-wat.ts';

export type Both = Readonly<Record<Linking, Runnable>>;

/** Runs both ways, checks that they agree, and gives what they agree on. */
export function agreed(both: Both, ask: Ask = {}): Observed {
  const direct = both.direct.run(ask);
  expect(comparable(direct)).toEqual(comparable(both.generated.run(ask)));
  return direct;
}

export const linkText = async (text: GuestText): Promise<Both> =>
  linkBoth(await toComponent(guestText(text)));

/** The outside of one run; events see the port as it is by then. */
export interface Scene extends Omit<FakePortOptions, 'news'> {
  readonly events?: readonly ((port: FakePort) => void)[];
}

interface Seen {
  readonly observed: Observed;
  readonly port: FakePort;
}

const portOf = ({ events = [], ...options }: Scene, canSuspend: boolean): FakePort => {
  const port: FakePort = new FakePort({
    ...options,
    news: new FakeNews(
      events.map((event) => () => event(port)),
      canSuspend,
    ),
  });
  return port;
};

/** Runs in every way, each with a scene of its own, and makes sure that no difference can be seen. */
export async function everyWay(text: GuestText, scene: () => Scene, ask: Ask = {}): Promise<Seen> {
  const [first, ...others] = await eachWay(text, scene, ask);
  for (const other of others) expect(comparison(other)).toEqual(comparison(first as Seen));
  return first as Seen;
}

async function eachWay(text: GuestText, scene: () => Scene, ask: Ask = {}): Promise<readonly Seen[]> {
  const { direct, generated } = await linkBoth(await toComponent(guestText({ answer: 'none', ...text })));
  const [one, two, three, four] = [false, false, true, true].map((canSuspend) =>
    portOf(scene(), canSuspend),
  ) as [FakePort, FakePort, FakePort, FakePort];
  return [
    { port: one, observed: direct.run({ ...ask, port: one }) },
    { port: two, observed: generated.run({ ...ask, port: two }) },
    { port: three, observed: await direct.runSuspendably({ ...ask, port: three }) },
    // Its thread could suspend it, but not through the frames of generated code.
    { port: four, observed: await generated.runSuspendably({ ...ask, port: four }) },
  ];
}

/** The bytes at these places of what the guest answers: the rest may hold handles, whose numbers are free. */
export async function told(
  text: GuestText,
  scene: () => Scene,
  places: readonly number[],
): Promise<number[]> {
  const [first, ...others] = (await eachWay(text, scene)).map(({ observed }) => {
    const body = Buffer.from(observed.body ?? observed.outcome, 'latin1');
    return places.map((at) => body[at] as number);
  }) as [number[], number[], number[]];
  for (const other of others) expect(other).toEqual(first);
  return first;
}

const comparison = ({ observed, port: { head, sink, informed, calls, requestBody } }: Seen): object => ({
  ...comparable(observed),
  head,
  informed,
  pieces: sink.pieces,
  ends: [sink.trailers, sink.aborted],
  calls: calls.map(({ body, isCancelled }) => [body.pieces, body.trailers, body.aborted, isCancelled]),
  isCancelled: requestBody.isCancelled,
});

/** Bytes of memory as the body; for what a guest has seen. */
export const TELL = (at: number, length: number): string =>
  answering(`(call $say (local.get $e) (i32.const ${at}) (i32.const ${length}) (i32.const 112))`);

/** The bytes of a text that stands for them. */
export const bytes = (text: string | undefined): number[] => [...Buffer.from(text ?? '', 'latin1')];
