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
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS; is its scheme http://?',
};

const UNKNOWN_CA = 'an unknown CA; add it to the system store';
/** What is wrong with a certificate: another attempt would fail as well. */
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
  INVALID_PURPOSE: 'the certificate is not a server certificate',
  INVALID_CA: 'the certificate is signed by a certificate that is not a CA',
  PATH_LENGTH_EXCEEDED: 'the certificate is signed by a certificate that is not a CA',
  CERT_CHAIN_TOO_LONG: 'the chain of certificates is too long',
  CERT_SIGNATURE_FAILURE: 'the signature of the certificate is wrong',
  CERT_REVOKED: 'the certificate is revoked',
  CERT_UNTRUSTED: 'the certificate is not trusted',
  CERT_REJECTED: 'the certificate is not trusted',
};

/** Error codes of Node and undici for arguments that make no valid request. */
const UNSENDABLE = /^(?:ERR_(?:INVALID|UNESCAPED|HTTP_INVALID)_|UND_ERR_INVALID_ARG$)/;

/** Errors after which a request was certainly not sent. */
const UNSENT = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

/** An exchange that took too long. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';

  constructor(milliseconds: number) {
    super(`timed out after ${Math.ceil(milliseconds / 1000)} s`);
  }
}

/** The code for a connection that ended without an answer. */
export function codeOfFailure(error: unknown): ProblemCode {
  return UNSENT.test(errnoOf(rootCause(error)) ?? '') ? 'CFN_SERVER_UNREACHABLE' : 'CFN_SERVER_NO_ANSWER';
}

/** Whether another attempt may succeed: the server did not answer, but its certificate is not the cause. */
export function isTransient({ code }: Problem): boolean {
  return code === 'CFN_SERVER_UNREACHABLE' || code === 'CFN_SERVER_NO_ANSWER';
}

/** What the message about a failed exchange says in addition to its error. */
export interface Circumstances {
  /** How a person can have any certificate accepted, for the hint. */
  readonly insecurely?: string | undefined;
  /** Names the proxy that the request went through. */
  readonly proxy?: string | undefined;
  /** Which configured certificates could not be read. */
  readonly trustFault?: string | undefined;
}

/** Turns an error of a connection into a Problem that names the server, never the query of the URL. */
export function noAnswer(url: string, error: unknown, { insecurely, proxy, trustFault }: Circumstances): Problem {
  if (error instanceof Problem) return error;
  const where = serverOf(url);
  const through = proxy === undefined ? '' : `, through ${proxy}`;
  const failed = (code: ProblemCode, hint: string): Problem =>
    new Problem(NO_ANSWER, { code, where, hint, cause: error });
  if (error instanceof TimeoutError) return failed('CFN_SERVER_NO_ANSWER', error.message + through);
  const cause = rootCause(error);
  const errno = errnoOf(cause) ?? '';
  // Not the fault of the server, and permanent: a header or an address that cannot be written as HTTP.
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

/** The message about a server that did not answer, whatever the cause. */
export const NO_ANSWER = 'no answer';

/** An answer that is larger than the caller allows. */
export function tooLarge(url: string, mostBytes: number): Problem {
  return new Problem(`the answer is larger than ${mostBytes} bytes`, { where: serverOf(url) });
}

/** The cause of an error. A connection that was tried at several addresses fails with one error for each; the first is used. */
export function rootCause(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return rootCause(error.errors[0]);
  if (error instanceof Error && error.cause instanceof Error && errnoOf(error) === undefined)
    return rootCause(error.cause);
  return error;
}
