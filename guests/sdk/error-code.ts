// The names of wasi:http's error codes, in the order of their discriminants in WIT. Knows no request.

import { decodeUtf8 } from './text';

const INTERNAL_ERROR: u8 = 38;

// One text to split, for each of 39 strings would carry a header. Lazy, lest guests that fetch nothing carry it.
// @ts-ignore: decorator
@lazy const NAMES = `
DNS-timeout
DNS-error
destination-not-found
destination-unavailable
destination-IP-prohibited
destination-IP-unroutable
connection-refused
connection-terminated
connection-timeout
connection-read-timeout
connection-write-timeout
connection-limit-reached
TLS-protocol-error
TLS-certificate-error
TLS-alert-received
HTTP-request-denied
HTTP-request-length-required
HTTP-request-body-size
HTTP-request-method-invalid
HTTP-request-URI-invalid
HTTP-request-URI-too-long
HTTP-request-header-section-size
HTTP-request-header-size
HTTP-request-trailer-section-size
HTTP-request-trailer-size
HTTP-response-incomplete
HTTP-response-header-section-size
HTTP-response-header-size
HTTP-response-body-size
HTTP-response-trailer-section-size
HTTP-response-trailer-size
HTTP-response-transfer-coding
HTTP-response-content-coding
HTTP-response-timeout
HTTP-upgrade-failed
HTTP-protocol-error
loop-detected
configuration-error
internal-error
`;

/** The name of the `error-code` at this address, with the host's words behind a colon where it gave some. */
export function errorName(at: usize): string {
  const code = load<u8>(at);
  // internal-error carries option<string>, 8 bytes on, where every payload of this variant lies.
  if (code == INTERNAL_ERROR && load<u8>(at, 8)) {
    return 'internal-error: ' + decodeUtf8(load<usize>(at, 12), load<i32>(at, 16));
  }
  return NAMES.split('\n')[1 + min<u8>(code, INTERNAL_ERROR)];
}
