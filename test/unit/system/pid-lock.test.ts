import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it, test, vi } from 'vitest';
import { createLocks, lockPathFor } from '../../../src/system/lock.ts';
import { createExec } from '../../../src/system/programs/door.ts';
import { temporaryRoot } from '../temporary-root.ts';

afterEach(() => {
  vi.useRealTimers();
});

const { claim } = createLocks(createExec({ PATH: process.env['PATH'] }));

function newPath(): string {
  const path = `${temporaryRoot().root}/locks/run.lock`;
  mkdirSync(dirname(path), { mode: 0o700 });
  return path;
}

const BOOT = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const ELSEWHERE = `42 7 pid:[1] ${BOOT} 5`;

async function release(path: string): Promise<void> {
  const taken = await claim(path);
  if (taken === undefined || !('release' in taken)) throw new Error('the lock is held');
  taken.release();
}

describe('what is in the place of a lock and has no holder is replaced', () => {
  const kinds: [string, (path: string) => void][] = [
    ['an empty file', (path) => writeFileSync(path, '')],
    ['junk', (path) => writeFileSync(path, Buffer.alloc(100_000, 0xff))],
    ['the lock of another boot', (path) => writeFileSync(path, ELSEWHERE.replace(BOOT, BOOT.replace(/./g, '0')))],
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ['a broken link', (path) => symlinkSync('/nowhere', path)],
    ['a link', (path) => symlinkSync('/etc/passwd', path)],
  ];
  test.each(kinds)('%s', async (_, make) => {
    const path = newPath();
    make(path);
    await release(path);
    expect(existsSync(dirname(path))).toBe(false);
  });
});

test('a killed process with our id may have left a second name of the lock', async () => {
  const path = newPath();
  writeFileSync(path, '');
  linkSync(path, `${path}.${process.pid}`);
  await release(path);
  expect(existsSync(dirname(path))).toBe(false);
});

describe('a holder in another pid namespace', () => {
  const FAKED = { toFake: ['hrtime', 'setInterval', 'clearInterval', 'Date'] } as const;
  const holder = { pid: 42, isElsewhere: true };

  it('is waited for while it shows that it lives', async () => {
    vi.useFakeTimers({ ...FAKED, toFake: [...FAKED.toFake] });
    const path = newPath();
    writeFileSync(path, ELSEWHERE);
    for (let minute = 1; minute < 10; minute++) {
      utimesSync(path, minute, minute);
      expect(await claim(path)).toMatchObject(holder);
      vi.advanceTimersByTime(59_000);
      expect(await claim(path)).toMatchObject(holder);
    }
    vi.advanceTimersByTime(1000);
    await release(path);
  });

  it('is told by every one of us that it lives', async () => {
    vi.useFakeTimers({ ...FAKED, toFake: [...FAKED.toFake] });
    const path = newPath();
    const taken = await claim(path);
    const times = [0, 1, 2].map(() => {
      vi.advanceTimersByTime(6000);
      return statSync(path).mtimeMs;
    });
    expect(new Set(times).size).toBe(3);
    if (taken !== undefined && 'release' in taken) taken.release();
    expect(existsSync(path)).toBe(false);
  });
});

test('a file in the place of the directory is named', async () => {
  const directory = `${temporaryRoot().root}/locks`;
  writeFileSync(directory, '');
  await expect(claim(`${directory}/run.lock`)).rejects.toThrow('not a directory');
});

test.each(['/etc/passwd/x', '/proc/self/nowhere', 'relative', ''])(
  'XDG_RUNTIME_DIR=%s is nobody’s directory',
  (runtime) => {
    expect(lockPathFor('/', 4711, runtime)).toBeUndefined();
  },
);

test.skipIf(process.geteuid?.() !== 0)('an XDG_RUNTIME_DIR that is out of reach is nobody’s directory', () => {
  const { root } = temporaryRoot();
  mkdirSync(`${root}/closed/own`, { recursive: true });
  chmodSync(`${root}/closed`, 0o700);
  process.seteuid?.(65534);
  try {
    expect(lockPathFor('/', 65534, `${root}/closed/own`)).toBeUndefined();
  } finally {
    process.seteuid?.(0);
  }
});
