import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { openSandbox } from '../support/sandbox.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox();

describe('the view that the other tests work in', () => {
  test('shows what is changed in it, and this machine stays as it is', async () => {
    const before = readFileSync('/etc/passwd', 'utf8');
    await view().run(
      'cd /etc && echo new >cfntools-test && echo more >>passwd && echo guest >/proc/sys/kernel/hostname',
    );
    expect(view().read('/etc/cfntools-test')).toBe('new\n');
    expect(view().read('/etc/passwd')).toBe(`${before}more\n`);
    expect({ passwd: readFileSync('/etc/passwd', 'utf8'), isThere: existsSync('/etc/cfntools-test') }).toEqual({
      passwd: before,
      isThere: false,
    });
    expect(hostname()).not.toBe('guest');
  });

  test('has processes and a network of its own, and the built commands', async () => {
    expect((await view().run('ls -d /proc/[0-9]* | wc -l')).stdout.trim().length).toBe(1);
    expect((await view().run('tail -n +3 /proc/net/dev | cut -d: -f1')).stdout.trim()).toBe('lo');
    expect((await view().run([binary('cfn-init'), '--version'])).code).toBe(0);
    expect((await view().run(['touch', binary('cfn-init')])).code).not.toBe(0);
  });

  test('hands over exit codes, both outputs, and files of the shared directory', async () => {
    writeFileSync(join(view().shared, 'in'), 'from outside');
    const { code, stdout, stderr } = await view().run('cat in; cp in out; echo oops >&2; exit 7', {
      cwd: view().shared,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: 'from outside', stderr: 'oops\n' });
    expect(readFileSync(join(view().shared, 'out'), 'utf8')).toBe('from outside');
  });

  test('takes everything that runs in it along when it is closed', async () => {
    const other = await openSandbox();
    const { stdout } = await other.run('setsid sleep 300 >/dev/null 2>&1 </dev/null & readlink /proc/self/ns/pid');
    expect(runningIn(stdout.trim())).toBeGreaterThan(1);
    await other.close();
    expect({ running: runningIn(stdout.trim()), shared: existsSync(other.shared) }).toEqual({
      running: 0,
      shared: false,
    });
  });
});

/** How many processes are in a namespace. */
function runningIn(namespace: string): number {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/pid`) === namespace;
    } catch {
      return false; // it has just ended
    }
  }).length;
}
