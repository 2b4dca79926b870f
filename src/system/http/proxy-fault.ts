import type { IncomingHttpHeaders } from 'node:http';
import { codeOf, describeError, errnoOf } from '../../errors.ts';
import { isWorthRetrying } from '../../retry.ts';
import { serverOf } from '../../url.ts';
import { CERTIFICATE_HINTS, rootCause } from './problem.ts';

const HINTS: Readonly<Record<string, (title: string) => string>> = {
  ECONNREFUSED: (title) => `nothing listens at ${title}; check its address and that it runs`,
  ENOTFOUND: (title) => `the host name of ${title} is unknown; check it and DNS`,
  EAI_AGAIN: (title) => `DNS does not answer for ${title}`,
  EHOSTUNREACH: (title) => `no route to ${title}`,
  ENETUNREACH: (title) => `no route to ${title}`,
  ETIMEDOUT: (title) => `the connection to ${title} timed out`,
  UND_ERR_CONNECT_TIMEOUT: (title) => `the connection to ${title} timed out`,
};
const CLOSED = /^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_PRX_CONN)$/;
/** Errors of OpenSSL for bytes that are not TLS. */
const NOT_TLS = /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL|HTTP_REQUEST)$/;
/** Proxies that name themselves as the server, and only in pages of their own. */
const OWN_SERVER = /^(?:squid|tinyproxy|privoxy|3proxy|mitmproxy)\b/i;

/** What a proxy did instead of forwarding a request. */
interface ProxyFault {
  /** What the proxy always refuses; undefined when it only failed this time. */
  readonly what?: string | undefined;
  readonly hint: string;
  /** Another attempt may succeed. */
  readonly isTransient: boolean;
}

/** Carries a fault as data: in the binary, the class Problem of this bundle is not the one that the caller catches. */
export class ProxyFaultError extends Error {
  override readonly name = 'ProxyFaultError';
  readonly proxyFault: ProxyFault;

  constructor(proxyFault: ProxyFault, cause?: unknown) {
    super(proxyFault.what ?? proxyFault.hint, { cause });
    this.proxyFault = proxyFault;
  }
}

/** A fault after which another attempt may succeed. */
export function transientFault(hint: string, cause?: unknown): ProxyFaultError {
  return new ProxyFaultError({ hint, isTransient: true }, cause);
}

/** A fault after which another attempt would fail as well. */
export function refusedByProxy(what: string, hint: string): ProxyFaultError {
  return new ProxyFaultError({ what, hint, isTransient: false });
}

/**
 * Why a proxy itself was not reached, or closed the connection.
 * @param title names the proxy (see NamedProxy)
 */
export function notReached(title: string, error: unknown): Error {
  // It already has a complete message.
  if (error instanceof ProxyFaultError || (error instanceof Error && codeOf(error) !== undefined)) return error;
  const cause = rootCause(errnoOf(error) === 'UND_ERR_PRX_TLS' ? (error as Error).cause : error);
  const code = errnoOf(cause) ?? '';
  const certificate = CERTIFICATE_HINTS[code];
  const final = certificate ?? (NOT_TLS.test(code) ? 'it does not speak TLS; is its scheme http://?' : undefined);
  if (final !== undefined) return new ProxyFaultError({ hint: `${title}: ${final}`, isTransient: false }, error);
  const hint = CLOSED.test(code)
    ? `${title} closed the connection`
    : isNotHttp(cause)
      ? `${title} gave an answer that is not HTTP; check its scheme and port`
      : (HINTS[code]?.(title) ?? `${title}: ${describeError(cause)}`);
  return transientFault(hint, error);
}

/** True for an error of undici's parser. */
function isNotHttp(error: unknown): boolean {
  return error instanceof Error && (error.name === 'HTTPParserError' || errnoOf(error) === 'ERR_ASSERTION');
}

/** The fault for a status with which a proxy refuses to forward a request. */
export function proxyStatus(url: string, title: string, status: number): ProxyFaultError {
  if (isWorthRetrying(status)) return transientFault(`${title} answered with HTTP ${status}; see its log`);
  const hint =
    // Tinyproxy answers a wrong login with 401.
    status === 407 || status === 401
      ? 'it requires a user and a password, or different ones: set them in its URL'
      : 'check its rules; what no_proxy names is reached without it';
  return refusedByProxy(`${title} refused to reach ${serverOf(url)} with HTTP ${status}`, hint);
}

/** Whether an answer that came through a proxy is from the proxy and not from the server. */
export function isOfProxy(status: number, headers: IncomingHttpHeaders): boolean {
  if (status < 400) return false;
  if (status === 407 || 'x-squid-error' in headers || 'proxy-authenticate' in headers) return true;
  // RFC 9209: an intermediary that made the answer names its error.
  return /;\s*error=/i.test(String(headers['proxy-status'] ?? '')) || OWN_SERVER.test(String(headers.server ?? ''));
}
