import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../support/process.ts';
import { allPassed, useImages } from './use-images.ts';

const images = useImages();
const TIMEOUT = 300_000;

describe('the root directory of the image, booted in a container', () => {
  test.each([
    { source: 'metadata', user: [] },
    { source: 'config-drive', user: ['--user', 'ec2-user'] },
  ])(
    'with its $source $user: from the user data of heat to the signal, and from an update of the stack to the hook',
    async ({ source, user }) => {
      const options = ['--nspawn', '--source', source, ...user];
      const { ended, checks } = await images().boot(images().file('root.tar'), options, TIMEOUT);
      expect({ code: ended.code, checks }).toEqual({
        code: 0,
        checks: allPassed(['ephemeral disk mounted', 'root has grown']),
      });
    },
    TIMEOUT + 10_000,
  );

  test(
    'an image that opens the user data and a copy of the metadata, has no locales and an ssh server that cannot start does not pass',
    async () => {
      const root = join(images().directory, 'careless');
      rmSync(root, { recursive: true, force: true });
      mkdirSync(root);
      const spoil = `
        tar -C "$1" -xpf "$0" --numeric-owner --exclude='./dev/*'
        printf '%s\\n' 'bootcmd:' '- cp /var/lib/cloud/data/cfn-init-data /var/tmp/copy' \\
          '- chmod 644 /var/tmp/copy /var/lib/cloud/instance/user-data.txt' >"$1"/etc/cloud/cloud.cfg.d/99-careless.cfg
        rm "$1"/etc/ssh/sshd_config "$1"/usr/sbin/locale-gen
      `;
      const { code, stderr } = await run(['bash', '-ec', spoil, images().file('root.tar'), root], {
        timeout: TIMEOUT,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const booted = await images().boot(root, ['--nspawn', '--no-update'], TIMEOUT);
      rmSync(root, { recursive: true });
      const failed = Object.keys(booted.checks).filter((check) => booted.checks[check] === 'FAILED');
      expect({ code: booted.ended.code, failed }).toEqual({
        code: 1,
        failed: [
          'locale',
          'ssh server runs',
          'no secret readable by nobody at boot',
          'known places of metadata closed at boot',
        ],
      });
    },
    TIMEOUT + 10_000,
  );

  test(
    'an image without the agent ends at the limit, with what was waited for',
    async () => {
      const root = join(images().directory, 'bare');
      rmSync(root, { recursive: true, force: true });
      mkdirSync(root);
      const unpack = `tar -C "$1" -xpf "$0" --numeric-owner --exclude='./dev/*'; rm "$1/usr/bin/cfntools"`;
      expect((await run(['bash', '-ec', unpack, images().file('root.tar'), root], { timeout: TIMEOUT })).code).toBe(0);
      const { ended, checks } = await images().boot(root, ['--nspawn', '--limit', '20'], TIMEOUT);
      rmSync(root, { recursive: true });
      expect({ code: ended.code, checks }).toEqual({ code: 75, checks: {} });
      expect(ended.stderr).toContain('boot-test: no signal of the guest');
    },
    TIMEOUT + 10_000,
  );
});

describe('the command line', () => {
  test.each([
    { args: [], code: 2, says: 'which image?' },
    { args: ['--source', 'floppy', '/dev/null'], code: 2, says: 'unknown source floppy' },
    { args: ['--nspawn', '/dev/null'], code: 2, says: 'neither a .tar nor a directory' },
    { args: ['--limit'], code: 2, says: '--limit needs a value' },
    { args: ['--inspect', '/etc/hosts', '/dev/null'], code: 2, says: '--inspect looks into a container' },
    { args: ['--parameter', 'name', '/dev/null'], code: 2, says: '--parameter NAME=VALUE, not name' },
    { args: ['--nspawn', '--template', '/nonexistent', '/etc'], code: 1, says: 'no such file: /nonexistent' },
    { args: ['/nonexistent.raw'], code: 1, says: 'not there' },
  ])('$args: exit code $code', async ({ args, code, says }) => {
    const ended = await run(['image-build/boot-test', ...args]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
    expect(ended.stderr).toContain(says);
  });

  test('--help names every option', async () => {
    const { code, stdout } = await run(['image-build/boot-test', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--firmware NAME');
  });
});
