import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { isWorthRetrying } from '../retry.ts';
import type { Clock } from '../system/clock.ts';
import type { Http, HttpResponse, Transport } from '../system/http.ts';
import { isWebUrl } from '../url.ts';
import { Refused } from './failures.ts';
import type { Identity, KeystoneCredentials, Named } from './keystone-credentials.ts';
import type { CatalogueEntry, NativeMemory, Token } from './native-memory.ts';
import { faultOfExchange } from './patience.ts';
import { Passing } from './persist.ts';
import { bracketed, redirectHint } from './server-message.ts';

export interface KeystoneTools {
  readonly http: Http;
  readonly clock: Clock;
  readonly transport: Transport;
  /** Milliseconds for the exchange. */
  readonly timeout: number;
  /** Hears of the token before anything is done with it. */
  readonly onSecret: (secret: string) => void;
}

/** A catalogue of a large cloud has a few hundred kilobytes. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Milliseconds before its end from which on a token is no longer used: a request takes its time. */
const MARGIN = 60_000;

/** The token that is kept, or a new one. @returns, and throws, as fetchToken */
export async function tokenFor(
  credentials: KeystoneCredentials,
  memory: NativeMemory,
  tools: KeystoneTools,
): Promise<Token | Passing> {
  const kept = memory.token(credentials, tools.clock.elapsed());
  if (kept !== undefined) return kept;
  const token = await fetchToken(credentials, tools);
  if (!(token instanceof Passing)) memory.keepToken(credentials, token);
  return token;
}

/**
 * Asks keystone for a token (Identity API v3, POST /v3/auth/tokens).
 * @returns a passing fault when keystone is not well, or cannot be reached
 * @throws Refused when it answered, and gave none; Unreachable for a fault of the connection that does not pass
 */
async function fetchToken(
  credentials: KeystoneCredentials,
  { http, clock, transport, timeout, onSecret }: KeystoneTools,
): Promise<Token | Passing> {
  const url = `${credentials.authUrl}/v3/auth/tokens`;
  let response: HttpResponse;
  try {
    response = await http.exchange({
      ...transport,
      method: 'POST',
      url,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(requestFor(credentials)),
      timeout,
      mostBytes: MOST_BYTES,
    });
  } catch (error) {
    return faultOfExchange(error, credentials.authUrl);
  }
  const { status, headers, body } = response;
  if (isWorthRetrying(status, body))
    return new Passing(
      new Problem(`keystone answered with HTTP ${status}`, { where: credentials.authUrl, hint: 'see its log' }),
      headers['retry-after'],
    );
  const text = headers['x-subject-token'];
  if (status !== 201 || typeof text !== 'string' || text === '') throw refusalOf(response, credentials);
  onSecret(text);
  return decodeToken(text, body, credentials.authUrl, clock);
}

function requestFor({ identity }: KeystoneCredentials): object {
  if (identity.kind === 'application') {
    const { id, secret } = identity;
    return { auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } } };
  }
  const { user, password, project } = identity;
  return {
    auth: {
      identity: { methods: ['password'], password: { user: { ...user, password } } },
      scope: { project: project satisfies Named },
    },
  };
}

function decodeToken(text: string, body: string, where: string, clock: Clock): Token {
  const result = parseJson(body);
  const token = 'value' in result && isRecord(result.value) ? result.value['token'] : undefined;
  if (!isRecord(token))
    throw new Refused('keystone gave an answer that cannot be used', { where, hint: 'is it keystone?' });
  const { issued_at: issued, expires_at: expires, project, catalog } = token;
  // The server's own times, since the clock here may be off.
  const lifetime = Date.parse(String(expires)) - Date.parse(String(issued));
  return {
    text,
    goodUntil: clock.elapsed() + (Number.isFinite(lifetime) ? Math.max(0, lifetime - MARGIN) : 0),
    projectId: isRecord(project) && typeof project['id'] === 'string' ? project['id'] : undefined,
    catalogue: Array.isArray(catalog) ? catalog.flatMap(entriesOf) : [],
  };
}

function entriesOf(service: unknown): readonly CatalogueEntry[] {
  if (!isRecord(service) || !Array.isArray(service['endpoints'])) return [];
  const type = String(service['type']);
  return service['endpoints'].flatMap((endpoint: unknown) => {
    if (!isRecord(endpoint)) return [];
    const { interface: kind, region_id: id, region, url } = endpoint;
    return typeof url === 'string' && isWebUrl(url)
      ? [{ type, interface: String(kind), region: String(id ?? region ?? ''), url }]
      : [];
  });
}

/**
 * The URL of a service in the catalogue.
 * @throws Refused that says what is there instead
 */
export function endpointOf(
  { catalogue }: Token,
  type: string,
  { region, interface: kind, authUrl, isHandedOut }: Omit<KeystoneCredentials, 'identity' | 'caFile'>,
): string {
  const ofType = catalogue.filter((entry) => entry.type === type);
  const ofKind = ofType.filter((entry) => entry.interface === kind);
  const found = ofKind.find((entry) => region === undefined || entry.region === region);
  if (found !== undefined) return found.url.replace(/\/+$/, '');
  const details = { where: authUrl };
  const remedy = (name: string): string =>
    isHandedOut ? 'the operator of the cloud has to add what is missing' : `set ${name}`;
  if (ofType.length === 0) {
    const types = listed(catalogue.map((entry) => entry.type));
    throw new Refused(`keystone's catalogue has no service of type ${type}`, {
      ...details,
      hint: types === '' ? 'it is empty: is there a project?' : `it has ${types}; does the cloud offer it?`,
    });
  }
  if (ofKind.length === 0)
    throw new Refused(`keystone's catalogue has no ${kind} endpoint of type ${type}`, {
      ...details,
      hint: `it has ${listed(ofType.map((entry) => entry.interface))}; ${remedy('OS_INTERFACE')}`,
    });
  throw new Refused(`keystone's catalogue has no service of type ${type} in the region ${region}`, {
    ...details,
    hint: `it has ${listed(ofKind.map((entry) => entry.region))}; ${remedy('OS_REGION_NAME')}`,
  });
}

/** The regions in which the catalogue has a service. */
export function regionsOf(
  { catalogue }: Token,
  type: string,
  { interface: kind }: Pick<KeystoneCredentials, 'interface'>,
): readonly string[] {
  const found = catalogue.filter((entry) => entry.type === type && entry.interface === kind);
  return [...new Set(found.map(({ region }) => region))].sort();
}

function listed(names: readonly string[]): string {
  const all = [...new Set(names)].sort();
  const most = 10;
  return all.length > most ? `${all.slice(0, most).join(', ')} and ${all.length - most} more` : all.join(', ');
}

function refusalOf(response: HttpResponse, credentials: KeystoneCredentials): Refused {
  const { status, body } = response;
  const details = { where: credentials.authUrl };
  const place = `${credentials.isHandedOut ? 'auth_url' : 'OS_AUTH_URL'} is the URL of keystone, as in https://HOST:5000/v3`;
  if (status >= 200 && status < 300)
    return new Refused('keystone gave an answer that cannot be used', {
      ...details,
      hint: `is it keystone? ${place}`,
    });
  return new Refused(`keystone refused with HTTP ${status}${bracketed(body)}`, {
    ...details,
    hint: hintFor(response, credentials.identity, place),
  });
}

function hintFor(response: HttpResponse, identity: Identity, place: string): string {
  const { status } = response;
  if (status === 401)
    return identity.kind === 'application'
      ? 'check the id and the secret of the application credential, and that it has not expired or been deleted'
      : 'check user, password and domain, and that the stack that they belong to is not deleted';
  if (status === 403) return 'the user may not have a token for this project';
  return status >= 300 && status < 400 ? `${redirectHint(response)}; ${place}` : place;
}
