import { canonicalPath, canonicalQuery, type Parameter } from '../signing/canonical.ts';
import type { Credentials } from '../signing/credentials.ts';
import { signV2 } from '../signing/signature-v2.ts';
import { sha256Hex, signV4 } from '../signing/signature-v4.ts';
import type { HttpRequest } from '../system/http/http.ts';
import { splitUrl } from '../url.ts';
import type { Endpoint } from './endpoint.ts';

export type SignatureVersion = 'v4' | 'v2';

const SERVICE = 'cloudformation';

/**
 * A signed GET of the query API. Heat wants the host signed with its port, and accepts no unsigned payload (seen on the
 * real one). It is good for 15 minutes: sign each attempt anew.
 */
export function signedCall(
  { url, region }: Pick<Endpoint, 'url' | 'region'>,
  credentials: Credentials,
  parameters: Readonly<Record<string, string>>,
  time: Date,
  version: SignatureVersion = 'v4',
): Pick<HttpRequest, 'method' | 'url' | 'headers'> {
  const { authority: host, target: path } = splitUrl(url);
  const all: readonly Parameter[] = Object.entries(parameters);
  if (version === 'v2') {
    const query = signV2({ method: 'GET', host, path, parameters: all, time }, credentials);
    return { method: 'GET', url: `${url}?${query}`, headers: {} };
  }
  const query = canonicalQuery(all);
  const headers = signV4(
    { method: 'GET', path: canonicalPath(path), query, headers: { Host: host }, payloadHash: sha256Hex('') },
    { time, region, service: SERVICE },
    credentials,
  );
  return { method: 'GET', url: `${url}?${query}`, headers };
}
