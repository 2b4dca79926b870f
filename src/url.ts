import { Problem } from './errors.ts';

export interface UrlParts {
  readonly scheme: 'http' | 'https';
  /** Lower case; an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: number;
  /** `HOST[:PORT]` as written, for the Host header. */
  readonly authority: string;
  /** Path and query exactly as written; `/` if there is none. */
  readonly target: string;
  /** `user:password`, when the URL carries one. */
  readonly userInfo: string | undefined;
}

/** The last `@` before the path ends the user information, as it does for browsers and curl. */
const URL_FORM = /^(https?):\/\/(?:([^/?#]*)@)?(\[[0-9a-f:.]+\]|[^/?#:[\]@\\]+)(?::(\d+))?([/?][^#]*)?(?:#.*)?$/i;
const NOT_ALLOWED_IN_A_TARGET = /[^\x21-\x7e]/;
const LARGEST_PORT = 65_535;
const OWN_PORTS = { http: 80, https: 443 } as const;

/** True for an http or https URL that splitUrl accepts. */
export function isWebUrl(text: string): boolean {
  return URL_FORM.test(text) && !NOT_ALLOWED_IN_A_TARGET.test(text);
}

/**
 * Splits an http(s) URL without changing a byte of its path and query: a signature covers them as written, and `new URL()` would
 * normalise them.
 * @throws Problem when it is not one
 */
export function splitUrl(url: string): UrlParts {
  const match = URL_FORM.exec(url);
  if (match === null || NOT_ALLOWED_IN_A_TARGET.test(url)) {
    throw new Problem('not an http or https URL', { where: shownUrl(url), hint: 'check its quoting' });
  }
  const [, scheme = '', userInfo, host = '', port, target = '/'] = match;
  if (port !== undefined && Number(port) > LARGEST_PORT)
    throw new Problem('a URL with a bad port', { where: shownUrl(url) });
  const known = scheme.toLowerCase() === 'https' ? 'https' : 'http';
  return {
    scheme: known,
    host: host.toLowerCase(),
    port: port === undefined ? OWN_PORTS[known] : Number(port),
    authority: port === undefined ? host : `${host}:${port}`,
    target: target.startsWith('/') ? target : `/${target}`,
    userInfo: userInfo === undefined ? undefined : decodeUserInfo(userInfo, url),
  };
}

/**
 * A web address as people write it, converted to the characters that a URL may have: blanks, backslashes and non-ASCII characters are
 * percent-encoded, and a non-ASCII host becomes Punycode, as in browsers and curl. Nothing else is changed, because a signature may
 * cover it. A text that is not a web address is returned as it is.
 */
export function encodeUrl(text: string): string {
  const [whole, scheme = '', login = '', host = '', rest = ''] =
    /^(https?:\/\/)([^/?#]*@)?([^/?#]*)(.*)$/is.exec(text.trim()) ?? [];
  if (whole === undefined) return text;
  const plainHost = /[^\0-\x7f]/.test(host) ? (URL.parse(scheme + host)?.host ?? host) : host;
  return scheme + encodeUnusual(login) + plainHost + encodeUnusual(rest);
}

function encodeUnusual(text: string): string {
  return text.replace(/[ \\]|[^\0-\x7f]+/g, (part) => encodeURIComponent(part.toWellFormed()));
}

/** `http://HOST[:PORT]` of a URL, for messages. */
export function serverOf(url: string): string {
  const { scheme, authority } = splitUrl(url);
  return `${scheme}://${authority}`;
}

/** `HOST[:PORT]`, in lower case and without the default port of the scheme, as in a signature. */
export function normalAuthority({ scheme, host, port }: UrlParts): string {
  return port === OWN_PORTS[scheme] ? host : `${host}:${port}`;
}

/** A host as for Node's net, without the brackets of `[::1]`. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

/**
 * A URL to which paths can be added, in normal form: its host is in lower case, the default port of the scheme is left out, and it
 * ends with a slash.
 * @returns undefined for a URL that is not http or https, or has a user, a query or a fragment
 */
export function baseUrlOf(text: string): string | undefined {
  const url = text.trim();
  if (/[?#\s]/.test(url) || !URL.canParse(url) || !isWebUrl(url)) return undefined;
  try {
    const parts = splitUrl(url);
    // A user would replace the signature in the Authorization header.
    if (parts.userInfo !== undefined) return undefined;
    return `${parts.scheme}://${normalAuthority(parts)}${parts.target.endsWith('/') ? parts.target : `${parts.target}/`}`;
  } catch {
    return undefined;
  }
}

function decodeUserInfo(text: string, url: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem('a URL whose user or password is badly encoded', {
      where: shownUrl(url),
      hint: 'write % as %25',
    });
  }
}

/**
 * A URL that may be shown: without user and password, and without query and fragment, which may contain a signature. A path on this
 * machine (`/a`, `./a`, `../a`) is shown as it is.
 */
export function shownUrl(url: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(url) && url.includes('://')) return withoutUserInfo(url).replace(/[?#].*$/s, '');
  // A proxy may be written without its scheme.
  return /^\.{0,2}\//.test(url) ? url : url.replace(/^.*@/s, '');
}

const LONGEST_SHOWN = 300;

/** A text from a server that may be shown: on one line, without control characters, at most 300 characters. */
export function shownText(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN)}...` : line;
}

/**
 * The target of a redirect that may be shown: as shownUrl, without control characters, and shortened.
 * @param location as the server sent it
 * @param url that was requested; without it, a relative address stays relative
 */
export function shownRedirect(location: string, url?: string): string {
  const target = URL.parse(location, url);
  return shownText(shownUrl(target === null || target.host === '' ? location : target.href).replace(/[?#].*$/s, ''));
}

/** A text that may be shown: the URLs in it have no user and password. */
export function withoutUserInfo(text: string): string {
  return replaceUserInfo(text, () => '');
}

/** Characters before `://`. */
const IN_A_SCHEME = /[a-z0-9+.-]/i;
const LONGEST_SCHEME = 20;
/** Schemes in which a third slash begins a path on this machine. */
const LOCAL_SCHEME = /^(?:file|unix|sqlite\S*)$/i;
const AUTHORITY = /[^\s/?#<>]*/y;
const HOST = /^(?:\[[0-9a-f:.%]*\]|[\w.-]*)(?::\d*)?$/i;
const FULL_HOST = /^(?:\[.*|localhost(?::.*)?|[^:]*\.[^:]*(?::.*)?|[^:]*)$/i;
/** A name with a domain, an address, or a name with a port. */
const NAMED_HOST =
  /^(?:localhost|\[[0-9a-f:.]+\]|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}|\d+(?:\.\d+){3}|[\w-]+(?=:\d))(?::\d+)?(?:[/?#\s"'`,;)\]]|$)/i;
/** How many characters after the place where a host should begin are searched for a later `@`. */
const FARTHEST_AT = 256;

/**
 * Replaces the user information of each URL in a text, with any scheme. The `@` that ends it may be later than RFC 3986 allows, because
 * people write `/`, `?`, `#`, `@`, quotes and blanks in passwords without encoding them. So a later `@` counts when there is no host
 * before the path, or when a host follows that `@`.
 * @param replacement returns the text for `user:password@`, from the part before the `@`
 */
export function replaceUserInfo(text: string, replacement: (userInfo: string) => string): string {
  let result = '';
  let copied = 0;
  let next = 0;
  for (let colon = text.indexOf('://'); colon >= 0; colon = text.indexOf('://', Math.max(copied, next))) {
    const begin = authorityBegin(text, colon);
    next = begin;
    const length = userInfoLength(text, colon, begin);
    if (length === 0) continue;
    result += text.slice(copied, begin) + replacement(text.slice(begin, begin + length - 1));
    copied = begin + length;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

/** The index of the authority after the `:` of `://`. There may be more than two slashes, because many programs ignore them. */
function authorityBegin(text: string, colon: number): number {
  let begin = colon + '://'.length;
  if (text[begin] !== '/' || LOCAL_SCHEME.test(schemeBefore(text, colon).name)) return begin;
  while (text[begin] === '/') begin++;
  return begin;
}

/** The length of `user:password@` after `://`; 0 when there is none. */
function userInfoLength(text: string, colon: number, begin: number): number {
  AUTHORITY.lastIndex = begin;
  const [upToPath = ''] = AUTHORITY.exec(text) ?? [];
  // The common case, checked cheaply first.
  if (HOST.test(upToPath) && FULL_HOST.test(upToPath)) return 0;
  const scheme = schemeBefore(text, colon);
  let quote = /["'`]/.test(scheme.before) ? scheme.before : '\n';
  // If no host is left before the quote, the quote is part of the password.
  if (!/@|^[^:]*(?::\d*)?$/.test(upTo(quote, upToPath))) quote = '\n';
  const authority = upTo(quote, upToPath);
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const isHost = HOST.test(host);
  if (at < 0 && isHost && FULL_HOST.test(host)) return 0;
  // In the path of a repository, an `@` precedes the revision.
  if (at >= 0 && isHost && scheme.name.includes('+')) return at + 1;
  if (authority.length < upToPath.length) return at + 1;
  const place = begin + authority.length;
  const rest = upTo(quote, upTo('\n', text.slice(place, place + FARTHEST_AT)));
  const later = lastAt(isHost ? upTo(/\s/, rest) : rest, isHost ? NAMED_HOST : /^[\w[]/);
  return later < 0 ? at + 1 : authority.length + later + 1;
}

/** The scheme that ends at an index, and the character before it, unless that is an escaped quote. */
function schemeBefore(text: string, end: number): { readonly name: string; readonly before: string } {
  let begin = end;
  while (begin > 0 && end - begin <= LONGEST_SCHEME && IN_A_SCHEME.test(text[begin - 1] as string)) begin--;
  const before = text[begin - 1] ?? '';
  return { name: text.slice(begin, end), before: text[begin - 2] === '\\' ? '' : before };
}

function upTo(end: string | RegExp, text: string): string {
  return text.split(end, 1)[0] as string;
}

/** The index of the last `@` that is followed by a host; -1 when there is none. */
function lastAt(text: string, host: RegExp): number {
  for (let at = text.lastIndexOf('@'); at >= 0; at = at === 0 ? -1 : text.lastIndexOf('@', at - 1))
    if (host.test(text.slice(at + 1))) return at;
  return -1;
}
