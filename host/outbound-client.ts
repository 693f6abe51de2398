/** The way out for guests' requests: lets through what the policy does, and never throws. */
import { isIP } from 'node:net';
import type { OutboundAccess } from './outbound-access.ts';
import { toErrorCode } from './outbound-errors.ts';
import type { OutboundEvents, OutboundExchange } from './outbound-exchange.ts';
import { HttpExchange, type OutboundOptions, type Permitted } from './outbound-http.ts';
import { urlOf } from './outbound-message.ts';
import { destinationOf } from './outbound-policy.ts';
import type { ErrorCodeCase, OutboundHead } from './wasi/execution-port.ts';

/** Why a request is not sent at all, or where it goes. */
function permit(head: OutboundHead, { policy }: OutboundAccess): Permitted | ErrorCodeCase {
  const url = urlOf(head);
  const destination = url && destinationOf(url);
  if (!destination) return { tag: 'HTTP-request-URI-invalid' };
  if (!policy.allows(destination)) return { tag: 'HTTP-request-denied' };
  const { host } = destination;
  // Node resolves names only, so an address has to be looked at here.
  if (isIP(host) !== 0 && !policy.mayConnect(destination, host)) return { tag: 'destination-IP-prohibited' };
  // Nobody could use the tunnel.
  return head.method === 'CONNECT' ? { tag: 'HTTP-protocol-error' } : { url, destination };
}

/**
 * Begins a request: its head leaves at once, its body as it is written. Never throws: what fails is told by `onFailed`,
 * and nothing is told before this has returned, nor after `cancel`. Chunks that are written belong to the exchange.
 *
 * A response that is complete before the request's body is ends both. Its limit is `HTTP-response-body-size`: instead
 * of the response where its content-length is above it, else when as many bytes have come.
 */
export function startOutbound(
  head: OutboundHead,
  options: OutboundOptions,
  events: OutboundEvents,
): OutboundExchange {
  const permitted = permit(head, options.access);
  if ('tag' in permitted) return new Refused(permitted, events);
  try {
    return new HttpExchange(head, permitted, options, events);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    return new Refused(toErrorCode(error), events);
  }
}

/** A request that was never sent. */
class Refused implements OutboundExchange {
  #isCancelled = false;

  constructor(error: ErrorCodeCase, events: OutboundEvents) {
    queueMicrotask(() => {
      if (!this.#isCancelled) events.onFailed(error);
    });
  }

  write(): void {}
  end(): void {}
  taken(): void {}
  cancel(): void {
    this.#isCancelled = true;
  }
}
