import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request as it came over the wire. */
export interface SeenRequest {
  readonly method: string;
  /** The request target byte for byte. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Milliseconds since the server was started. */
  readonly time: number;
}

export type Answer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Buffer;
      /** Breaks the connection off after this many bytes of the body. */
      readonly cutAfter?: number;
    }
  /** Closes the connection without a word. */
  | 'reset'
  /** Says nothing, for ever. */
  | 'silent';

export interface TestServer {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly SeenRequest[];
  /** What a proxy was asked to CONNECT to. */
  readonly tunnels: readonly string[];
  close(): Promise<void>;
}

/** As PEM text. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Says what to answer. @param count how many requests there were, this one included */
export type Answers = (request: SeenRequest, count: number) => Answer;

/** Starts a server on a free port of the loopback device. It also opens tunnels, so that it can serve as a proxy. */
export async function startServer(
  answers: Answers | Answer,
  tls?: Certificate,
  place: { readonly host?: string; readonly port?: number } = {},
): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const tunnels: string[] = [];
  const sockets = new Set<Duplex>();
  const begin = performance.now();
  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request: SeenRequest = {
      method: message.method ?? '',
      target: message.url ?? '',
      headers: message.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      time: performance.now() - begin,
    };
    requests.push(request);
    give(typeof answers === 'function' ? answers(request, requests.length) : answers, message, response);
  };
  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    handle(message, response).catch(() => message.socket.destroy());
  };
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('connect', (message: IncomingMessage, socket: Duplex) => {
    tunnels.push(message.url ?? '');
    const [host = '', port = ''] = (message.url ?? '').split(':');
    const there = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      there.pipe(socket).pipe(there);
    });
    sockets.add(there);
    there.on('error', () => socket.destroy());
    socket.on('error', () => there.destroy());
    socket.on('close', () => there.destroy());
  });
  await new Promise<void>((resolve) => server.listen(place.port ?? 0, place.host ?? '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    requests,
    tunnels,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function give(answer: Answer, message: IncomingMessage, response: ServerResponse): void {
  if (answer === 'silent') return;
  if (answer === 'reset') {
    message.socket.destroy();
    return;
  }
  const { status, headers = {}, body = '', cutAfter } = answer;
  const length = 'Transfer-Encoding' in headers ? {} : { 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, { ...length, ...headers });
  if (cutAfter === undefined) response.end(body);
  else response.write(Buffer.from(body).subarray(0, cutAfter), () => message.socket.destroy());
}

/** A port of the loopback device on which nothing listens, and which nobody is given who lets the system choose one. */
export async function unusedPort(): Promise<number> {
  const [lowest = ''] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/);
  for (;;) {
    const port = randomInt(10_000, Math.max(Number(lowest), 10_100));
    const isFree = await new Promise<boolean>((resolve) => {
      const probe = createNetServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
