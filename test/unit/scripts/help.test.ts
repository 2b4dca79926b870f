import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { project } from '../../support/binary.ts';
import { run } from '../../support/process.ts';

/** What a person calls: lint.ts, and the executable files of these directories that have no extension. */
const scripts = [
  'scripts/lib/lint.ts',
  ...['scripts', 'scripts/lib', 'image-build'].flatMap((directory) =>
    readdirSync(join(project, directory))
      .map((name) => `${directory}/${name}`)
      .filter((file) => !file.slice(directory.length).includes('.') && isScript(join(project, file))),
  ),
];

function isScript(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return readFileSync(path, 'utf8').startsWith('#!');
  } catch {
    return false;
  }
}

/** Runs "$@" where no file system can be written to, /tmp neither, and where there is no network. */
const IN_A_STILL_MACHINE = `
  mount --make-rprivate /
  while read -r _ place _; do
    case $place in /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) ;; *) mount -o remount,bind,ro "$(printf %b "$place")" ;; esac
  done </proc/self/mounts
  for file in "$0/touched" /tmp/touched /var/tmp/touched; do ! touch "$file" 2>/dev/null || { echo "$file can be written"; exit 9; }; done
  exec "$@"
`;

beforeEach((context) => {
  if (process.getuid?.() !== 0) context.skip('needs root, for a view of this machine that cannot be changed');
});

test.each(scripts)('%s --help and -h print the help, and nothing else happens', async (script) => {
  for (const option of ['--help', '-h']) {
    const program = script.endsWith('.ts') ? [process.execPath] : [];
    // Without its own files, which bash reads where stdin is a socket: they may print something.
    const view = ['unshare', '--mount', '--net', 'bash', '--norc', '-euc', IN_A_STILL_MACHINE, project];
    const { code, stdout, stderr } = await run([...view, ...program, join(project, script), option], {
      timeout: 30_000,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(script);
    expect(stdout.split('\n').length).toBeGreaterThan(2);
  }
});

test('each script that a person calls is among them', () => {
  expect(scripts).toEqual(expect.arrayContaining(['scripts/test', 'scripts/lib/heat-up', 'image-build/boot-test']));
});
