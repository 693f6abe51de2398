/** What goes wrong with a request on its way, as Node names it and as wasi:http does. Knows no request. */
import { PROHIBITED } from './outbound-access.ts';
import type { ErrorCodeCase } from './wasi/execution-port.ts';

const BY_NODE_CODE: Readonly<Record<string, ErrorCodeCase>> = {
  ECONNREFUSED: { tag: 'connection-refused' },
  ECONNRESET: { tag: 'connection-terminated' },
  ECONNABORTED: { tag: 'connection-terminated' },
  EPIPE: { tag: 'connection-terminated' },
  ERR_STREAM_DESTROYED: { tag: 'connection-terminated' },
  ETIMEDOUT: { tag: 'connection-timeout' },
  EADDRNOTAVAIL: { tag: 'destination-unavailable' },
  EHOSTUNREACH: { tag: 'destination-unavailable' },
  ENETUNREACH: { tag: 'destination-unavailable' },
  ENOTFOUND: { tag: 'DNS-error', val: { rcode: 'NXDOMAIN', infoCode: undefined } },
  EAI_AGAIN: { tag: 'DNS-timeout' },
  [PROHIBITED]: { tag: 'destination-IP-prohibited' },
  ERR_INVALID_URL: { tag: 'HTTP-request-URI-invalid' },
  ERR_UNESCAPED_CHARACTERS: { tag: 'HTTP-request-URI-invalid' },
  HPE_HEADER_OVERFLOW: { tag: 'HTTP-response-header-section-size', val: undefined },
  HPE_INVALID_TRANSFER_ENCODING: { tag: 'HTTP-response-transfer-coding', val: undefined },
};

/** How OpenSSL ends its account of an alert from the other side (ERR_print_errors): reason, file, line, number. */
const ALERT = /:([^:]+):[^:]+:\d+:SSL alert number (\d+)/;

type NodeError = Error & { readonly code?: string; readonly reason?: string };

function toTlsError(code: string, { message, reason }: NodeError): ErrorCodeCase | undefined {
  if (/^(CERT_|DEPTH_|HOSTNAME_MISMATCH|UNABLE_TO_|SELF_SIGNED|ERR_TLS_CERT)/.test(code))
    return { tag: 'TLS-certificate-error' };
  if (!/^(ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code)) return undefined;
  const [, alertMessage, number] = ALERT.exec(message) ?? [];
  if (number !== undefined)
    return { tag: 'TLS-alert-received', val: { alertId: Number(number), alertMessage } };
  if (code.includes('_ALERT_'))
    return { tag: 'TLS-alert-received', val: { alertId: undefined, alertMessage: reason } };
  return { tag: 'TLS-protocol-error' };
}

/** @returns the case for an error of Node's: of a connection, its encryption, a resolver or the HTTP parser. */
export function toErrorCode(error: NodeError): ErrorCodeCase {
  const code = error.code ?? '';
  const known = Object.hasOwn(BY_NODE_CODE, code) ? BY_NODE_CODE[code] : toTlsError(code, error);
  if (known) return known;
  if (code.startsWith('EAI_') || code === 'ENODATA')
    return { tag: 'DNS-error', val: { rcode: undefined, infoCode: undefined } };
  if (code.startsWith('HPE_')) return { tag: 'HTTP-protocol-error' };
  return { tag: 'internal-error', val: error.message };
}
