import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { useImages } from './use-images.ts';

const images = useImages();
const measure = join(project, 'image-build/measure-boot');
const TIMEOUT = 60 * 60_000;

describe('image-build/measure-boot', () => {
  test(
    'in QEMU, the guest signals no more than 5 % later than with a stub of shell in the place of the agent',
    async () => {
      const rig = inject('heat');
      if (!('directory' in rig)) throw new Error(rig.reasonAgainst);
      const options = ['--rounds', '2', '--image', images().file('raw'), '--heat', join(rig.directory, 'heat')];
      const { code, stdout, stderr } = await run([measure, ...options], { timeout: TIMEOUT });
      console.log(`${stdout}${stderr}`);
      expect(stdout).toMatch(/^\| qemu \| [\d.]+ \| [\d.]+ \| -?[\d.]+ % \| 2 \|/m);
      expect(code).toBe(0);
    },
    TIMEOUT + 10_000,
  );

  test.each([
    { args: ['--rounds', 'many'], says: '--rounds is a number: many' },
    { args: ['--bound', 'low'], says: '--bound is a number: low' },
    { args: ['--nspawn', '--image', '/etc/hosts'], says: '--image: no such .root.tar: /etc/hosts' },
    { args: ['--colour'], says: 'no option --colour' },
  ])('$args: exit code 2', async ({ args, says }) => {
    const ended = await run([measure, ...args]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ended.stderr).toContain(says);
  });
});
