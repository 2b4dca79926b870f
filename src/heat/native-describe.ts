import { codeOf, Problem } from '../errors.ts';
import { isRecord, jsonTextAt, parseJson } from '../json.ts';
import { percentDecode } from '../percent-encoding.ts';
import { isWorthRetrying, TransientFailure } from '../retry.ts';
import type { Clock } from '../system/clock.ts';
import type { Http, HttpResponse, Transport } from '../system/http/http.ts';
import { splitUrl } from '../url.ts';
import { MOST_ANSWER_BYTES, type StackResource } from './answer.ts';
import type { Described, KnownAnswer } from './describe.ts';
import type { Bounds } from './endpoint.ts';
import { endpointOf, type NativeMemory, regionsOf, type Token, tokenFor } from './keystone.ts';
import type { KeystoneCredentials } from './keystone-credentials.ts';
import type { NamedBy } from './named-by.ts';
import { failureOfExchange, retryForMetadata } from './retries.ts';
import { bracketed } from './server-message.ts';

/** How Heat's own API is reached (contract section 7.3). */
export interface NativeAccess {
  readonly kind: 'native';
  readonly credentials: KeystoneCredentials;
  /** In place of the catalogue's endpoint. */
  readonly url: string | undefined;
  /** How the connection to a URL, of keystone or of Heat, is made. */
  readonly transportTo: (url: string) => Promise<Transport>;
  readonly bounds: Bounds;
  /** Kept by who asks again and again. */
  readonly memory: NativeMemory;
  readonly onSecret: (secret: string) => void;
  readonly namedBy: NamedBy;
}

export interface NativeTools {
  readonly http: Http;
  readonly clock: Clock;
  readonly note: (text: string) => void;
  readonly known?: KnownAnswer | undefined;
  /** Whether the state of the resource is wanted besides its metadata: another request. */
  readonly withStatus: boolean;
}

const SERVICE = 'orchestration';

/**
 * Asks Heat's own API for a resource: keystone for a token, its catalogue for Heat, Heat for the stack's id where only its name
 * is known, and then for the metadata (contract section 7.3).
 * @param stack NAME, ID, NAME/ID, or an ARN
 * @throws Problem with the code CFN_HEAT_REFUSED when keystone or Heat answered, and gave none; CFN_HEAT_UNREACHABLE when one of
 * them did not answer, however often it was asked
 */
export async function describeNatively(
  access: NativeAccess,
  stack: string,
  resource: string,
  tools: NativeTools,
): Promise<Described> {
  const { clock, note, known } = tools;
  const attempt = async (left: number): Promise<Described> => {
    const requests = new Requests(access, tools, clock.elapsed() + left);
    const { path, response: metadata } = await requests.resource(stack, resource);
    if (metadata.status !== 200) throw requests.refusal(metadata);
    const detail = tools.withStatus ? await requests.detail(path) : '';
    const body = `${metadata.body}\n${detail}`;
    if (body === known?.body) return { ...known, isKnown: true };
    const decoded = decodeResource(metadata.body, detail);
    if (decoded === undefined) throw requests.refusal(metadata);
    return { body, resource: decoded, isKnown: false };
  };
  return retryForMetadata(attempt, access.bounds, { clock, note });
}

/** The requests of one attempt. */
class Requests {
  readonly #access: NativeAccess;
  readonly #tools: NativeTools;
  readonly #end: number;
  #isRenewed = false;
  #url = '';

  constructor(access: NativeAccess, tools: NativeTools, end: number) {
    this.#access = access;
    this.#tools = tools;
    this.#end = end;
  }

