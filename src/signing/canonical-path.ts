import { percentDecode, percentEncode } from '../percent-encoding.ts';

/**
 * The path in the form that is signed for every service but S3: dots resolved, repeated slashes joined, each segment
 * encoded once more than it is on the wire.
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
 * The path in the form that is signed for S3, where a key may hold `//` and `..`: nothing is resolved, and each segment is
 * encoded once, however it was written. Source: AWS S3 API reference, "Authenticating requests", canonical request.
 */
export function canonicalObjectPath(path: string): string {
  return path
    .split('/')
    .map((segment) => percentEncode(percentDecode(segment)))
    .join('/');
}
