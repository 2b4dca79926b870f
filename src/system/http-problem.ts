import { describeError, errnoOf, Problem, type ProblemDetails } from '../errors.ts';
import { splitUrl } from '../url.ts';

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check the address and that the service is up',
  ECONNRESET: 'the server closed the connection',
  UND_ERR_SOCKET: 'the server closed the connection',
  ENOTFOUND: 'the host name is unknown; check DNS',
  EAI_AGAIN: 'DNS does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'the connection timed out',
  EPIPE: 'the server closed the connection',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS; is it http://?',
};

const UNKNOWN_CA = 'an unknown CA; add it to the system store';
/** What is wrong with a certificate: asking again would not help. */
export const CERTIFICATE_HINTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired; check the clock',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet; check the clock',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'a self-signed certificate; add its CA to the system store',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host; check the address',
  HOSTNAME_MISMATCH: 'the certificate is for another host; check the address',
  INVALID_PURPOSE: 'the certificate is not one of a server',
  INVALID_CA: 'the certificate is signed by one that is no CA',
  PATH_LENGTH_EXCEEDED: 'the certificate is signed by one that is no CA',
  CERT_CHAIN_TOO_LONG: 'the chain of certificates is too long',
  CERT_SIGNATURE_FAILURE: 'the signature of the certificate is wrong',
  CERT_REVOKED: 'the certificate is revoked',
  CERT_UNTRUSTED: 'the certificate is not trusted',
  CERT_REJECTED: 'the certificate is not trusted',
};

/** Of Node and undici, for arguments that make no request. */
const UNSENDABLE = /^(?:ERR_(?:INVALID|UNESCAPED|HTTP_INVALID)_|UND_ERR_INVALID_ARG$)/;

/** An exchange that took too long. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';

  constructor(milliseconds: number) {
    super(`nothing within ${Math.ceil(milliseconds / 1000)} s`);
  }
}

/** A server that did not answer, or not to its end. */
export class NoAnswer extends Problem {
  /** Another attempt may go better: it is not the certificate that is wrong. */
  readonly isPassing: boolean;

  constructor(details: ProblemDetails, isPassing: boolean) {
    super('no answer', details);
    this.isPassing = isPassing;
  }
}

/** What a failed exchange is told with. */
export interface Circumstances {
  /** How the caller may accept any certificate, for the hint. */
  readonly insecurely?: string | undefined;
  /** Names the proxy on the way. */
  readonly proxy?: string | undefined;
  /** Certificates that were to be trusted and could not be read. */
  readonly trustFault?: string | undefined;
}

/** Turns what a connection threw into a Problem that names the server, never the query of the URL. */
export function noAnswer(url: string, error: unknown, { insecurely, proxy, trustFault }: Circumstances): Problem {
  if (error instanceof Problem) return error;
  const { scheme, authority } = splitUrl(url);
  const where = `${scheme}://${authority}`;
  const through = proxy === undefined ? '' : `, through ${proxy}`;
  if (error instanceof TimeoutError)
    return new NoAnswer({ where, hint: `${error.message}${through}`, cause: error }, true);
  const cause = rootCause(error);
  const code = errnoOf(cause) ?? '';
  // Not the server's fault, nor one that passes: a header or an address that cannot be written down.
  if (UNSENDABLE.test(code))
    return new Problem('the request cannot be sent', { where, hint: describeError(cause), cause: error });
  const certificate = CERTIFICATE_HINTS[code];
  if (certificate !== undefined) {
    const otherwise = insecurely === undefined ? '' : `, or ${insecurely} to accept it`;
    const fault = trustFault === undefined ? '' : `; ${trustFault}`;
    return new NoAnswer({ where, hint: certificate + otherwise + through + fault, cause: error }, false);
  }
  return new NoAnswer({ where, hint: `${HINTS[code] ?? describeError(cause)}${through}`, cause: error }, true);
}

/** An answer with more than the caller has asked for. */
export function tooLarge(url: string, mostBytes: number): Problem {
  const { scheme, authority } = splitUrl(url);
  return new Problem(`the answer is larger than ${mostBytes} bytes`, { where: `${scheme}://${authority}` });
}

/** A connection tried at several addresses fails with one error for each; the first stands for all. */
export function rootCause(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return rootCause(error.errors[0]);
  if (error instanceof Error && error.cause instanceof Error && errnoOf(error) === undefined)
    return rootCause(error.cause);
  return error;
}