  /** One request of Heat. A token that is refused is renewed once. @throws TransientFailure, Problem */
  async get(path: string): Promise<HttpResponse> {
    const token = await this.#token();
    this.#url =
      this.#access.url === undefined
        ? endpointOf(token, SERVICE, this.#access.credentials)
        : withProject(this.#access.url, token);
    let response: HttpResponse;
    try {
      response = await this.#tools.http.exchange({
        ...(await this.#access.transportTo(this.#url)),
        method: 'GET',
        url: `${this.#url}${path}`,
        headers: { 'X-Auth-Token': token.text, Accept: 'application/json' },
        timeout: this.#timeout(),
        mostBytes: MOST_ANSWER_BYTES,
      });
    } catch (error) {
      throw failureOfExchange(error, this.#url);
    }
    const { status, body, headers } = response;
    if (status === 401 && !this.#isRenewed) {
      this.#isRenewed = true;
      this.#access.memory.forgetToken();
      return this.get(path);
    }
    if (isWorthRetrying(status, body)) {
      const problem = new Problem(`heat answered with HTTP ${status}`, {
        where: this.#url,
        hint: 'see the log of heat-api',
      });
      throw new TransientFailure(problem, headers['retry-after']);
    }
    return response;
  }

  /** The path of a resource, and what Heat says of its metadata. */
  async resource(stack: string, resource: string): Promise<{ readonly path: string; readonly response: HttpResponse }> {
    const { stacks } = this.#access.memory;
    const given = (/^arn:openstack:heat:[^:]*:[^:]*:stacks\/(.+)$/.exec(stack)?.[1] ?? stack).replace(/\/+$/, '');
    if (given.split('/').some((part) => /^\.{0,2}$/.test(part)))
      throw new Problem(`no stack is called ${JSON.stringify(stack)}`, {
        code: 'CFN_HEAT_REFUSED',
        hint: 'give its name, its id, or NAME/ID',
      });
    const remembered = stacks.get(given);
    const whole = given.includes('/') ? given : (remembered ?? (await this.#lookUp(given)));
    const path = `/stacks/${whole.split('/').map(encodeURIComponent).join('/')}/resources/${encodedName(resource)}`;
    const response = await this.get(`${path}/metadata`);
    if (response.status !== 404 || remembered === undefined) return { path, response };
    // Perhaps the stack was made anew under its name.
    stacks.delete(given);
    return this.resource(given, resource);
  }

  /** `NAME/ID` of a stack. @throws Problem when Heat does not know it */
  async #lookUp(stack: string): Promise<string> {
    const response = await this.get(`/stacks/${encodeURIComponent(stack)}`);
    const found = this.#redirectedTo(response);
    if (found === undefined) throw this.refusal(response);
    this.#access.memory.stacks.set(stack, found);
    return found;
  }

  /**
   * What Heat shows of a resource besides its metadata. A user of a stack may not look at it, whatever the policy, and the
   * metadata that is there already must not be lost by that.
   * @returns an empty text when it shows nothing
   */
  async detail(path: string): Promise<string> {
    // A token that has just shown the metadata is good: it is kept, whatever is said here.
    this.#isRenewed = true;
    try {
      const { status, body } = await this.get(path);
      return status === 200 ? body : '';
    } catch (error) {
      const code = codeOf(error);
      const isOfServer = code === 'CFN_HEAT_REFUSED' || code === 'CFN_HEAT_UNREACHABLE';
      if (isOfServer || error instanceof TransientFailure) return '';
      throw error;
    }
  }

  /** Heat answers a bare name by a redirect to its NAME/ID. The token goes to no other host. */
  #redirectedTo({ status, headers }: HttpResponse): string | undefined {
    const { location } = headers;
    if (status < 300 || status > 399 || typeof location !== 'string') return undefined;
    const base = `${this.#url}/`;
    if (!URL.canParse(location, base)) return undefined;
    const target = new URL(location, base);
    if (target.hostname !== new URL(base).hostname)
      throw new Problem('heat redirects to another host', {
        code: 'CFN_HEAT_REFUSED',
        where: this.#url,
        hint: `the token is not sent to ${target.host}; where that is heat by another name, enable_proxy_headers_parsing in heat.conf makes it answer by this one`,
      });
    return /\/stacks\/([^/]+\/[^/]+)\/?$/.exec(target.pathname)?.[1]?.split('/').map(percentDecode).join('/');
  }

  refusal({ status, body }: HttpResponse): Problem {
    const what =
      status >= 200 && status <= 299
        ? 'heat gave an answer that cannot be used'
        : `heat refused with HTTP ${status}${bracketed(body)}`;
    return new Problem(what, { code: 'CFN_HEAT_REFUSED', where: this.#url, hint: this.#hintFor(status) });
  }

  #hintFor(status: number): string {
    const { target, url } = this.#access.namedBy;
    const isByCatalogue = this.#access.url === undefined;
    if (status >= 200 && status <= 299) return "is it heat's own API?";
    if (status === 401) return 'keystone gave a token that heat does not accept: see the log of heat-api';
    if (status === 403)
      return "the credentials are accepted, but heat's policy does not allow this user to read the metadata; a user of the stack or a reader of its project may";
    if (status === 404)
      return isByCatalogue
        ? `check ${target}${this.#otherRegions()}`
        : `check ${target}, and ${url}, which is the base URL of heat's own API here`;
    return `check the address of heat, from ${isByCatalogue ? "keystone's catalogue" : url}`;
  }

  /** For the hint, where no region was chosen: the stack may be in another one. */
  #otherRegions(): string {
    const { credentials, memory } = this.#access;
    const token = memory.token(credentials, this.#tools.clock.elapsed());
    const regions =
      credentials.region === undefined && token !== undefined ? regionsOf(token, SERVICE, credentials) : [];
    return regions.length > 1 ? `; OS_REGION_NAME chooses among ${regions.join(', ')}` : '';
  }

  async #token(): Promise<Token> {
    const { memory, credentials, transportTo, onSecret } = this.#access;
    const { http, clock } = this.#tools;
    const transport = await transportTo(credentials.authUrl);
    return tokenFor(credentials, memory, { http, clock, transport, timeout: this.#timeout(), onSecret });
  }

  #timeout(): number {
    return Math.max(1, Math.min(this.#access.bounds.timeout, this.#end - this.#tools.clock.elapsed()));
  }
}

/** The endpoint's path ends with the project's id, which a URL that a person writes need not have. */
function withProject(url: string, { projectId }: Token): string {
  const base = url.replace(/\/+$/, '');
  return projectId !== undefined && /\/v1$/.test(splitUrl(base).target) ? `${base}/${projectId}` : base;
}

/** Dots alone would be a step in the path. */
function encodedName(resource: string): string {
  return encodeURIComponent(resource).replace(/^\.{1,2}$/, (dots) => '%2E'.repeat(dots.length));
}

/** @returns undefined when the answer describes no resource */
function decodeResource(metadata: string, detail: string): StackResource | undefined {
  const result = parseJson(metadata);
  const value = 'value' in result && isRecord(result.value) ? result.value['metadata'] : undefined;
  const isNone = value === null || value === undefined;
  if ('problem' in result || !isRecord(result.value) || !('metadata' in result.value) || (!isNone && !isRecord(value)))
    return undefined;
  const shown = detail === '' ? undefined : parseJson(detail);
  const resource =
    shown !== undefined && 'value' in shown && isRecord(shown.value) ? shown.value['resource'] : undefined;
  const text = (name: string): string | undefined => {
    const found = isRecord(resource) ? resource[name] : undefined;
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  return {
    isPartial: detail === '',
    metadata: isRecord(value) ? { value, text: jsonTextAt(metadata, ['metadata']) ?? '{}' } : { value: {}, text: '{}' },
    status: text('resource_status'),
    physicalId: text('physical_resource_id'),
    lastUpdated: text('updated_time'),
  };
}
