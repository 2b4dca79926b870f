import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHolderOf } from '../../../src/system/file-locks.ts';

const hasFlock = spawnSync('flock', ['--version']).status === 0;
let place = '';
let file = '';
let holder = 0;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'cfntools-locks-'));
  file = join(place, 'lock');
  writeFileSync(file, '');
});
afterEach(() => {
  if (holder > 0) process.kill(holder);
  holder = 0;
  rmSync(place, { recursive: true });
});

/** Takes the lock, in a process whose parent has ended. */
function lock(): number {
  const script = `flock -F -x "$0" sleep 30 </dev/null >/dev/null 2>&1 & echo $!
    for i in $(seq 100); do flock -n "$0" true || exit 0; sleep 0.05; done`;
  return Number(spawnSync('sh', ['-c', script, file]).stdout.toString());
}

describe.runIf(hasFlock)('the holder of a lock', () => {
  it('is named, and nobody is where none holds it', () => {
    expect([lockHolderOf(file), lockHolderOf(`${file}.not`)]).toEqual([undefined, undefined]);
    holder = lock();
    expect(lockHolderOf(file)).toEqual({ pid: holder, name: expect.stringMatching(/^(?:flock|sleep)$/), path: file });
  });

  it('is not one that we run ourselves', async () => {
    const child = spawn('flock', ['-F', '-x', file, 'sh', '-c', 'echo; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(lockHolderOf(file)).toBeUndefined();
    child.kill();
  });
});

it('a file with a process number names it while it lives', () => {
  const named = join(place, 'lock.pid');
  writeFileSync(named, '1\n');
  expect(lockHolderOf(named)?.pid).toBe(1);
  writeFileSync(named, '4194304999\n');
  expect(lockHolderOf(named)).toBeUndefined();
});
