import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { useImages } from './use-images.ts';

const measure = join(project, 'image-build/measure-boot');
const TIMEOUT = 15 * 60_000;

describe('the image, and the same with a stub of shell for an agent, in a container', () => {
  const images = useImages();

  // The boots of one and the same image differ by more than the bound; their medians do by one or two per cent.
  test('the signal comes no later than 5 %', { retry: 2, timeout: 3 * TIMEOUT }, async () => {
    const options = ['--nspawn', '--rounds', '9', '--heat', images().heat, '--image', images().file('root.tar')];
    const ended = await run([measure, ...options], { timeout: TIMEOUT });
    console.log(`${ended.stderr}${ended.stdout}`);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/\| nspawn \| [0-9.]+ \| [0-9.]+ \| -?[0-9.]+ % \| 9 \|/),
    });
  });
});

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
