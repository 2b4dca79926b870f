/**
 * A server for a view with a network of its own: `serve-in-view.ts HOST PORT ANSWERS LOG`. ANSWERS is JSON: an answer
 * for each path, whose body may be a `{"file": PATH}`. Writes a line `METHOD TARGET BODY` to LOG for each request.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startServer } from './http-server.ts';
import type { Machine } from './sandbox.ts';

export interface ViewAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | { readonly file: string };
}

export interface ViewServer {
  /** The lines `METHOD TARGET BODY` so far. */
  requests(): readonly string[];
}

/** Starts a server in a view; it ends with the view. */
export async function serveInView(
  machine: Machine,
  answers: Readonly<Record<string, ViewAnswer>>,
  { host = '127.0.0.1', port = 8080 } = {},
): Promise<ViewServer> {
  const log = `/run/server-${host}-${port}.log`;
  const program = [process.execPath, fileURLToPath(import.meta.url), host, String(port), JSON.stringify(answers), log];
  await machine.run(['/bin/bash', '-c', 'setsid "$@" </dev/null >/run/server.out 2>&1 & disown', 'server', ...program]);
  for (let waited = 0; !machine.exists(log); waited += 50) {
    if (waited > 10_000) throw new Error(`no server in the view: ${machine.read('/run/server.out')}`);
    await sleep(50);
  }
  return {
    requests: () =>
      machine
        .read(log)
        .split('\n')
        .filter((line) => line !== ''),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [host = '', port = '', answers = '{}', log = ''] = process.argv.slice(2);
  const table = JSON.parse(answers) as Record<string, ViewAnswer>;
  await startServer(
    ({ method, target, body: sent }) => {
      appendFileSync(log, `${method} ${target} ${sent}\n`);
      const { status, headers = {}, body = '' } = table[target] ?? { status: 404 };
      return { status, headers, body: typeof body === 'string' ? body : readFileSync(body.file) };
    },
    undefined,
    { host, port: Number(port) },
  );
  writeFileSync(log, '');
}
