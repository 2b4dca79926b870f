import { describeError, errnoOf, Problem } from '../errors.ts';
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
  CERT_HAS_EXPIRED: 'the certificate has expired; check the clock, or use -k to accept it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'a self-signed certificate; add its CA to the system store, or use -k to accept it',
  SELF_SIGNED_CERT_IN_CHAIN: 'an unknown CA; add it to the system store, or use -k to accept it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'an unknown CA; add it to the system store, or use -k to accept it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'an unknown CA; add it to the system store, or use -k to accept it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host; check the address, or use -k to accept it',
};

/** An exchange that took too long. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Turns what a connection threw into a Problem that names the server, never the query of the URL. */
export function noAnswer(url: string, timeout: number, error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { scheme, authority } = splitUrl(url);
  const where = `${scheme}://${authority}`;
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) {
    return new Problem('no answer', { where, hint: `nothing within ${Math.ceil(timeout / 1000)} s`, cause: error });
  }
  const cause = rootCause(error);
  const code = errnoOf(cause);
  return new Problem('no answer', {
    where,
    hint: (code === undefined ? undefined : HINTS[code]) ?? describeError(cause),
    cause: error,
  });
}

/** A connection tried at several addresses fails with one error for each; the first stands for all. */
function rootCause(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return rootCause(error.errors[0]);
  if (error instanceof Error && error.cause instanceof Error && errnoOf(error) === undefined)
    return rootCause(error.cause);
  return error;
}
