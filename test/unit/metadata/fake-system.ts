import { Problem } from '../../../src/errors.ts';
import { createLog, type Log } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import type { HttpRequest, HttpResponse } from '../../../src/system/http/http.ts';
import type { System } from '../../../src/system/system.ts';
import { machineDoors } from '../machine-doors.ts';
import { temporaryRoot, us } from '../temporary-root.ts';

/** What a path answers: a body with 200, a status, nothing at all, or one after the other. */
export type Reply = string | number | 'no answer' | readonly Reply[];

export interface FakeGuest {
  readonly system: System;
  readonly log: Log;
  /** `METHOD PATH [token]` of each request, in order. */
  readonly asked: readonly string[];
  /** Lines of the log. */
  readonly said: readonly string[];
  /** Milliseconds that have passed on its clock. */
  passed(): number;
  write(path: string, text: string): void;
  read(path: string): string | undefined;
}

/**
 * A guest with real files below a directory of its own, a metadata service that replies by path, no other programs, and
 * a clock that moves on only while somebody waits.
 */
export function fakeGuest(replies: Readonly<Record<string, Reply>>): FakeGuest {
  const { files } = temporaryRoot();
  const asked: string[] = [];
  const said: string[] = [];
  const counts = new Map<string, number>();
  let time = 0;
  const respond = (reply: Reply | undefined, { timeout }: HttpRequest, count: number): HttpResponse => {
    const now = Array.isArray(reply) ? (reply[Math.min(count, reply.length - 1)] as Reply) : reply;
    if (now === undefined) return { status: 404, headers: {}, body: '<html><h1>404 Not Found</h1></html>' };
    if (typeof now === 'number') return { status: now, headers: {}, body: '<html>in trouble</html>' };
    if (now !== 'no answer') return { status: 200, headers: {}, body: String(now) };
    time += timeout;
    throw new Problem('no answer', { where: 'http://169.254.169.254' });
  };
  const nothing = (): never => {
    throw new Error('not expected');
  };
  return {
    asked,
    said,
    system: {
      files,
      http: {
        async exchange(request) {
          if (!request.url.startsWith('http://169.254.169.254/')) return nothing();
          const path = request.url.slice('http://169.254.169.254'.length);
          const key = `${request.method === 'GET' ? '' : `${request.method} `}${path}`;
          const token = request.headers['X-aws-ec2-metadata-token'];
          asked.push([request.method, path, ...(token === undefined ? [] : [token])].join(' '));
          const count = counts.get(key) ?? 0;
          counts.set(key, count + 1);
          return respond(replies[key], request, count);
        },
        download: nothing,
      },
      exec: { find: () => undefined, tool: nothing, query: nothing, command: nothing },
      accounts: {} as System['accounts'],
      clock: {
        now: () => new Date(time),
        elapsed: () => time,
        sleep: async (milliseconds) => {
          time += milliseconds;
        },
        random: () => 0.5,
      },
      environment: {},
      self: us,
      ...machineDoors(),
    },
    log: createLog(new Redactor(), [{ write: (level, text) => said.push(`${level} ${text}`) }]),
    passed: () => time,
    write: (path, text) => files.write(path, Buffer.from(text), { mode: 0o600, ...us }),
    read: (path) => files.readIfPresent(path)?.toString('utf8'),
  };
}
