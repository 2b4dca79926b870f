import { afterAll } from 'vitest';
import { binary } from './binary.ts';
import { type Answer, type Answers, type Certificate, startServer, type TestServer } from './http-server.ts';
import type { Ended, RunOptions } from './process.ts';
import { useMachine } from './use-machine.ts';

export interface SignalRig {
  /** Runs cfn-signal with `-i me`, without the proxies of whoever runs the tests. */
  signal(args: readonly string[], env?: Readonly<Record<string, string>>, options?: RunOptions): Promise<Ended>;
  /** Starts a server that ends with the tests of the file. */
  serve(answers: Answers | Answer, tls?: Certificate, place?: { readonly port: number }): Promise<TestServer>;
  /** A directory for files of the test. */
  directory(): string;
}

/** The path of a handle as heat-api-cfn hands it out. */
export const HANDLE =
  '/waitcondition/arn%3Aopenstack%3Aheat%3A%3A1a2b%3Astacks%2Fs%2F3c4d%2Fresources%2FWaitHandle' +
  '?Timestamp=2026-01-01T00%3A00%3A00Z&SignatureMethod=HmacSHA256&Signature=a%2Bb%2Fc%3D';

/** Call it at the top of a test file. */
export function useSignalRig(): SignalRig {
  const machine = useMachine();
  const servers: TestServer[] = [];
  afterAll(async () => {
    for (const server of servers) await server.close();
  });
  return {
    signal: (args, env = {}, options = {}) =>
      machine().run([binary('cfn-signal'), '-i', 'me', ...args], {
        ...options,
        env: { PATH: '/usr/bin:/bin', ...env },
      }),
    async serve(answers, tls, place) {
      const server = await startServer(answers, tls, place);
      servers.push(server);
      return server;
    },
    directory: () => machine().shared,
  };
}

/** What cfn-signal said on stderr, without the warnings that it tries again. */
export function withoutRetries(stderr: string): string {
  return stderr.replace(/^cfn-signal: warning: [^\n]+: trying again in \d+\.\d s, [^\n]+ in all\n/gm, '');
}
