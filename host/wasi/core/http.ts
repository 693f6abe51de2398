/** Signatures of wasi:http, in any 0.2.x version. */

const METHOD = 'variant{get, head, post, put, delete, connect, options, trace, patch, other(string)}';
const SCHEME = 'variant{HTTP, HTTPS, other(string)}';
const HEADER_ERROR = 'variant{invalid-syntax, forbidden, immutable}';
const FIELD_SIZE = 'record{field-name: option<string>, field-size: option<u32>}';
const ERROR_CODE = `variant{
  DNS-timeout,
  DNS-error(record{rcode: option<string>, info-code: option<u16>}),
  destination-not-found,
  destination-unavailable,
  destination-IP-prohibited,
  destination-IP-unroutable,
  connection-refused,
  connection-terminated,
  connection-timeout,
  connection-read-timeout,
  connection-write-timeout,
  connection-limit-reached,
  TLS-protocol-error,
  TLS-certificate-error,
  TLS-alert-received(record{alert-id: option<u8>, alert-message: option<string>}),
  HTTP-request-denied,
  HTTP-request-length-required,
  HTTP-request-body-size(option<u64>),
  HTTP-request-method-invalid,
  HTTP-request-URI-invalid,
  HTTP-request-URI-too-long,
  HTTP-request-header-section-size(option<u32>),
  HTTP-request-header-size(option<${FIELD_SIZE}>),
  HTTP-request-trailer-section-size(option<u32>),
  HTTP-request-trailer-size(${FIELD_SIZE}),
  HTTP-response-incomplete,
  HTTP-response-header-section-size(option<u32>),
  HTTP-response-header-size(${FIELD_SIZE}),
  HTTP-response-body-size(option<u64>),
  HTTP-response-trailer-section-size(option<u32>),
  HTTP-response-trailer-size(${FIELD_SIZE}),
  HTTP-response-transfer-coding(option<string>),
  HTTP-response-content-coding(option<string>),
  HTTP-response-timeout,
  HTTP-upgrade-failed,
  HTTP-protocol-error,
  loop-detected,
  configuration-error,
  internal-error(option<string>)
}`;

const FIELDS = {
  '[constructor]fields': '() -> own<fields>',
  '[static]fields.from-list': `(list<tuple<string, list<u8>>>) -> result<own<fields>, ${HEADER_ERROR}>`,
  '[method]fields.get': '(borrow<fields>, string) -> list<list<u8>>',
  '[method]fields.has': '(borrow<fields>, string) -> bool',
  '[method]fields.set': `(borrow<fields>, string, list<list<u8>>) -> result<_, ${HEADER_ERROR}>`,
  '[method]fields.delete': `(borrow<fields>, string) -> result<_, ${HEADER_ERROR}>`,
  '[method]fields.append': `(borrow<fields>, string, list<u8>) -> result<_, ${HEADER_ERROR}>`,
  '[method]fields.entries': '(borrow<fields>) -> list<tuple<string, list<u8>>>',
  '[method]fields.clone': '(borrow<fields>) -> own<fields>',
} as const;

const SERVED = {
  '[method]incoming-request.method': `(borrow<incoming-request>) -> ${METHOD}`,
  '[method]incoming-request.path-with-query': '(borrow<incoming-request>) -> option<string>',
  '[method]incoming-request.scheme': `(borrow<incoming-request>) -> option<${SCHEME}>`,
  '[method]incoming-request.authority': '(borrow<incoming-request>) -> option<string>',
  '[method]incoming-request.headers': '(borrow<incoming-request>) -> own<fields>',
  '[method]incoming-request.consume': '(borrow<incoming-request>) -> result<own<incoming-body>>',
  // Unstable in 0.2: the feature informational-outbound-responses.
  '[method]response-outparam.send-informational': `(borrow<response-outparam>, u16, own<fields>)
    -> result<_, ${ERROR_CODE}>`,
  '[static]response-outparam.set': `(own<response-outparam>, result<own<outgoing-response>, ${ERROR_CODE}>)`,
  '[constructor]outgoing-response': '(own<fields>) -> own<outgoing-response>',
  '[method]outgoing-response.status-code': '(borrow<outgoing-response>) -> u16',
  '[method]outgoing-response.set-status-code': '(borrow<outgoing-response>, u16) -> result',
  '[method]outgoing-response.headers': '(borrow<outgoing-response>) -> own<fields>',
  '[method]outgoing-response.body': '(borrow<outgoing-response>) -> result<own<outgoing-body>>',
} as const;

