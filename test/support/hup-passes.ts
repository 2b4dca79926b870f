import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach } from 'vitest';
import { binary } from './binary.ts';
import { described, KEY, SECRET, useHeatReplay } from './heat-replay.ts';
import type { Ended } from './process.ts';
import { isRoot, useSandbox } from './use-machine.ts';

export const CACHE = '/var/cache/heat-cfntools';
export const STATE = '/var/lib/cfn-hup';
export const LOG = '/var/log/cfn-hup.log';
/** Where actions leave a line for each run. */
export const ACTED = '/srv/acted';
/** An action that leaves the value before and now. */
export const NOTE = `echo "\${CFN_OLD_METADATA-none} -> \${CFN_NEW_METADATA-none}" >>${ACTED}`;
/** How a pass without a word ends. */
export const quiet = { code: 0, stdout: '', stderr: '' };

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };

export interface HookText {
  readonly triggers?: string;
  readonly path?: string;
  readonly action?: string;
  readonly runas?: string;
}

/** Passes of the built cfn-hup in a view that is new for each test, against a heat that says what the test wants. */
export function useHupPasses() {
  const machine = useSandbox({ network: 'shared' }, ['setpriv', 'flock', 'useradd']);
  const replay = useHeatReplay();

  beforeEach(async () => {
    if (!isRoot) return;
    await machine().run(`
      rm -rf ${CACHE} ${STATE} /run/cfn-hup /etc/cfn /var/log/cfn-* /srv; mkdir -p -m 1777 /srv
      grep -q '^worker:' /etc/passwd ||
        { groupadd -g 7001 extra; groupadd -g 7002 worker; useradd -u 7003 -g worker -G extra -d /home/worker worker; }`);
  });

  function put(path: string, content: string, mode = 0o600): void {
    mkdirSync(dirname(machine().path(path)), { recursive: true });
    writeFileSync(machine().path(path), content, { mode });
  }

  return {
    machine,
    replay,
    put,

    /** Writes cfn-hup.conf, with `main` as further lines, the hooks by their names, and the credentials. */
    configure(base: string, hooks: Readonly<Record<string, HookText>>, main: readonly string[] = []): void {
      put('/etc/cfn/key', `AWSAccessKeyId=${KEY}\nAWSSecretKey=${SECRET}\n`);
      put(
        '/etc/cfn/cfn-hup.conf',
        ['[main]', 'stack=s1', 'credential-file=/etc/cfn/key', `url=${base}`, ...main, ''].join('\n'),
      );
      const texts = Object.entries(hooks).map(
        ([name, { triggers = 'post.add, post.update', path = 'Resources.r.Metadata', action = NOTE, runas }]) =>
          [
            `[${name}]`,
            `triggers=${triggers}`,
            `path=${path}`,
            `action=${action}`,
            ...(runas ? [`runas=${runas}`] : []),
            '',
          ].join('\n'),
      );
      put('/etc/cfn/hooks.d/hooks.conf', texts.join('\n'));
    },

    /** Answers with each metadata in turn, the last one for ever. */
    telling: (...documents: readonly object[]) =>
      replay({ 's1/r': documents.map((document) => described(JSON.stringify(document))) }),
    hup: (...args: string[]): Promise<Ended> => machine().run([binary('cfn-hup'), ...args], { env: ENVIRONMENT }),
    /** The lines that actions have left. */
    acted: (): string[] => (machine().exists(ACTED) ? machine().read(ACTED).trimEnd().split('\n') : []),
    log: (): string => machine().read(LOG),
    modeOf: (path: string): number => statSync(machine().path(path)).mode & 0o7777,
    isAlive: async (pid: string): Promise<boolean> => (await machine().run(`kill -0 ${pid.trim()}`)).code === 0,
  };
}

export const result = ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr });
