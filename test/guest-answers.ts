/** What guests answer on the host's own functions, linked as the host links them. */
import { type Ask, link, type Observed } from './linking-harness.ts';

export interface Answer {
  readonly outcome: Observed['outcome'];
  readonly message: string;
  readonly status: number | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly bytes: Buffer;
  readonly text: string;
  readonly stderr: string;
  readonly sent: Observed['sent'];
}

const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString();

/** Calls the guest once, in a fresh instance. */
export type CallGuest = (ask: Ask) => Answer;

export async function onHost(component: Uint8Array): Promise<CallGuest> {
  const { plan, run } = await link(component, 'direct');
  if (plan.linking !== 'direct') throw new Error(`not linked directly: ${plan.reason}`);
  return (ask) => {
    const { outcome, message = '', status, headers = [], body = '', log, sent } = run(ask);
    const bytes = Buffer.from(body, 'latin1');
    const pairs = headers.map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), utf8(line.slice(colon + 2))] as const;
    });
    return { outcome, message, status, headers: pairs, bytes, text: bytes.toString(), stderr: log, sent };
  };
}
