import { Problem, usageProblem } from '../errors.ts';
import { isRecord } from '../json.ts';
import type { HttpResponse, Transport } from '../system/http/http.ts';
import type { System } from '../system/system.ts';
import { isWebUrl, serverOf } from '../url.ts';
import { createNativeMemory, endpointOf, type Token, tokenFor } from './keystone.ts';
import { decodeHandedOut, type KeystoneCredentials } from './keystone-credentials.ts';
import {
  commonHint,
  EXCHANGE_TIMEOUT,
  nativeSignal,
  refusal,
  type Signal,
  type SignalRequest,
  type SignalTarget,
} from './wait-condition.ts';

/** A handle of OS::Heat::WaitConditionHandle, by its signal_transport. */
export type HandedOut =
  /** CFN_SIGNAL, TEMP_URL_SIGNAL: the URL is signed. */
  | { readonly kind: 'signed'; readonly url: string }
  /** HEAT_SIGNAL: Heat's own API, with a token of keystone. */
  | { readonly kind: 'native'; readonly url: string; readonly credentials: KeystoneCredentials }
  /** ZAQAR_SIGNAL: a queue, with a token of keystone. */
  | { readonly kind: 'queue'; readonly queueId: string; readonly credentials: KeystoneCredentials };

/** A handle has one of these only if it has a user of its own. */
const OF_USER = ['auth_url', 'password', 'user_id', 'username', 'project_id'];

/**
 * Decodes the attribute `signal` of a handle (contract section 7.4). Source: heat/engine/resources/signal_responder.py, _get_signal.
 * @param where it was read from
 * @throws Problem with exit code 2 for JSON that is none
 */
export function decodeHandle(value: unknown, where: string): HandedOut {
  if (value === null)
    throw notOne(
      'it is null',
      where,
      "with TOKEN_SIGNAL, give the attribute endpoint, and '--token' the attribute token",
    );
  if (!isRecord(value)) throw notOne('it is not an object', where);
  if (Object.keys(value).length === 0) throw notOne('it is empty', where, 'with NO_SIGNAL, a handle waits for nothing');
  const { alarm_url: url, queue_id: queueId } = value;
  const credentials = (): KeystoneCredentials => {
    try {
      return decodeHandedOut(value, { place: 'in the handle', where: undefined });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw usageProblem(`${error.message}: ${where}`, error.hint);
    }
  };
  if (typeof queueId === 'string' && /^[\w.-]{1,255}$/.test(queueId))
    return { kind: 'queue', queueId, credentials: credentials() };
  if (typeof url !== 'string') throw notOne('it has no alarm_url and no queue_id', where);
  if (!isWebUrl(url)) throw notOne('its alarm_url is no URL', where);
  const isOfUser = OF_USER.some((name) => value[name] !== undefined && value[name] !== null);
  return isOfUser ? { kind: 'native', url, credentials: credentials() } : { kind: 'signed', url };
}

function notOne(
  why: string,
  where: string,
  hint = 'give the attribute "signal" of an OS::Heat::WaitConditionHandle',
): Problem {
  return usageProblem(`JSON that is no handle: ${where}: ${why}`, hint);
}

/**
 * The endpoint of an OS::Heat::WaitConditionHandle, signalled with its token as its `curl_cli` attribute does.
 * @throws Problem when the token cannot be one
 */
