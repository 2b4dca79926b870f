import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { connect, isIP } from 'node:net';
import { Problem } from '../../errors.ts';
import { serverOf, splitUrl, withoutBrackets } from '../../url.ts';
import { handOver, type Line, loginOf, type Outgoing, type Receiver, UNASKED_SWITCH } from './line.ts';

/** Sends a request by Node's own http, which costs a tenth of undici to load (see Transfer in line.ts). */
export async function transferDirectly(outgoing: Outgoing, receiver: Receiver, line: Line): Promise<void> {
  const sent = await openRequest(outgoing);
  const isSecure = splitUrl(outgoing.url).scheme === 'https';
  sent.once('socket', (socket) => socket.once(isSecure ? 'secureConnect' : 'connect', () => receiver.connected?.()));
  await receive(line.keep(sent), outgoing, receiver);
}

/** Begins a request on a connection of its own: an agent would keep the connection for a next request, and there is none. */
async function openRequest({ url, method, headers, body, tls, lookup }: Outgoing): Promise<ClientRequest> {
  const { scheme, host: bracketed, port, authority, target } = splitUrl(url);
  const host = withoutBrackets(bracketed);
  const options = {
    host,
    port,
    method,
    path: target,
    headers: {
      Host: authority,
      ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
      ...loginOf(url),
      ...headers,
    },
  };
  const resolver = lookup === undefined ? {} : { lookup };
  if (scheme === 'http')
    return requestPlain({ ...options, createConnection: () => connect({ host, port, ...resolver }) });
  // biome-ignore lint/plugin: TLS costs 10 ms of CPU to load, and import() would load the loader of modules besides.
  const { request: requestSecure } = process.getBuiltinModule('node:https');
  // An address is not a server name (RFC 6066 section 3).
  const servername = isIP(host) === 0 ? host : '';
  return requestSecure({ ...options, ...resolver, ...(await tls()), servername, agent: false });
}

function unaskedSwitch(url: string): Problem {
  const { what, hint } = UNASKED_SWITCH;
  return new Problem(what, { where: serverOf(url), hint });
}

function receive(sent: ClientRequest, { url, body }: Outgoing, receiver: Receiver): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    const fail = (error: unknown): void => {
      // Bytes after a complete answer are not part of it (RFC 9112 section 6.3).
      if (answer?.complete !== true) reject(error);
    };
    const brokenOff = (): void => fail(new Error('the connection was closed before the answer was complete'));
    const proceed = (wantsMore: () => boolean): void =>
      handOver(wantsMore, { resolve, reject, stop: () => answer?.destroy() });
    sent.on('error', fail);
    sent.on('close', () => {
      if (answer === undefined) brokenOff();
    });
    // Without a listener, Node closes the connection and reports nothing.
    sent.on('upgrade', () => reject(unaskedSwitch(url)));
    sent.on('response', (message: IncomingMessage) => {
      answer = message;
      message.on('data', (chunk: Buffer) => proceed(() => receiver.piece(chunk)));
      message.on('end', resolve);
      message.on('error', fail);
      message.on('close', brokenOff);
      proceed(() => receiver.head(message.statusCode ?? 0, message.headers));
    });
    sent.end(body);
  });
}
