import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { createLocks } from '../../../src/system/lock.ts';
import { createExec } from '../../../src/system/programs/door.ts';
import { temporaryRoot } from '../temporary-root.ts';

const { tryLock, holderOf, lastHolder } = createLocks(createExec({ PATH: process.env['PATH'] }));
const newPath = (): string => `${temporaryRoot().root}/state/one.lock`;

it('is had by one at a time, and again after its release', async () => {
  const path = newPath();
  const first = await tryLock(path);
  expect(first).toBeDefined();
  expect(await tryLock(path)).toBeUndefined();
  first?.release();
  first?.release();
  const second = await tryLock(path);
  expect(second).toBeDefined();
  second?.release();
});

it('is private, and tells who took it', async () => {
  const path = newPath();
  expect(lastHolder(path)).toBeUndefined();
  const lock = await tryLock(path);
  expect([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777]).toEqual([0o600, 0o700]);
  expect(lastHolder(path)).toBe(process.pid);
  lock?.release();
});

it.each([
  ['a pipe', 'mkfifo "$0"'],
  ['a directory', 'mkdir "$0"'],
  ['a link to itself', 'ln -s "$0" "$0"'],
])('%s in its place: nobody holds it, and it cannot be had, at once', async (_, make) => {
  const path = newPath();
  execFileSync('sh', ['-c', `mkdir -p "\${0%/*}"; ${make}`, path]);
  expect([holderOf(path), lastHolder(path)]).toEqual([undefined, undefined]);
  await expect(tryLock(path)).rejects.toThrow(expect.objectContaining({ message: 'cannot lock', where: path }));
});

it.each(['', '\0\0', 'x', '-1', '0', '99999999999999999999', '1e308', '4194305 '])(
  'holds any text: %j',
  async (text) => {
    const path = newPath();
    (await tryLock(path))?.release();
    writeFileSync(path, text);
    expect(holderOf(path)).toBeUndefined();
    const lock = await tryLock(path);
    expect(holderOf(path)).toBe(process.pid);
    lock?.release();
  },
);

it('is gone with a process that is killed, and is waited for', async () => {
  const path = newPath();
  (await tryLock(path))?.release();
  const holder = spawn('flock', [path, 'sleep', '60'], { stdio: 'ignore', detached: true });
  await once(holder, 'spawn');
  for (let waited = 0; await tryLockOnce(path); waited += 20) {
    if (waited > 5000) throw new Error('flock does not hold it');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const begin = performance.now();
  expect(await tryLock(path, 0.3)).toBeUndefined();
  expect(performance.now() - begin).toBeGreaterThanOrEqual(300);
  spawn('sh', ['-c', `sleep 0.3; kill -KILL -${holder.pid}`], { stdio: 'ignore' });
  const lock = await tryLock(path, 10);
  expect(lock).toBeDefined();
  lock?.release();
});

it('its holder is found without touching it, until it lets go or disclaims it', async () => {
  const path = newPath();
  expect(holderOf(path)).toBeUndefined();
  const lock = await tryLock(path);
  expect(holderOf(path)).toBe(process.pid);
  lock?.release();
  expect(lastHolder(path)).toBe(process.pid);
  expect(holderOf(path)).toBeUndefined();
  // Somebody who has taken the number of one that is gone.
  writeFileSync(path, `${process.ppid}\n`);
  expect(holderOf(path)).toBeUndefined();
  const again = await tryLock(path);
  again?.disclaim();
  expect([holderOf(path), await tryLock(path)]).toEqual([undefined, undefined]);
  again?.release();
  again?.disclaim();
});

it('knows whether its file was removed, when another can take a new one', async () => {
  const path = newPath();
  const lock = await tryLock(path);
  expect(lock?.isInPlace()).toBe(true);
  rmSync(path);
  expect(lock?.isInPlace()).toBe(false);
  const second = await tryLock(path);
  expect([lock?.isInPlace(), second?.isInPlace()]).toEqual([false, true]);
  lock?.release();
  second?.release();
});

it('is not handed on to what we start', async () => {
  const path = newPath();
  const lock = await tryLock(path);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  lock?.release();
  const again = await tryLock(path);
  child.kill();
  expect(again).toBeDefined();
  again?.release();
});

it('a link in its place is not followed', async () => {
  const { root } = temporaryRoot();
  symlinkSync(`${root}/elsewhere`, `${root}/one.lock`);
  await expect(tryLock(`${root}/one.lock`)).rejects.toThrow(Problem);
  expect(existsSync(`${root}/elsewhere`)).toBe(false);
});

it('a directory that cannot be made is a problem that names the path', async () => {
  const { root } = temporaryRoot();
  writeFileSync(`${root}/file`, '');
  await expect(tryLock(`${root}/file/one.lock`)).rejects.toThrow(
    expect.objectContaining({ where: `${root}/file/one.lock` }),
  );
});

async function tryLockOnce(path: string): Promise<boolean> {
  const lock = await tryLock(path);
  lock?.release();
  return lock !== undefined;
}