export function tokenHandle(url: string, token: string, transport: Transport = {}): SignalTarget {
  // In quotes, since what follows `--token` otherwise counts as a secret.
  if (!/^[\x21-\x7e]+$/.test(token) || /^[${<]/.test(token))
    throw usageProblem('not a token', 'give \'--token\' the attribute "token" of the handle; an empty variable?');
  const server = serverOf(url);
  return {
    server,
    request: (signal) => ({
      ...transport,
      method: 'POST',
      url,
      headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(nativeSignal(signal)),
    }),
    refusal: (response) => refusal(response, server, hintForToken(response)),
  };
}

function hintForToken(response: HttpResponse): string {
  const { status } = response;
  if (status === 401) return "the token is wrong or has expired: it lives as long as keystone's tokens do";
  if (status === 403)
    return 'the token is for another stack, the stack is deleted, or this is a pre-signed URL, which takes no --token';
  if (status === 404 || status === 405)
    return 'there is no such handle; the stack may be deleted, or the URL is not the "endpoint" attribute of the handle';
  return commonHint(response, 'heat-api');
}

export interface HandleTools {
  readonly system: Pick<System, 'http' | 'clock'>;
  readonly transportTo: (url: string) => Promise<Transport>;
  readonly onSecret: (secret: string) => void;
}

/** Seconds that a message waits in its queue. Source: heat-agents, heat-config-notify. */
const TIME_TO_LIVE = 600;

type OfKeystone = Exclude<HandedOut, { readonly kind: 'signed' }>;

/**
 * A handle that is signalled with a token of keystone: HEAT_SIGNAL and ZAQAR_SIGNAL (contract section 7.4). It does not expire as
 * a signed URL does: each attempt may ask for a new token.
 */
export function keystoneHandle(
  handle: OfKeystone,
  { system: { http, clock }, transportTo, onSecret }: HandleTools,
): SignalTarget {
  const { credentials } = handle;
  const memory = createNativeMemory();
  let isRenewed = false;
  // That of a queue is known when keystone has given a token.
  let server = serverOf(handle.kind === 'native' ? handle.url : credentials.authUrl);
  const target: SignalTarget = {
    get server() {
      return server;
    },
    async request(signal, left) {
      const transport = await transportTo(credentials.authUrl);
      const timeout = Math.min(EXCHANGE_TIMEOUT, left);
      const token = await tokenFor(credentials, memory, { http, clock, transport, timeout, onSecret });
      const { url, headers, body } =
        handle.kind === 'native' ? toHeat(handle.url, signal) : toQueue(handle, token, signal);
      server = serverOf(url);
      return {
        ...(await transportTo(url)),
        method: 'POST',
        url,
        headers: {
          'X-Auth-Token': token.text,
          'Content-Type': 'application/json',
          Accept: 'application/json',
          ...headers,
        },
        body,
      };
    },
    alternative({ status }) {
      if (status !== 401 || isRenewed) return undefined;
      isRenewed = true;
      memory.forgetToken();
      return { target, note: 'the token is no longer accepted: asking keystone for another one' };
    },
    refusal: (response) => refusal(response, server, hintFor(response, handle.kind)),
  };
  return target;
}

function hintFor(response: HttpResponse, kind: OfKeystone['kind']): string {
  const { status } = response;
  const [api, thing] = kind === 'native' ? ['heat-api', 'handle'] : ['zaqar', 'queue'];
  if (status === 401) return `keystone gave a token that ${api} does not accept: see the log of ${api}`;
  if (status === 403) return `the user of the handle may not use this ${thing}: is it that of another stack?`;
  if (status === 404) return `there is no such ${thing}; the stack may be deleted`;
  return commonHint(response, api);
}

type Part = Pick<SignalRequest, 'url' | 'headers'> & { readonly body: string };

function toHeat(url: string, signal: Signal): Part {
  return { url, headers: {}, body: JSON.stringify(nativeSignal(signal)) };
}

/** Source: Zaqar's API v2, "Post Message". */
function toQueue(
  { queueId, credentials }: Extract<OfKeystone, { readonly kind: 'queue' }>,
  token: Token,
  signal: Signal,
): Part {
  return {
    url: `${endpointOf(token, 'messaging', credentials)}/v2/queues/${queueId}/messages`,
    headers: { 'Client-ID': crypto.randomUUID() },
    body: JSON.stringify({ messages: [{ body: nativeSignal(signal), ttl: TIME_TO_LIVE }] }),
  };
}
