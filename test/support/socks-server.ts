import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What a SOCKS5 server does in place of its work. */
export type SocksFault =
  | 'hang'
  | 'close'
  /** Closes after the login. */
  | 'close late'
  | 'garbage'
  | 'no method'
  /** Answers the request with this code (RFC 1928 section 6). */
  | number;

export interface SocksServer {
  readonly port: number;
  /** What was asked for: `[USER:PASSWORD@]TYPE HOST:PORT`, where the type is ipv4, ipv6 or name. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

const KINDS = ['', 'ipv4', '', 'name', 'ipv6'];

/**
 * Starts a SOCKS5 server (RFC 1928, 1929) on a free port of the loopback device. Whatever it is asked for, it connects to a
 * port of the loopback device.
 * @param login wanted as `USER:PASSWORD`
 */
export async function startSocksServer(to: number, login?: string, fault?: SocksFault): Promise<SocksServer> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const serve = async (socket: Socket): Promise<void> => {
    const bytes = reader(socket);
    const methods = await bytes((await bytes(2))[1] ?? 0);
    if (fault === 'hang') return;
    if (fault === 'close') return void socket.end();
    if (fault === 'garbage') return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    const method = login === undefined ? 0 : 2;
    if (fault === 'no method' || !methods.includes(method)) return void socket.end(Buffer.of(5, 0xff));
    socket.write(Buffer.of(5, method));
    let given = '';
    if (login !== undefined) {
      const text = async (): Promise<string> => (await bytes((await bytes(1))[0] ?? 0)).toString();
      await bytes(1);
      given = `${await text()}:${await text()}`;
      socket.write(Buffer.of(1, given === login ? 0 : 1));
      if (given !== login) return void socket.end();
      given += '@';
    }
    const [, , , kind = 0] = await bytes(4);
    const address = await bytes(kind === 3 ? ((await bytes(1))[0] ?? 0) : kind === 4 ? 16 : 4);
    const host = kind === 3 ? address.toString() : kind === 4 ? address.toString('hex') : address.join('.');
    asked.push(`${given}${KINDS[kind]} ${host}:${(await bytes(2)).readUInt16BE()}`);
    if (fault === 'close late') return void socket.end();
    // By drops, and with a name for an address, as the protocol allows.
    socket.write(Buffer.of(5));
    socket.write(Buffer.of(typeof fault === 'number' ? fault : 0, 0, 3, 2, 0x61));
    socket.write(Buffer.of(0x62, 0, 80));
    if (typeof fault === 'number') return void socket.end();
    // Nothing comes before the answer, so nothing is kept.
    socket.removeAllListeners('data');
    const there = connect(to, '127.0.0.1');
    sockets.add(there);
    there.on('error', () => socket.destroy());
    socket.on('close', () => there.destroy());
    there.pipe(socket).pipe(there);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Reads so many bytes, once they are there. */
function reader(socket: Socket): (count: number) => Promise<Buffer> {
  let kept = Buffer.alloc(0);
  let more = (): void => undefined;
  const listen = (chunk: Buffer): void => {
    kept = Buffer.concat([kept, chunk]);
    more();
  };
  socket.on('data', listen);
  return async (count) => {
    while (kept.length < count)
      await new Promise<void>((resolve, reject) => {
        more = resolve;
        socket.once('close', reject);
      });
    const taken = kept.subarray(0, count);
    kept = kept.subarray(count);
    return taken;
  };
}
