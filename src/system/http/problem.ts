import { describeError, errnoOf, Problem, type ProblemCode } from '../../errors.ts';
import { serverOf } from '../../url.ts';

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

/** Errors after which a request was certainly not sent. */
const UNSENT = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

/** An exchange that took too long. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';

  constructor(milliseconds: number) {
    super(`nothing within ${Math.ceil(milliseconds / 1000)} s`);
  }
}

/** What a connection that ended without an answer says of the request. */
export function codeOfFailure(error: unknown): ProblemCode {
  return UNSENT.test(errnoOf(rootCause(error)) ?? '') ? 'CFN_SERVER_UNREACHABLE' : 'CFN_SERVER_NO_ANSWER';
}

/** Whether another attempt may go better: the server did not answer, but it is not its certificate that is wrong. */
export function isTransient({ code }: Problem): boolean {
  return code === 'CFN_SERVER_UNREACHABLE' || code === 'CFN_SERVER_NO_ANSWER';
}

/** What is said of a failed exchange besides its error. */
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
  const where = serverOf(url);
  const through = proxy === undefined ? '' : `, through ${proxy}`;
  const failed = (code: ProblemCode, hint: string): Problem =>
    new Problem(NO_ANSWER, { code, where, hint, cause: error });
  if (error instanceof TimeoutError) return failed('CFN_SERVER_NO_ANSWER', error.message + through);
  const cause = rootCause(error);
  const errno = errnoOf(cause) ?? '';
  // Not the server's fault, and no other attempt would help: a header or an address that cannot be written down.
  if (UNSENDABLE.test(errno))
    return new Problem('the request cannot be sent', { where, hint: describeError(cause), cause: error });
  const certificate = CERTIFICATE_HINTS[errno];
  if (certificate !== undefined) {
    const otherwise = insecurely === undefined ? '' : `, or ${insecurely} to accept it`;
    const fault = trustFault === undefined ? '' : `; ${trustFault}`;
    return failed('CFN_SERVER_UNTRUSTED', certificate + otherwise + through + fault);
  }
  return failed(codeOfFailure(error), (HINTS[errno] ?? describeError(cause)) + through);
}

/** What is said of a server that did not answer, whatever the cause. */
export const NO_ANSWER = 'no answer';

/** An answer with more than the caller has asked for. */
export function tooLarge(url: string, mostBytes: number): Problem {
  return new Problem(`the answer is larger than ${mostBytes} bytes`, { where: serverOf(url) });
}

/** A connection tried at several addresses fails with one error for each; the first stands for all. */
export function rootCause(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return rootCause(error.errors[0]);
  if (error instanceof Error && error.cause instanceof Error && errnoOf(error) === undefined)
    return rootCause(error.cause);
  return error;
}
