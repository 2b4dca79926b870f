import { isRecord, type JsonSpans, numbersAsWritten } from '../json.ts';
import { nearestName, suggestName } from '../nearest-name.ts';
import { AUTHENTICATION_KEY, type Finding, pointerOf, unknownKey } from './findings.ts';
import { unresolved, unresolvedError } from './unresolved.ts';

/** Credentials for downloads, from the metadata's AWS::CloudFormation::Authentication. */
export interface Authentication {
  readonly name: string;
  readonly type: 'basic' | 'S3';
  readonly username?: string;
  readonly password?: string;
  readonly accessKeyId?: string;
  readonly secretKey?: string;
  readonly roleName?: string;
  /** URL prefixes for which these credentials are used when a file names none. */
  readonly uris: readonly string[];
  readonly buckets: readonly string[];
}

export interface Authentications {
  readonly byName: ReadonlyMap<string, Authentication>;
  /** All values of the blocks that must not be shown: keys, passwords and whatever else is not an address or a name. */
  readonly secrets: readonly string[];
  readonly findings: readonly Finding[];
}

const KNOWN = ['type', 'username', 'password', 'accessKeyId', 'secretKey', 'roleName', 'uris', 'buckets'];
const NOT_SECRET = new Set(['type', 'uris', 'buckets', 'roleName', 'username']);

/** Decodes the authentication blocks; one that is not understood is a warning, since perhaps no file needs it. */
export function decodeAuthentications(document: Readonly<Record<string, unknown>>, spans: JsonSpans): Authentications {
  const byName = new Map<string, Authentication>();
  const secrets: string[] = [];
  const findings: Finding[] = [];
  // A password of digits may be longer than JSON.parse keeps.
  const blocks =
    numbersAsWritten(document[AUTHENTICATION_KEY], [AUTHENTICATION_KEY], spans) ?? document[AUTHENTICATION_KEY];
  if (!isRecord(blocks)) return { byName, secrets, findings };
  const whole = unresolved(blocks);
  if (whole !== undefined) findings.push(unresolvedError(whole, pointerOf([AUTHENTICATION_KEY])));
  for (const [name, block] of Object.entries(blocks)) {
    if (!isRecord(block) || whole !== undefined) continue;
    const instead = unresolved(block);
    if (instead !== undefined) {
      findings.push(unresolvedError(instead, pointerOf([AUTHENTICATION_KEY, name])));
      continue;
    }
    for (const [key, value] of Object.entries(block)) {
      if (!NOT_SECRET.has(key)) for (const text of textsIn(value)) secrets.push(text);
      const pointer = pointerOf([AUTHENTICATION_KEY, name, key]);
      if (!KNOWN.includes(key) && nearestName(key, KNOWN) !== undefined)
        findings.push(unknownKey(key, pointer, suggestName(key, KNOWN)));
      const called = [value]
        .flat()
        .map(unresolved)
        .find((one) => one !== undefined);
      if (called !== undefined) findings.push(unresolvedError(called, pointer));
    }
    const given = block['type'];
    const type = typeof given === 'string' ? given.trim().toLowerCase() : undefined;
    if (type !== 'basic' && type !== 's3') {
      findings.push({
        severity: 'warning',
        what: 'an authentication type that is neither basic nor S3',
        pointer: pointerOf([AUTHENTICATION_KEY, name, 'type']),
      });
      continue;
    }
    const text = (key: string): Record<string, string> => (typeof block[key] === 'string' ? { [key]: block[key] } : {});
    byName.set(name, {
      name,
      type: type === 's3' ? 'S3' : 'basic',
      ...text('username'),
      ...text('password'),
      ...text('accessKeyId'),
      ...text('secretKey'),
      ...text('roleName'),
      uris: textList(block['uris']),
      buckets: textList(block['buckets']),
    });
  }
  return { byName, secrets, findings };
}

/** The credentials for a URL: those that are named, else those whose `uris` or `buckets` contain the URL. */
export function authenticationFor(
  url: string,
  named: string | undefined,
  known: ReadonlyMap<string, Authentication>,
): Authentication | undefined {
  if (named !== undefined) return known.get(named);
  for (const candidate of known.values()) {
    if (candidate.uris.some((prefix) => liesBelow(url, prefix))) return candidate;
    if (candidate.buckets.some((bucket) => isInBucket(url, bucket))) return candidate;
  }
  return undefined;
}

/** A prefix that ends with its host covers that host only: https://a.example is not https://a.example.org. */
function liesBelow(whole: string, prefix: string): boolean {
  // Credentials in the URL itself are used only when there are no others.
  const url = whole.replace(/^(https?:\/\/)[^/?#]*@/i, '$1');
  if (!url.startsWith(prefix)) return false;
  return !/^[a-z]+:\/\/[^/?#]*$/i.test(prefix) || /^([/?#]|$)/.test(url.slice(prefix.length));
}

/** Virtual-hosted and path style addresses of Amazon S3. */
function isInBucket(url: string, bucket: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname, pathname } = new URL(url);
  if (!/(^|\.)s3[.-]([a-z0-9.-]+\.)?amazonaws\.com(\.cn)?$/.test(hostname)) return false;
  return hostname.startsWith(`${bucket}.s3`) || pathname.startsWith(`/${bucket}/`);
}

/** All texts and numbers of a value, however deep. */
function textsIn(value: unknown): string[] {
  const texts: string[] = [];
  const rest = [value];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next === 'string' || typeof next === 'number') texts.push(String(next));
    else if (typeof next === 'object' && next !== null) for (const item of Object.values(next)) rest.push(item);
  }
  return texts;
}

function textList(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string');
}
