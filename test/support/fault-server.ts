import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** One thing that a broken server does. */
export type Act =
  /** Sends bytes as they stand. */
  | { readonly send: string | Buffer }
  /** Sends a byte, waits, and so on. */
  | { readonly drip: string; readonly every: number }
  /** Sends that many bytes, as fast as they are taken. */
  | { readonly flood: number }
  /** Says nothing more, and keeps the connection. */
  | 'hang'
  /** Breaks the connection off, as a crash does. */
  | 'reset'
  /** Ends the connection in good order. */
  | 'close';

/** What the server does after a request. @param count how many requests there were, this one included */
export type Script = (count: number) => readonly Act[];

export interface FaultServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly requests: readonly { readonly head: string; readonly time: number }[];
  close(): Promise<void>;
}

const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** The head of an answer, with only these headers. */
export function head(status: number, headers: Readonly<Record<string, string | number>> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join('')}\r\n`;
}

/** A whole answer, in good order. */
export function answer(
  status: number,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): readonly [{ readonly send: string }, 'close'] {
  return [{ send: head(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }) + body }, 'close'];
}

/** Starts a server that speaks bytes, not HTTP, so that it can break every rule. On a free port of the loopback device. */
export async function startFaultServer(script: Script): Promise<FaultServer> {
  const requests: { head: string; time: number }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // the other side may go whenever it likes
    let received = '';
    const listen = (chunk: Buffer): void => {
      received += chunk.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      const length = Number(/^content-length: *(\d+)/im.exec(received)?.[1] ?? 0);
      if (end < 0 || received.length < end + 4 + length) return;
      socket.off('data', listen);
      socket.resume();
      requests.push({ head: received.slice(0, end), time: performance.now() });
      void play(socket, script(requests.length));
    };
    socket.on('data', listen);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function play(socket: Socket, acts: readonly Act[]): Promise<void> {
  for (const act of acts) {
    if (socket.destroyed) return;
    if (act === 'hang') return;
    if (act === 'close') socket.end();
    else if (act === 'reset') socket.resetAndDestroy();
    else if ('send' in act) await write(socket, act.send);
    else if ('drip' in act) {
      for (const byte of act.drip) {
        if (socket.destroyed) return;
        await write(socket, byte);
        await sleep(act.every);
      }
    } else {
      for (let left = act.flood; left > 0 && !socket.destroyed; left -= CHUNK.length)
        await write(socket, left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left));
    }
  }
}

/** Ends when the bytes are on their way, or nobody wants them any more. */
function write(socket: Socket, bytes: string | Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('close', done);
      resolve();
    };
    socket.once('close', done);
    if (socket.destroyed) done();
    else socket.write(bytes, done);
  });
}
