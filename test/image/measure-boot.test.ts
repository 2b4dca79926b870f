import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { useImages } from './use-images.ts';

const measure = join(project, 'image-build/measure-boot');
const TIMEOUT = 36 * 60_000;

describe('the image, and the same with a stub of shell for an agent, in a container', () => {
  const images = useImages();

  test('the signal comes no later than 5 %', { timeout: TIMEOUT + 10_000 }, async () => {
    const image = ['--heat', images().heat, '--image', images().file('root.tar')];
    const ended = await run([measure, '--nspawn', '--rounds', '5', '--most', '40', ...image], { timeout: TIMEOUT });
    console.log(`${ended.stderr}${ended.stdout}`);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/\| nspawn \| [0-9.]+ \| [0-9.]+ \| -?[0-9.]+ % \| [0-9]+ \|/),
    });
  });
});

describe('image-build/measure-boot', () => {
  test.each([
    { args: ['--rounds', 'many'], says: '--rounds is a number: many' },
    { args: ['--most', '0'], says: '--most is a number: 0' },
    { args: ['--bound', 'low'], says: '--bound is a number: low' },
    { args: ['--nspawn', '--image', '/etc/hosts'], says: '--image: no such .root.tar: /etc/hosts' },
    { args: ['--colour'], says: 'no option --colour' },
  ])('$args: exit code 2', async ({ args, says }) => {
    const ended = await run([measure, ...args]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ended.stderr).toContain(says);
  });
});
