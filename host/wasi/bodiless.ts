/** Responses that HTTP sends without a body. */

/** Statuses whose responses never have a body (RFC 9110, 6.4.1, and 15.3.6 for 205). */
const BODILESS_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

export const isBodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || BODILESS_STATUSES.has(status);
