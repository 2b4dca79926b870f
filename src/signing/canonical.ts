import { percentDecode, percentEncode } from '../percent-encoding.ts';

/**
 * The path in the form that is signed for every service except S3: dots are resolved, repeated slashes become one, and each segment
 * is encoded once more than in the request.
 * Source: AWS, "Create a signed AWS API request", step 1, CanonicalUri; RFC 3986 section 5.2.4 for the dots.
 */
export function canonicalPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(percentEncode(segment));
  }
  const isDirectory = /\/\.{0,2}$/.test(path) && kept.length > 0;
  return `/${kept.join('/')}${isDirectory ? '/' : ''}`;
}

/**
 * The path in the form that is signed for S3, where a key may contain `//` and `..`: nothing is resolved, and each segment is
 * encoded once, whether or not it was encoded before. Source: AWS S3 API reference, "Authenticating requests", canonical request.
 */
export function canonicalObjectPath(path: string): string {
  return path
    .split('/')
    .map((segment) => percentEncode(percentDecode(segment)))
    .join('/');
}

/** A name and its value, not encoded. */
export type Parameter = readonly [name: string, value: string];

/**
 * The query in the form that is signed: encoded, sorted by name, then by value; a parameter without value is `name=`. The request
 * has the same form. Source: AWS, "Create a signed AWS API request", step 1, CanonicalQueryString.
 */
export function canonicalQuery(parameters: readonly Parameter[]): string {
  return parameters
    .map(([name, value]): Parameter => [percentEncode(name), percentEncode(value)])
    .sort(([name, value], [otherName, otherValue]) => compare(name, otherName) || compare(value, otherValue))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** The parameters of a query of a URL, without its question mark. */
export function parseQuery(query: string): readonly Parameter[] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part): Parameter => {
      const equals = part.indexOf('=');
      return equals < 0
        ? [percentDecode(part), '']
        : [percentDecode(part.slice(0, equals)), percentDecode(part.slice(equals + 1))];
    });
}

/** Encoded text is ASCII, so comparing UTF-16 units is the same as comparing bytes. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
