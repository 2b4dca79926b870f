import { createHash } from 'node:crypto';
import { Problem } from '../../../src/errors.ts';
import type { Hook, HookPath, Trigger } from '../../../src/hup/hooks.ts';
import { createPassMemory, type PassMemory, type PassResult, runPass } from '../../../src/hup/pass.ts';
import type { HupConfig, HupSettings } from '../../../src/hup/settings.ts';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import type { FileSystem } from '../../../src/system/files/file-system.ts';
import { createExec } from '../../../src/system/programs/door.ts';
import type { System } from '../../../src/system/system.ts';
import { machineDoors } from '../machine-doors.ts';
import { temporaryRoot, us } from '../temporary-root.ts';

/** What Heat says of a resource: metadata as JSON text, with a status if need be; or a fault. */
export type Telling =
  | string
  | { readonly metadata: string; readonly status: string }
  | { readonly retryAfter: number }
  | 'unreachable'
  | 'refused'
  /** By Heat's policy, to all guests. */
  | 'forbidden';

const FORBIDDEN =
  '<ErrorResponse><Error><Code>AccessDenied</Code><Message>User is not authorized to perform action:Action DescribeStackResource not allowed for user</Message></Error></ErrorResponse>';

export interface HookOptions {
  readonly name?: string;
  readonly file?: string;
  readonly triggers?: readonly Trigger[];
  readonly resource?: string;
  readonly keys?: readonly string[];
  readonly kind?: HookPath['kind'];
  readonly action?: string;
  readonly runas?: string;
}

export interface World {
  readonly root: string;
  readonly files: FileSystem;
  readonly system: System;
  readonly said: string[];
  /** By resource; may be changed. */
  readonly heat: Record<string, Telling>;
  /** Resources that were asked for, in order. */
  readonly asked: string[];
  pass(
    hooks: readonly Hook[],
    settings?: Partial<HupSettings>,
    /** isAnew: by a process that remembers nothing of passes before. */
    options?: { readonly isStopping?: () => boolean; readonly isAnew?: boolean },
  ): Promise<PassResult>;
  /** The lines that actions left in the file `acted`. */
  acted(): string[];
  write(path: string, text: string): void;
  read(path: string): string | undefined;
  /** Sets the clock on. */
  wait(milliseconds: number): void;
}

export const SETTINGS: HupSettings = {
  stack: 's1',
  credentialFile: undefined,
  role: undefined,
  region: undefined,
  url: 'http://127.0.0.1:1/v1/',
  umask: 0o022,
  interval: 60_000,
  verbose: false,
  maxAttempts: 10,
  actionTimeout: 30_000,
  stopTimeout: 60_000,
  configSets: [],
};

export const MAIN = '/etc/cfn/cfn-hup.conf';

/** Where the state of a hook of hookIn is kept. */
export function stateFileOf(name = 'h', file = '/etc/cfn/hooks.conf'): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([MAIN, file, name]))
    .digest('hex')
    .slice(0, 16);
  return `/var/lib/cfn-hup/${name}@${digest}.json`;
}

/** A guest with real files below a directory of its own, a real shell, and a Heat that says what it is told to. */
export function createWorld(): World {
  const { root, files } = temporaryRoot();
  const said: string[] = [];
  const asked: string[] = [];
  const heat: Record<string, Telling> = {};
  const environment = { PATH: process.env['PATH'], AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'a-secret-key' };
  let time = Date.parse('2026-11-22T12:00:00Z');
  const answer = (url: string): { status: number; headers: object; body: string } => {
    const resource = new URL(url).searchParams.get('LogicalResourceId') ?? '';
    asked.push(resource);
    const telling = heat[resource] ?? 'refused';
    if (telling === 'unreachable') throw new Problem('no answer', { code: 'CFN_SERVER_UNTRUSTED', where: 'heat' });
    if (telling === 'refused') return { status: 403, headers: {}, body: '<Error><Code>AccessDenied</Code></Error>' };
    if (telling === 'forbidden') return { status: 403, headers: {}, body: FORBIDDEN };
    if (typeof telling === 'object' && 'retryAfter' in telling)
      return { status: 503, headers: { 'retry-after': String(telling.retryAfter) }, body: '' };
    const { metadata, status } =
      typeof telling === 'string' ? { metadata: telling, status: 'CREATE_COMPLETE' } : telling;
    const detail = `{"LogicalResourceId": "${resource}", "PhysicalResourceId": "id-of-${resource}", "LastUpdatedTimestamp": "2026-11-22T07:02:54Z", "ResourceStatus": "${status}", "Metadata": ${metadata}}`;
    const body = `{"DescribeStackResourceResponse": {"DescribeStackResourceResult": {"StackResourceDetail": ${detail}}}}`;
    return { status: 200, headers: {}, body };
  };
  const system: System = {
    files,
    exec: createExec({ PATH: process.env['PATH'] }),
    http: {
      exchange: async ({ url }) => answer(url) as Awaited<ReturnType<System['http']['exchange']>>,
      download: async () => {
        throw new Error('not expected');
      },
    },
    accounts: {
      user: async (name: string) => (name === 'me' ? { name, ...us, home: '/home/me' } : undefined),
      gidsOf: async () => [us.gid],
    } as unknown as System['accounts'],
    clock: {
      now: () => new Date(time),
      elapsed: () => time,
      sleep: async (milliseconds) => {
        time += milliseconds;
      },
      random: () => 0.5,
    },
    environment,
    self: us,
    ...machineDoors(),
  };
  const redactor = new Redactor();
  const log = createLog(redactor, [{ write: (level, text) => said.push(`${level} ${text}`) }]);
  const memory: PassMemory = createPassMemory();
  const read = (path: string): string | undefined => files.readIfPresent(path)?.toString('utf8');
  return {
    root,
    files,
    system,
    said,
    heat,
    asked,
    pass: (hooks, settings = {}, { isStopping = () => false, isAnew = false } = {}) => {
      const found = {
        hooks,
        main: hooks[0]?.origin.main ?? MAIN,
        files: hooks.map(({ origin }) => origin.file),
        problems: [],
        warnings: [],
      };
      const config: HupConfig = { settings: { ...SETTINGS, ...settings }, ...found };
      const readSecretFile = (): never => {
        throw new Error('not expected');
      };
      return runPass(config, { system, log, redactor, readSecretFile }, isAnew ? createPassMemory() : memory, {
        isStopping,
      });
    },
    acted: () => (read('/acted') ?? '').split('\n').filter((line) => line !== ''),
    write: (path, text) => files.write(path, Buffer.from(text), { mode: 0o600, ...us }),
    read,
    wait: (milliseconds) => {
      time += milliseconds;
    },
  };
}

/** A hook of the world, whose action notes the values by default. */
export function hookIn({ root }: World, wanted: HookOptions = {}): Hook {
  const { name = 'h', triggers = ['post.add', 'post.update'], resource = 'r', keys = [], kind = 'metadata' } = wanted;
  const { file = '/etc/cfn/hooks.conf' } = wanted;
  const note = `echo "\${CFN_OLD_METADATA-none} -> \${CFN_NEW_METADATA-none}" >>${root}/acted`;
  const rest = { metadata: '.Metadata', 'physical-id': '.PhysicalResourceId', 'last-updated': '' }[kind];
  const text = [`Resources.${resource}${rest}`, ...keys].join('.');
  return {
    name,
    file,
    origin: { main: MAIN, file },
    triggers,
    path: { text, resource, kind, keys },
    action: wanted.action?.replaceAll('ROOT', root) ?? note,
    runas: wanted.runas ?? 'me',
  };
}