const CALLED = {
  '[constructor]outgoing-request': '(own<fields>) -> own<outgoing-request>',
  '[method]outgoing-request.body': '(borrow<outgoing-request>) -> result<own<outgoing-body>>',
  '[method]outgoing-request.method': `(borrow<outgoing-request>) -> ${METHOD}`,
  '[method]outgoing-request.set-method': `(borrow<outgoing-request>, ${METHOD}) -> result`,
  '[method]outgoing-request.path-with-query': '(borrow<outgoing-request>) -> option<string>',
  '[method]outgoing-request.set-path-with-query': '(borrow<outgoing-request>, option<string>) -> result',
  '[method]outgoing-request.scheme': `(borrow<outgoing-request>) -> option<${SCHEME}>`,
  '[method]outgoing-request.set-scheme': `(borrow<outgoing-request>, option<${SCHEME}>) -> result`,
  '[method]outgoing-request.authority': '(borrow<outgoing-request>) -> option<string>',
  '[method]outgoing-request.set-authority': '(borrow<outgoing-request>, option<string>) -> result',
  '[method]outgoing-request.headers': '(borrow<outgoing-request>) -> own<fields>',
  '[constructor]request-options': '() -> own<request-options>',
  '[method]request-options.connect-timeout': '(borrow<request-options>) -> option<u64>',
  '[method]request-options.set-connect-timeout': '(borrow<request-options>, option<u64>) -> result',
  '[method]request-options.first-byte-timeout': '(borrow<request-options>) -> option<u64>',
  '[method]request-options.set-first-byte-timeout': '(borrow<request-options>, option<u64>) -> result',
  '[method]request-options.between-bytes-timeout': '(borrow<request-options>) -> option<u64>',
  '[method]request-options.set-between-bytes-timeout': '(borrow<request-options>, option<u64>) -> result',
  '[method]incoming-response.status': '(borrow<incoming-response>) -> u16',
  '[method]incoming-response.headers': '(borrow<incoming-response>) -> own<fields>',
  '[method]incoming-response.consume': '(borrow<incoming-response>) -> result<own<incoming-body>>',
  '[method]future-incoming-response.subscribe': '(borrow<future-incoming-response>) -> own<pollable>',
  '[method]future-incoming-response.get': `(borrow<future-incoming-response>)
    -> option<result<result<own<incoming-response>, ${ERROR_CODE}>>>`,
} as const;

const BODIES = {
  '[method]incoming-body.stream': '(borrow<incoming-body>) -> result<own<input-stream>>',
  '[static]incoming-body.finish': '(own<incoming-body>) -> own<future-trailers>',
  '[method]future-trailers.subscribe': '(borrow<future-trailers>) -> own<pollable>',
  '[method]future-trailers.get': `(borrow<future-trailers>)
    -> option<result<result<option<own<fields>>, ${ERROR_CODE}>>>`,
  '[method]outgoing-body.write': '(borrow<outgoing-body>) -> result<own<output-stream>>',
  '[static]outgoing-body.finish': `(own<outgoing-body>, option<own<fields>>) -> result<_, ${ERROR_CODE}>`,
} as const;

export const HTTP_SIGNATURES = {
  'wasi:http/types': {
    ...FIELDS,
    ...SERVED,
    ...CALLED,
    ...BODIES,
    'http-error-code': `(borrow<error>) -> option<${ERROR_CODE}>`,
  },
  'wasi:http/outgoing-handler': {
    handle: `(own<outgoing-request>, option<own<request-options>>)
      -> result<own<future-incoming-response>, ${ERROR_CODE}>`,
  },
} as const;
