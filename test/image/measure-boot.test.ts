import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';

const measure = join(project, 'image-build/measure-boot');

describe('image-build/measure-boot', () => {
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
