import { afterEach, describe, expect, test } from 'vitest';
import { CACHE, quiet, result, STATE, useHupPasses } from '../support/hup-passes.ts';
import { isRoot } from '../support/use-machine.ts';

// Where what a pass has to keep cannot be written.
const { machine, configure, telling, hup, acted, log } = useHupPasses();
const FULL = 'size=8k';
const READ_ONLY = 'size=8k,ro';
const WHY: Readonly<Record<string, string>> = {
  [FULL]: 'no space left on the device',
  [READ_ONLY]: 'the file system is read-only',
};
/** Puts a disk of two pages there; the full one has not one left. */
const mount = (place: string, options: string) =>
  machine().run(`mkdir -p -m 700 ${place}; mount -t tmpfs -o mode=700,${options} tmpfs ${place}
    head -c 9000 /dev/zero 2>/dev/null >${place}/fill; :`);

afterEach(async () => {
  if (isRoot) await machine().run(`umount -q ${CACHE}; umount -q ${STATE}; umount -q /run/cfn-hup; :`);
});

describe.each([FULL, READ_ONLY])('the disk is %s:', (options) => {
  test('of the metadata: one complaint, no action, and all is done once it can be', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: {}, other: { path: 'Resources.r.Metadata.v' } });
    await mount(CACHE, options);
    const line = `cannot write: ${CACHE}/last_metadata: ${WHY[options]}: no action runs until it can be saved`;
    expect(result(await hup('-f'))).toEqual({ code: 1, stdout: '', stderr: `cfn-hup: ${line}\n` });
    expect(log().match(/ERROR .*/g)).toEqual([`ERROR ${line}`]);
    expect(acted()).toEqual([]);
    const { code, stdout } = await hup('--status');
    expect({ code, said: stdout.replaceAll(/\s+/g, ' ') }).toEqual({ code: 1, said: expect.stringContaining(line) });
    await machine().run(`umount ${CACHE}`);
    expect(result(await hup('-f'))).toEqual(quiet);
    expect(acted()).toEqual(['none -> {"v":1}', 'none -> 1']);
  });

  test('of the states: one complaint, and no action', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: {} });
    await mount(STATE, options);
    expect(result(await hup('-f'))).toEqual({
      ...{ code: 1, stdout: '' },
      stderr: `cfn-hup: cannot lock: ${STATE}/pass.lock: ${WHY[options]}\n`,
    });
    expect((await hup('--status')).code).toBe(1);
    expect(acted()).toEqual([]);
  });

  test('of the notes below /run: the pass does its work', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: {} });
    await mount('/run/cfn-hup', options);
    expect(result(await hup('-f'))).toEqual(quiet);
    expect(acted()).toEqual(['none -> {"v":1}']);
  });
});

test('a record that is no file: its hook is left, which is said, and the others run', async () => {
  const heat = await telling({ v: 1 }, { v: 2 });
  configure(heat.base, { h: { action: 'echo h >>/srv/acted' }, other: { action: 'echo other >>/srv/acted' } });
  await hup('-f');
  await machine().run(`set -- ${STATE}/h@*.json; rm "$1"; mkfifo "$1"; rm -f /srv/acted`);
  const { code, stderr } = await hup('-f');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^cfn-hup: not a regular file: \/var\/lib\/cfn-hup\/h@\w+\.json\n$/),
  });
  expect(acted()).toEqual(['other']);
});

test('a pipe in the place of the lock of the daemon is not waited for', async () => {
  const heat = await telling({ v: 1 });
  configure(heat.base, { h: {} });
  await machine().run(`mkdir -p ${STATE}; mkfifo ${STATE}/daemon.lock`);
  expect(result(await hup('-f'))).toEqual(quiet);
});
