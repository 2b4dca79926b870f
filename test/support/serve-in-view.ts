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
  /** A header in lower case and its value, without which the answer is a 401. */
  readonly needs?: readonly [name: string, value: string];
}

/** 'silent' says nothing, for ever. The key '*' stands for all paths that have no answer of their own. */
export type ViewAnswers = Readonly<Record<string, ViewAnswer | 'silent'>>;

export interface ViewServer {
  /** The lines `METHOD TARGET BODY` so far. */
  requests(): readonly string[];
  close(): Promise<void>;
}

/** Starts a server in a view; it ends with the view at the latest. */
export async function serveInView(
  machine: Machine,
  answers: ViewAnswers,
  { host = '127.0.0.1', port = 8080 } = {},
): Promise<ViewServer> {
  const log = `/run/server-${host}-${port}.log`;
  const program = [process.execPath, fileURLToPath(import.meta.url), host, String(port), JSON.stringify(answers), log];
  const start = `rm -f '${log}'; setsid "$@" </dev/null >/run/server.out 2>&1 & echo $!; disown`;
  const { stdout: pid } = await machine.run(['/bin/bash', '-c', start, 'server', ...program]);
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
    close: async () => {
      await machine.run(`kill ${pid.trim()}; while kill -0 ${pid.trim()} 2>/dev/null; do sleep 0.02; done`);
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [host = '', port = '', answers = '{}', log = ''] = process.argv.slice(2);
  const table = JSON.parse(answers) as ViewAnswers;
  await startServer(
    ({ method, target, headers: given, body: sent }) => {
      appendFileSync(log, `${method} ${target} ${sent}\n`);
      const answer = table[target] ?? table['*'] ?? { status: 404 };
      if (answer === 'silent') return 'silent';
      const { status, headers = {}, body = '', needs } = answer;
      if (needs !== undefined && given[needs[0]] !== needs[1]) return { status: 401 };
      return { status, headers, body: typeof body === 'string' ? body : readFileSync(body.file) };
    },
    undefined,
    { host, port: Number(port) },
  );
  writeFileSync(log, '');
}
