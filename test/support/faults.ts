import { afterAll, beforeEach } from 'vitest';
import { type Certificates, makeCertificates } from './certificates.ts';
import { type FaultServer, head, type Script, startFaultServer } from './fault-server.ts';
import { type Answer, startServer, type TestServer } from './http-server.ts';
import { isInstalled } from './use-machine.ts';

/** Bytes; more than anybody has use for. */
export const BIG = 100 * 1024 * 1024;

/** An answer of 100 MB. */
export const flood =
  (status: number): Script =>
  () => [{ send: head(status, { 'Content-Length': BIG }) }, { flood: BIG }, 'close'];

/** What a broken server does each time. */
export const faults = {
  'reset before the answer': () => ['reset'],
  'closed before the answer': () => ['close'],
  'reset in the body': () => [{ send: `${head(200, { 'Content-Length': 1000 })}half` }, 'reset'],
  'stall before the head': () => ['hang'],
  'stall in the head': () => [{ send: 'HTTP/1.1 200 OK\r\nContent-Le' }, 'hang'],
  'stall after the head': () => [{ send: head(200, { 'Content-Length': 1000 }) }, 'hang'],
  'a head by drops': () => [{ drip: head(200, { 'X-Long': 'x'.repeat(10_000) }), every: 50 }, 'close'],
  'a body by drops': () => [
    { send: head(200, { 'Content-Length': 10_000 }) },
    { drip: 'x'.repeat(10_000), every: 50 },
    'close',
  ],
  'a length too short': () => [{ send: `${head(200, { 'Content-Length': 5 })}0123456789` }, 'close'],
  'a length too long': () => [{ send: `${head(200, { 'Content-Length': 1000 })}0123456789` }, 'close'],
  'a length that is none': () => [{ send: `${head(200, { 'Content-Length': 'many' })}0123456789` }, 'close'],
  '101': () => [{ send: head(101, { Connection: 'Upgrade', Upgrade: 'websocket' }) }, 'hang'],
  'two lengths': () => [{ send: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n0123456' }, 'close'],
  'a bad chunk': () => [{ send: `${head(200, { 'Transfer-Encoding': 'chunked' })}4\r\nhalf\r\nzz\r\n` }, 'close'],
  'no HTTP': () => [{ send: 'SSH-2.0-OpenSSH_9.2\r\n' }, 'close'],
  'a head without end': () => [{ send: 'HTTP/1.1 200 OK\r\nX: ' }, { flood: BIG }, 'close'],
  'a body without end': () => [{ send: head(200) }, { flood: 10 * BIG }, 'close'],
} satisfies Readonly<Record<string, Script>>;

export type FaultName = keyof typeof faults;

/** Certificates that must not be trusted, whether their CA is known, and what is said of them. */
export const badCertificates: readonly [
  what: string,
  certificate: Exclude<keyof Certificates, 'caFile'>,
  knowsCa: boolean,
  words: RegExp,
][] = [
  ['expired', 'expired', true, /has expired/],
  ['for another host', 'otherHost', true, /is for another host/],
  ['of an unknown CA', 'signed', false, /unknown CA/],
  ['of a client', 'ofClient', true, /is not a server certificate/],
  ['signed by itself', 'selfSigned', false, /self-signed/],
];

export interface FaultRig {
  /** Starts a server that breaks the rules. */
  breaking(script: Script): Promise<FaultServer>;
  /** Starts a server that breaks none, with a certificate. */
  secure(certificate: Exclude<keyof Certificates, 'caFile'>, answer?: Answer): Promise<TestServer>;
  /** PATH, and the certificates that are trusted. */
  environment(knowsCa?: boolean): Record<string, string>;
}

/**
 * Servers that end with the tests of the file; the tests are skipped where openssl or python3 (to measure) is missing.
 * @param directory of the test, for certificates
 */
export function useFaults(directory: () => string): FaultRig {
  const servers: { close(): Promise<void> }[] = [];
  let made: Certificates | undefined;
  const certificates = (): Certificates => {
    made ??= makeCertificates(directory());
    return made;
  };
  beforeEach((context) => {
    const missing = ['openssl', 'python3'].filter((tool) => !isInstalled(tool));
    if (missing.length > 0) context.skip(`needs ${missing.join(', ')}`);
  });
  afterAll(async () => {
    for (const server of servers) await server.close();
  });
  return {
    async breaking(script) {
      const server = await startFaultServer(script);
      servers.push(server);
      return server;
    },
    async secure(certificate, answer = { status: 200, body: 'x' }) {
      const server = await startServer(answer, certificates()[certificate]);
      servers.push(server);
      return server;
    },
    environment: (knowsCa = false) => ({
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      ...(knowsCa ? { SSL_CERT_FILE: certificates().caFile } : {}),
    }),
  };
}

/** One line on stderr with these words. */
export function oneLine(command: string, words: RegExp): RegExp {
  return new RegExp(`^${command}: [^\\n]*${words.source}[^\\n]*\\n$`);
}
