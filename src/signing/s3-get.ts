import { normalAuthority, splitUrl } from '../url.ts';
import { canonicalObjectPath } from './canonical-path.ts';
import { canonicalQuery, parseQuery } from './canonical-query.ts';
import type { Credentials } from './credentials.ts';
import { signV4 } from './signature-v4.ts';

const UNSIGNED = 'UNSIGNED-PAYLOAD';
/** Where Amazon's addresses without a region, and most other servers of the protocol, expect their requests to be signed for. */
const DEFAULT_REGION = 'us-east-1';

/**
 * The headers that let the owner of the credentials GET an object of S3.
 * Source: AWS S3 API reference, "Authenticating requests: using the Authorization header".
 * @throws Problem when it is no http(s) URL
 */
export function signS3Get(url: string, credentials: Credentials, time: Date): Record<string, string> {
  const parts = splitUrl(url);
  const { host, target } = parts;
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  const content = { 'x-amz-content-sha256': UNSIGNED };
  const request = {
    method: 'GET',
    path: canonicalObjectPath(path),
    query: canonicalQuery(parseQuery(query)),
    headers: { Host: normalAuthority(parts), ...content },
    payloadHash: UNSIGNED,
  };
  return { ...content, ...signV4(request, { time, region: s3Region(host), service: 's3' }, credentials) };
}

/** The region in a host name of Amazon S3: s3.REGION, s3-REGION, s3.dualstack.REGION; us-east-1 where there is none. */
export function s3Region(host: string): string {
  return (
    /(?:^|\.)s3(?:-fips)?(?:\.dualstack)?[.-]([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?$/.exec(host)?.[1] ??
    DEFAULT_REGION
  );
}
