import { isIP } from 'node:net';
import { type buildConnector, Client, type Dispatcher, ProxyAgent } from 'undici';
import { errnoOf, Problem } from '../errors.ts';
import { splitUrl } from '../url.ts';
import { loginOf, type TlsOptions, type Transfer, unaskedSwitch } from './http-line.ts';
import { TunnelRefused } from './http-problem.ts';

type Connector = ReturnType<typeof buildConnector>;

const USABLE_PROXY = /^https?:\/\//i;
/** Each exchange has its own bounds. */
const UNBOUNDED = 0;

/**
 * Sends requests by undici, which knows the ways through proxies: absolute form for http targets, CONNECT for https ones
 * (contract section 5).
 * @param proxy its URL; a user in it is sent as Proxy-Authorization
 */
export function transferThrough(proxy: string): Transfer {
  return async (outgoing, receiver, line) => {
    const { url, method, headers, body } = outgoing;
    const { scheme, authority, target } = splitUrl(url);
    const connection: Connection = { lost: undefined };
    const dispatcher = through(proxy, await outgoing.tls(), connection);
    line.keep({ destroy: () => void dispatcher.destroy().catch(() => undefined) });
    await new Promise<void>((resolve, reject) => {
      const proceed = (controller: Dispatcher.DispatchController, wantsMore: () => boolean): void => {
        try {
          if (wantsMore()) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        controller.abort(new Error('no more is wanted'));
      };
      dispatcher.dispatch(
        {
          origin: `${scheme}://${authority.toLowerCase()}`,
          path: target,
          method,
          headers: { Host: authority, ...loginOf(url), ...headers },
          ...(body === undefined ? {} : { body }),
          headersTimeout: UNBOUNDED,
          bodyTimeout: UNBOUNDED,
        },
        {
          onRequestStart: () => undefined,
          onResponseStart(controller, status, answered) {
            if (status >= 200) proceed(controller, () => receiver.head(status, answered));
          },
          onResponseData: (controller, chunk) => proceed(controller, () => receiver.piece(chunk)),
          onResponseEnd() {
            // undici takes a reset for the end of a body that has no length.
            if (connection.lost === undefined) resolve();
            else reject(connection.lost);
          },
          onResponseError: (_, error) => reject(whatWentWrong(url, error)),
        },
      );
    });
  };
}

/** The connection that an exchange is made on. */
interface Connection {
  /** What broke it. */
  lost: unknown;
}

function watched(connect: Connector, connection: Connection): Connector {
  return ({ servername = '', ...options }, done) =>
    // An address is no server name (RFC 6066 section 3), and Node warns of it.
    connect({ ...options, ...(isIP(servername) === 0 ? { servername } : {}) }, (...result) => {
      result[1]?.once('error', (error) => {
        connection.lost = error;
      });
      done(...result);
    });
}

/** @throws Problem for a proxy of a kind that cannot be used */
function through(uri: string, tls: TlsOptions, connection: Connection): Dispatcher {
  if (!USABLE_PROXY.test(uri))
    throw new Problem(`a proxy with ${new URL(uri).protocol}// cannot be used`, {
      hint: 'write it as http://HOST:PORT',
    });
  const options = { ...tls, allowH2: false };
  const client = (origin: URL | string, { connect, ...others }: { readonly connect?: Connector }): Client =>
    new Client(origin, { ...others, ...(connect === undefined ? {} : { connect: watched(connect, connection) }) });
  return new ProxyAgent({
    uri,
    requestTls: options,
    proxyTls: options,
    connectTimeout: UNBOUNDED,
    allowH2: false,
    clientFactory: client,
    factory: client,
  });
}

/** undici makes errors of what are answers: of a proxy that opens no tunnel or wants a login, of HTTP 101, of odd statuses. */
function whatWentWrong(url: string, error: Error): unknown {
  if (error.message === 'bad upgrade') return unaskedSwitch(url);
  if (errnoOf(error) === 'ERR_ASSERTION') return notUnderstood(url);
  const refused = /^Proxy (?:Authentication Required|response) \((\d+)\)/.exec(error.message)?.[1];
  return refused === undefined ? error : new TunnelRefused(Number(refused));
}

function notUnderstood(url: string): Problem {
  const { scheme, authority } = splitUrl(url);
  return new Problem('the answer has a status that is none', {
    where: `${scheme}://${authority}`,
    hint: 'check the address, and what is between here and the server',
  });
}
