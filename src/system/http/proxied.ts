import { isIP } from 'node:net';
import { buildConnector, Client, type Dispatcher, ProxyAgent } from 'undici';
import { describeError, errnoOf } from '../../errors.ts';
import { splitUrl, withoutBrackets } from '../../url.ts';
import { handOver, type Line, loginOf, type Outgoing, type TlsOptions, type Transfer, UNASKED_SWITCH } from './line.ts';
import type { NamedProxy } from './proxy.ts';
import { isOfProxy, notReached, proxyStatus, refusedByProxy } from './proxy-fault.ts';
import { connectBySocks } from './socks5.ts';

type Connector = ReturnType<typeof buildConnector>;

/** No timeouts of undici: each exchange has its own bounds. */
const UNBOUNDED = 0;

/**
 * Sends requests through a proxy by undici: in absolute form for http, by CONNECT for https (contract section 5), or on a
 * connection that a SOCKS proxy has opened.
 */
export function transferThrough(proxy: NamedProxy): Transfer {
  return async (outgoing, receiver, line) => {
    const { url, method, headers, body } = outgoing;
    const { scheme, authority, target } = splitUrl(url);
    const connection = new Connection();
    const options = { ...(await outgoing.tls()), timeout: UNBOUNDED, allowH2: false };
    const dispatcher = /^socks/.test(proxy.scheme)
      ? throughSocks(proxy, outgoing, options, connection, line)
      : throughHttp(proxy, outgoing, options, connection);
    line.keep({ destroy: () => void dispatcher.destroy().catch(() => undefined) });
    await new Promise<void>((resolve, reject) => {
      const proceed = (controller: Dispatcher.DispatchController, wantsMore: () => boolean): void =>
        handOver(wantsMore, { resolve, reject, stop: () => controller.abort(new Error('no more is wanted')) });
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
            if (status < 200) return;
            proceed(controller, () => {
              // The proxy itself can only answer a request in absolute form, which is sent to it.
              if (isAnsweredByProxy(proxy, url) && isOfProxy(status, answered))
                throw proxyStatus(url, proxy.title, status);
              return receiver.head(status, answered);
            });
          },
          onResponseData: (controller, chunk) => proceed(controller, () => receiver.piece(chunk)),
          onResponseEnd() {
            // undici treats a reset as the end of a body without a length.
            if (connection.lost === undefined) resolve();
            else reject(connection.lost);
          },
          onResponseError: (_, error) => reject(whatWentWrong(url, proxy, connection, error)),
        },
      );
    });
  };
}

/** Whether the proxy itself answers. In a tunnel the server does. */
function isAnsweredByProxy({ scheme }: NamedProxy, url: string): boolean {
  return splitUrl(url).scheme === 'http' && !scheme.startsWith('socks');
}

/** The state of the connection of an exchange. */
class Connection {
  /** The error that broke it. */
  lost: unknown;
  /** Why it was not made, and whether the fault is beyond the proxy. Kept from undici, which tries again after some errors. */
  failure: { readonly error: unknown; readonly isBeyondProxy: boolean } | undefined;
  /** A proxy has accepted CONNECT. */
  isTunnelOpen = false;
  /** It is open up to the server, TLS included. */
  isEstablished = false;

  /** @param isProxy whether this connects to the proxy, not through it to the server */
  watched(connect: Connector, isProxy: boolean): Connector {
    return ({ servername = '', ...options }, done) =>
      // An address is not a server name (RFC 6066 section 3), and Node warns about it.
      connect({ ...options, ...(isIP(servername) === 0 ? { servername } : {}) }, (...[error, socket]) => {
        if (error !== null) {
          this.failure ??= { error, isBeyondProxy: !isProxy && this.isTunnelOpen };
          done(new Error('no connection'), null);
          return;
        }
        socket.once('error', (lost) => {
          this.lost = lost;
        });
        if (!isProxy) this.isEstablished = true;
        done(null, socket);
      });
  }
}

type ConnectOptions = TlsOptions & { readonly timeout: number; readonly allowH2: boolean };

function throughHttp(
  { scheme, host, port, login }: NamedProxy,
  { url }: Outgoing,
  options: ConnectOptions,
  connection: Connection,
): Dispatcher {
  const isTunnel = splitUrl(url).scheme === 'https';
  const client = (isProxy: boolean) => {
    return (origin: URL | string, { connect, ...others }: { readonly connect?: Connector }): Client =>
      new Client(origin, {
        ...others,
        ...(connect === undefined ? {} : { connect: connection.watched(connect, isProxy) }),
      });
  };
  const token =
    login === undefined ? undefined : `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
  const tunnelClient = (origin: URL | string, others: { readonly connect?: Connector }): Client => {
    const made = client(true)(origin, others);
    const open = made.connect.bind(made) as (options: Dispatcher.ConnectOptions) => Promise<Dispatcher.ConnectData>;
    return Object.assign(made, {
      connect: async (wanted: Dispatcher.ConnectOptions) => {
        const answered = await open(wanted);
        connection.isTunnelOpen = answered.statusCode === 200;
        return answered;
      },
    });
  };
  return new ProxyAgent({
    uri: `${scheme}://${host}:${port}`,
    ...(token === undefined ? {} : { token }),
    requestTls: options,
    proxyTls: options,
    connectTimeout: UNBOUNDED,
    allowH2: false,
    clientFactory: tunnelClient,
    factory: client(!isTunnel),
  });
}

function throughSocks(
  proxy: NamedProxy,
  { url, lookup }: Outgoing,
  options: ConnectOptions,
  connection: Connection,
  line: Line,
): Dispatcher {
  const { scheme, host: bracketed, port, authority } = splitUrl(url);
  const host = withoutBrackets(bracketed);
  const secure = buildConnector(options);
  const connect: Connector = (wanted, done) => {
    connectBySocks(proxy, { host, port, lookup }, line).then(
      (socket) => {
        connection.isTunnelOpen = true;
        if (scheme === 'https') secure({ ...wanted, httpSocket: socket }, done);
        else done(null, socket);
      },
      (error: unknown) => done(error as Error, null),
    );
  };
  return new Client(`${scheme}://${authority.toLowerCase()}`, { connect: connection.watched(connect, false) });
}

/** undici throws errors for some answers: of a proxy that refuses a tunnel or requires a login, HTTP 101, and invalid statuses. */
function whatWentWrong(url: string, proxy: NamedProxy, connection: Connection, error: Error): unknown {
  const { title } = proxy;
  const { failure } = connection;
  const cause = failure?.error ?? error;
  // A request that cannot be written as HTTP. Its code is not enough: a proxy that requires a login causes the same one.
  if (/^invalid .* header$/.test(error.message)) return error;
  if (error.message === 'bad upgrade')
    return refusedByProxy(`${UNASKED_SWITCH.what}, through ${title}`, UNASKED_SWITCH.hint);
  const refused = /^Proxy (?:Authentication Required|response) \((\d+)\)/.exec(describeError(cause))?.[1];
  if (refused !== undefined) return proxyStatus(url, title, Number(refused));
  if (failure !== undefined) return failure.isBeyondProxy ? cause : notReached(title, cause);
  if (isAnsweredByProxy(proxy, url) || !connection.isEstablished) return notReached(title, cause);
  if (errnoOf(cause) !== 'ERR_ASSERTION') return cause;
  return refusedByProxy(`the answer has an invalid status, through ${title}`, UNASKED_SWITCH.hint);
}
