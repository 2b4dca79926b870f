import { randomUUID } from 'node:crypto';
import type { HttpResponse, Transport } from '../system/http.ts';
import type { System } from '../system/system.ts';
import { serverOf } from '../url.ts';
import type { HandedOut } from './handle-json.ts';
import { endpointOf, tokenFor } from './keystone.ts';
import { createNativeMemory, type Token } from './native-memory.ts';
import { Passing } from './persist.ts';
import {
  commonHint,
  EXCHANGE_TIMEOUT,
  nativeSignal,
  refusal,
  type Signal,
  type SignalRequest,
  type SignalTarget,
} from './wait-condition.ts';

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
      if (token instanceof Passing) return token;
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
    instead({ status }) {
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
    headers: { 'Client-ID': randomUUID() },
    body: JSON.stringify({ messages: [{ body: nativeSignal(signal), ttl: TIME_TO_LIVE }] }),
  };
}
