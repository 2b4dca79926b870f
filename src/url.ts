import { Problem } from './errors.ts';

export interface UrlParts {
  readonly scheme: 'http' | 'https';
  /** Lower case; an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: number;
  /** `HOST[:PORT]` as written, for the Host header. */
  readonly authority: string;
  /** Path and query exactly as written; at least `/`. */
  readonly target: string;
  /** `user:password`, when the URL carries one. */
  readonly userInfo: string | undefined;
}

const URL_FORM = /^(https?):\/\/(?:([^/?#@]*)@)?(\[[0-9a-f:.]+\]|[^/?#:[\]@]+)(?::(\d+))?([/?][^#]*)?(?:#.*)?$/i;
const NOT_ALLOWED_IN_A_TARGET = /[^\x21-\x7e]/;
const LARGEST_PORT = 65_535;

/** True for an http or https URL that splitUrl takes. */
export function isWebUrl(text: string): boolean {
  return URL_FORM.test(text) && !NOT_ALLOWED_IN_A_TARGET.test(text);
}

/**
 * Takes an http(s) URL apart without changing a byte of its path and query: a signature covers them as they stand,
 * and `new URL()` would tidy them up.
 * @throws Problem when it is no such URL
 */
export function splitUrl(url: string): UrlParts {
  const match = URL_FORM.exec(url);
  if (match === null || NOT_ALLOWED_IN_A_TARGET.test(url)) {
    throw new Problem('not an http or https URL', { where: url, hint: 'check its quoting' });
  }
  const [, scheme = '', userInfo, host = '', port, target = '/'] = match;
  if (port !== undefined && Number(port) > LARGEST_PORT) throw new Problem('a URL with a bad port', { where: url });
  const secure = scheme.toLowerCase() === 'https';
  return {
    scheme: secure ? 'https' : 'http',
    host: host.toLowerCase(),
    port: port === undefined ? (secure ? 443 : 80) : Number(port),
    authority: port === undefined ? host : `${host}:${port}`,
    target: target.startsWith('/') ? target : `/${target}`,
    userInfo: userInfo === undefined ? undefined : decodeUserInfo(userInfo, url),
  };
}

function decodeUserInfo(text: string, url: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem('a URL whose user or password is badly encoded', { where: url, hint: 'write % as %25' });
  }
}

/** A text as it may be shown: the URLs in it without user and password. */
export function withoutUserInfo(text: string): string {
  return text.replace(/(\w:\/\/)[^\s/@]*@/g, '$1');
}

/** A URL as it may be shown: the query can hold a signature. */
export function urlWithoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '');
}
