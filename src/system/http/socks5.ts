import { lookup } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { codeOf } from '../../errors.ts';
import { withoutBrackets } from '../../url.ts';
import type { Line } from './line.ts';
import type { NamedProxy } from './proxy.ts';
import { notReached, refusedByProxy, transientFault } from './proxy-fault.ts';

const VERSION = 5;
const NO_LOGIN = 0;
const BY_PASSWORD = 2;
const NO_METHOD = 0xff;
const LONGEST_TEXT = 255;
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** Replies of RFC 1928 section 6 after which another attempt may succeed. */
const TRANSIENT: Readonly<Record<number, string>> = {
  1: 'general failure',
  3: 'the network is unreachable',
  4: 'the host is unreachable, or its name unknown',
  5: 'nothing listens there',
  6: 'the route is too long',
};
const FINAL: Readonly<Record<number, string>> = {
  2: 'its rules do not allow it',
  7: 'it does not support connections',
  8: 'it does not support this kind of address; socks5h:// sends it the name',
};

interface Target {
  /** An IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number;
  /** Replaces the name lookup of the machine. */
  readonly lookup: LookupFunction | undefined;
}

/**
 * Opens a connection through a SOCKS5 proxy (RFC 1928, and RFC 1929 for the login). docs/dev/decisions.md says why this is not
 * undici's own client.
 * @throws ProxyFaultError
 */
export async function connectBySocks(proxy: NamedProxy, target: Target, line: Line): Promise<Socket> {
  const { title, scheme, login } = proxy;
  const socket = line.keep(connect({ host: withoutBrackets(proxy.host), port: proxy.port }));
  // Without a listener an error would end the process. The promise that waits for bytes gets the error as well.
  socket.on('error', () => undefined);
  const reader = new Reader(socket);
  try {
    await untilEvent(socket, 'connect');
    socket.setNoDelay(true);
    await logIn(socket, reader, title, login);
  } catch (error) {
    throw notReached(title, error);
  }
  const address = scheme === 'socks5' ? await addressOf(target) : target.host;
  try {
    socket.write(Buffer.concat([Buffer.of(VERSION, 1, 0), encodedAddress(address), portBytes(target.port)]));
    const [version, reply = 0, , kind] = await reader.take(4);
    if (version !== VERSION) throw notSocks(title);
    if (reply in FINAL) throw refusedByProxy(`${title} refused the connection to ${target.host}`, FINAL[reply] ?? '');
    if (reply !== 0)
      throw transientFault(
        `${title} did not reach port ${target.port} of ${target.host}: ${TRANSIENT[reply] ?? `its reply is ${reply}`}`,
      );
    const length = kind === ADDRESS.ipv4 ? 4 : kind === ADDRESS.ipv6 ? 16 : ((await reader.take(1))[0] ?? 0);
    await reader.take(length + 2);
    reader.release();
    return socket;
  } catch (error) {
    throw notReached(title, error);
  }
}

async function logIn(socket: Socket, reader: Reader, title: string, login: NamedProxy['login']): Promise<void> {
  const methods = login === undefined ? [NO_LOGIN] : [NO_LOGIN, BY_PASSWORD];
  socket.write(Buffer.of(VERSION, methods.length, ...methods));
  const [version, method] = await reader.take(2);
  if (version !== VERSION) throw notSocks(title);
  if (method === NO_LOGIN) return;
  if (method === NO_METHOD || method !== BY_PASSWORD || login === undefined)
    throw refusedByProxy(
      `${title} requires a login`,
      login === undefined ? 'set a user and a password in its URL' : 'it does not accept a user and a password',
    );
  const [user, password] = [Buffer.from(login.user), Buffer.from(login.password)];
  if (user.length > LONGEST_TEXT || password.length > LONGEST_TEXT)
    throw refusedByProxy(`${title} cannot take the login`, `user and password have ${LONGEST_TEXT} bytes at most`);
  socket.write(Buffer.concat([Buffer.of(1, user.length), user, Buffer.of(password.length), password]));
  const [, status] = await reader.take(2);
  if (status !== 0) throw refusedByProxy(`${title} does not accept the login`, 'check the user and the password');
}

function notSocks(title: string): Error {
  return refusedByProxy(`${title} does not speak SOCKS version 5`, 'is its scheme http://?');
}

/** The address of a host, IPv4 if possible, because most of these proxies support it. @throws ProxyFaultError for an unknown name */
async function addressOf({ host, lookup: own = lookup }: Target): Promise<string> {
  if (isIP(host) !== 0) return host;
  return new Promise((resolve, reject) => {
    own(host, { order: 'ipv4first' }, (error, found) => {
      const address = typeof found === 'string' ? found : found?.[0]?.address;
      // The lookup of the caller refused it, with a reason.
      if (codeOf(error) === 'CFN_REDIRECT_LOCAL') reject(error);
      else if (error !== null || address === undefined)
        reject(transientFault('the host name is unknown here; a proxy with socks5h:// looks it up itself', error));
      else resolve(address);
    });
  });
}

function encodedAddress(host: string): Buffer {
  const family = isIP(host);
  if (family === 4) return Buffer.of(ADDRESS.ipv4, ...host.split('.').map(Number));
  if (family === 6) return Buffer.concat([Buffer.of(ADDRESS.ipv6), ipv6Bytes(host)]);
  const name = Buffer.from(host);
  return Buffer.concat([Buffer.of(ADDRESS.name, name.length), name]);
}

/** @param address as `new URL()` or getaddrinfo writes it; it may end with an IPv4 address */
function ipv6Bytes(address: string): Buffer {
  const plain = (URL.parse(`http://[${address.replace(/%.*$/, '')}]/`)?.hostname ?? '').slice(1, -1);
  const [front = '', back] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(front), groups(back ?? '')];
  const all = [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last];
  return Buffer.concat(all.map((group) => portBytes(Number.parseInt(group, 16))));
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff);
}

/** Reads the answers of a proxy in pieces. */
class Reader {
  readonly #socket: Socket;
  #kept: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The next bytes. @throws the error that broke the connection */
  async take(count: number): Promise<Buffer> {
    while (this.#kept.length < count) {
      // Reads everything: a stream with remaining bytes would emit `readable` forever.
      const chunk = this.#socket.read() as Buffer | null;
      if (chunk !== null) this.#kept = Buffer.concat([this.#kept, chunk]);
      else if (this.#socket.readableEnded || this.#socket.destroyed) throw closed();
      else await untilEvent(this.#socket, 'readable');
    }
    const taken = this.#kept.subarray(0, count);
    this.#kept = this.#kept.subarray(count);
    return taken;
  }

  /** Leaves the rest to the next reader. */
  release(): void {
    if (this.#kept.length > 0) this.#socket.unshift(this.#kept);
  }
}

function untilEvent(socket: Socket, event: 'connect' | 'readable'): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (end: () => void) => () => {
      for (const name of [event, 'end', 'close']) socket.off(name, name === event ? good : bad);
      socket.off('error', failed);
      end();
    };
    const good = done(resolve);
    const bad = done(() => reject(closed()));
    const failed = (error: Error): void => done(() => reject(error))();
    socket.once(event, good);
    socket.once('end', bad);
    socket.once('close', bad);
    socket.once('error', failed);
  });
}

function closed(): Error {
  return Object.assign(new Error('closed'), { code: 'ECONNRESET' });
}
