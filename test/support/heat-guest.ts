import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { binary } from './binary.ts';
import { KEY, SECRET, useHeatReplay } from './heat-replay.ts';
import type { Ended, RunOptions } from './process.ts';
import { useSandbox } from './use-machine.ts';

export const CACHE = '/var/cache/heat-cfntools';
export const BOOT = '/var/lib/heat-cfntools';
/** Where older images have the second copy of what the guest was given at boot. */
export const OLD_BOOT = '/var/lib/cloud/data';
export const METADATA =
  '{"AWS::CloudFormation::Init": {"config": {"commands": {"01": {"command": "echo ran >> /ran"}}}}, "custom": {"greeting": "hello-v1", "2": 1.0, "1": 12345678901234567890}}';
export const KEYS = ['--access-key', KEY, '--secret-key', SECRET];

export const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };

/** cfn-get-metadata and cfn-init in a view that is new for each test, against a heat that says what the test wants. */
export function useHeatGuest() {
  const machine = useSandbox({ network: 'shared' });
  const replay = useHeatReplay();

  beforeEach(async () => {
    await machine().run(
      `rm -rf ${CACHE} ${BOOT} ${OLD_BOOT} /etc/cfn /var/log/cfn-* /ran /came-from; mkdir -p ${BOOT}`,
    );
  });

  return {
    machine,
    replay,
    put(path: string, content: string, mode = 0o600): void {
      mkdirSync(dirname(machine().path(path)), { recursive: true });
      writeFileSync(machine().path(path), content);
      chmodSync(machine().path(path), mode);
    },
    get: (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
      machine().run([binary('cfn-get-metadata'), ...args], { env: ENVIRONMENT, ...options }),
    init: (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
      machine().run([binary('cfn-init'), ...args], { env: ENVIRONMENT, ...options }),
  };
}

export const result = ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr });

/** The arguments that ask for a resource. */
export const of = (resource: string, base?: string): string[] => [
  ...['-s', 's1', '-r', resource, ...KEYS],
  ...(base === undefined ? [] : ['--url', base]),
];

/** The one line of an error, behind the name of the command. */
export const failure = (said: RegExp) => ({ code: 1, stdout: '', stderr: expect.stringMatching(said) });
