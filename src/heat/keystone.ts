import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { isWorthRetrying, TransientFailure } from '../retry.ts';
import type { Clock } from '../system/clock.ts';
import type { Http, HttpResponse, Transport } from '../system/http/http.ts';
import { isWebUrl } from '../url.ts';
import type { Identity, KeystoneCredentials, Named } from './keystone-credentials.ts';
import { failureOfExchange } from './retries.ts';
import { bracketed, redirectHint } from './server-message.ts';

/** What keystone gives for credentials. */
export interface Token {
  readonly text: string;
  /** On the clock of elapsed(): from then on it is not used. */
  readonly expires: number;
  readonly projectId: string | undefined;
  readonly catalogue: readonly CatalogueEntry[];
}

export interface CatalogueEntry {
  readonly type: string;
  readonly interface: string;
  readonly region: string;
  readonly url: string;
}

/** What one process has learnt of keystone and of Heat's own API, for its next question (contract section 7.3). */
export interface NativeMemory {
  /** Undefined when there is none for these credentials, or when it has expired. */
  token(credentials: KeystoneCredentials, elapsed: number): Token | undefined;
  keepToken(credentials: KeystoneCredentials, token: Token): void;
  /** It was refused. */
  forgetToken(): void;
  /** `NAME/ID` of stacks, by how the caller names them. */
  readonly stacks: Map<string, string>;
}

/** A memory without a token or a stack. */
export function createNativeMemory(): NativeMemory {
  const stacks = new Map<string, string>();
  let kept: { readonly of: string; readonly token: Token | undefined } | undefined;
  // A file with credentials may be written anew while a daemon runs.
  const keyOf = ({ authUrl, identity }: KeystoneCredentials): string => JSON.stringify([authUrl, identity]);
  return {
    token(credentials, elapsed) {
      const token = kept?.of === keyOf(credentials) ? kept.token : undefined;
      return token === undefined || elapsed >= token.expires ? undefined : token;
    },
    keepToken(credentials, token) {
      const of = keyOf(credentials);
      // For other credentials the name may be that of another stack.
      if (kept !== undefined && kept.of !== of) stacks.clear();
      kept = { of, token };
    },
    forgetToken() {
      if (kept !== undefined) kept = { ...kept, token: undefined };
    },
    stacks,
  };
}

export interface KeystoneTools {
  readonly http: Http;
  readonly clock: Clock;
  readonly transport: Transport;
  /** Milliseconds for the exchange. */
  readonly timeout: number;
  /** Called with the token before anything is done with it. */
  readonly onSecret: (secret: string) => void;
}

/** A catalogue of a large cloud has a few hundred kilobytes. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Milliseconds before its end from which on a token is no longer used: a request takes its time. */
const MARGIN = 60_000;

/**
 * The token that is kept, or a new one (Identity API v3, POST /v3/auth/tokens).
 * @throws TransientFailure when keystone is failing, or cannot be reached; Problem with the code CFN_HEAT_REFUSED when it answered,
 * and gave none; CFN_HEAT_UNREACHABLE for a failure of the connection that does not pass
 */
export async function tokenFor(
  credentials: KeystoneCredentials,
  memory: NativeMemory,
  tools: KeystoneTools,
): Promise<Token> {
  const kept = memory.token(credentials, tools.clock.elapsed());
  if (kept !== undefined) return kept;
  const token = await fetchToken(credentials, tools);
  memory.keepToken(credentials, token);
  return token;
}

async function fetchToken(
  credentials: KeystoneCredentials,
  { http, clock, transport, timeout, onSecret }: KeystoneTools,
): Promise<Token> {
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
    throw failureOfExchange(error, credentials.authUrl);
  }
  const { status, headers, body } = response;
  if (isWorthRetrying(status, body))
    throw new TransientFailure(
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
    throw new Problem('keystone gave an answer that cannot be used', {
      code: 'CFN_HEAT_REFUSED',
      where,
      hint: 'is it keystone?',
    });
  const { issued_at: issued, expires_at: end, project, catalog } = token;
  // The server's own times, since the clock here may be off.
  const lifetime = Date.parse(String(end)) - Date.parse(String(issued));
  return {
    text,
    expires: clock.elapsed() + (Number.isFinite(lifetime) ? Math.max(0, lifetime - MARGIN) : 0),
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
 * @throws Problem that says what is there instead
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
  const details = { code: 'CFN_HEAT_REFUSED', where: authUrl } as const;
  const remedy = (name: string): string =>
    isHandedOut ? 'the operator of the cloud has to add what is missing' : `set ${name}`;
  if (ofType.length === 0) {
    const types = listed(catalogue.map((entry) => entry.type));
    throw new Problem(`keystone's catalogue has no service of type ${type}`, {
      ...details,
      hint: types === '' ? 'it is empty: is there a project?' : `it has ${types}; does the cloud offer it?`,
    });
  }
  if (ofKind.length === 0)
    throw new Problem(`keystone's catalogue has no ${kind} endpoint of type ${type}`, {
      ...details,
      hint: `it has ${listed(ofType.map((entry) => entry.interface))}; ${remedy('OS_INTERFACE')}`,
    });
  throw new Problem(`keystone's catalogue has no service of type ${type} in the region ${region}`, {
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

function refusalOf(response: HttpResponse, credentials: KeystoneCredentials): Problem {
  const { status, body } = response;
  const details = { code: 'CFN_HEAT_REFUSED', where: credentials.authUrl } as const;
  const place = `${credentials.isHandedOut ? 'auth_url' : 'OS_AUTH_URL'} is the URL of keystone, as in https://HOST:5000/v3`;
  if (status >= 200 && status < 300)
    return new Problem('keystone gave an answer that cannot be used', {
      ...details,
      hint: `is it keystone? ${place}`,
    });
  return new Problem(`keystone refused with HTTP ${status}${bracketed(body)}`, {
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
