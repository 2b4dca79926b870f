import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { metadata } from '../support/cfn-init.ts';
import { type Ended, run } from '../support/process.ts';
import { isRoot } from '../support/use-machine.ts';

const KILLS = 80;
const KILLS_MIDWAY = 10;
const FILES = Array.from({ length: 12 }, (_, index) => `etc/app/file-${index}`);
const SIZE = 200_000;

interface Version {
  readonly letter: string;
  readonly mode: number;
  readonly owner: number;
}
/** An ordinary user can give nothing away: only the modes differ then. */
const OLD: Version = { letter: 'a', mode: 0o600, owner: isRoot ? 4001 : (process.geteuid?.() ?? 0) };
const NEW: Version = { letter: 'b', mode: 0o4755, owner: isRoot ? 4002 : OLD.owner };

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
  mkdirSync(join(root, 'var/log'), { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function documentOf({ letter, mode, owner }: Version): string {
  const entry = { content: letter.repeat(SIZE), mode: mode.toString(8), ...(isRoot ? { owner: String(owner) } : {}) };
  return metadata({ files: Object.fromEntries(FILES.map((path) => [`/${path}`, entry])) });
}

const apply = (version: Version): Promise<Ended> =>
  run([binary('cfn-init'), '--root', root, '-'], { input: documentOf(version) });

/** Starts cfn-init and kills it after some time. @returns true when it was still running */
async function applyAndKill(version: Version, milliseconds: number): Promise<boolean> {
  const child = spawn(binary('cfn-init'), ['--root', root, '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.on('error', () => {});
  const end = new Promise<boolean>((resolve) => child.on('exit', (_, signal) => resolve(signal === 'SIGKILL')));
  child.stdin.end(documentOf(version));
  await sleep(milliseconds);
  child.kill('SIGKILL');
  return end;
}

/** Starts cfn-init and kills it in the middle of its work: as soon as the first file is another one. */
async function applyAndKillMidway(version: Version): Promise<void> {
  const document = join(root, 'var/document.json');
  writeFileSync(document, documentOf(version));
  const inode = (): number => statSync(join(root, FILES[0] ?? '')).ino;
  const before = inode();
  const child = spawn(binary('cfn-init'), ['--root', root, document], { stdio: 'ignore' });
  const end = new Promise((resolve) => child.on('exit', resolve));
  // Without a turn of the event loop, which comes too late on a machine that is busy.
  const deadline = Date.now() + 10_000;
  while (inode() === before && Date.now() < deadline);
  child.kill('SIGKILL');
  await end;
  rmSync(document);
}

/** Whatever is beside the files, hidden ones too. */
const names = (): string[] => readdirSync(join(root, 'etc/app')).sort();

/** Which version a file is, as a whole. */
function versionOf(path: string): string {
  const text = readFileSync(join(root, path), 'utf8');
  const { mode, uid } = statSync(join(root, path));
  const found = [OLD, NEW].find((version) => text === version.letter.repeat(SIZE));
  if (found === undefined) return `neither: ${text.length} bytes, begins with ${text.slice(0, 5)}`;
  const isWhole = (mode & 0o7777) === found.mode && uid === found.owner;
  return isWhole ? found.letter : `${found.letter} with mode ${(mode & 0o7777).toString(8)} of ${uid}`;
}

test(`${KILLS} kills at any moment: each file is all old or all new`, { timeout: 120_000 }, async () => {
  expect((await apply(OLD)).code).toBe(0);
  // The fastest of some, so that most kills come in time.
  let milliseconds = Number.POSITIVE_INFINITY;
  for (const version of [NEW, OLD, NEW]) milliseconds = Math.min(milliseconds, (await apply(version)).milliseconds);
  let killed = 0;
  let mixed = 0;
  for (let round = 0; round < KILLS; round++) {
    if (await applyAndKill(round % 2 === 0 ? OLD : NEW, Math.random() * milliseconds)) killed++;
    const versions = new Set(FILES.map(versionOf));
    for (const version of versions) expect(['a', 'b']).toContain(version);
    if (versions.size === 2) mixed++;
  }
  for (let round = 0; round < KILLS_MIDWAY; round++) {
    await applyAndKillMidway(round % 2 === 0 ? OLD : NEW);
    const versions = new Set(FILES.map(versionOf));
    for (const version of versions) expect(['a', 'b']).toContain(version);
    if (versions.size === 2) mixed++;
    await apply(round % 2 === 0 ? OLD : NEW);
  }
  // Or else nothing was tested.
  expect(killed).toBeGreaterThan(KILLS / 4);
  expect(mixed).toBeGreaterThan(0);
});

test('full runs afterwards leave nothing else behind', async () => {
  for (const version of [OLD, NEW]) {
    expect((await apply(version)).code).toBe(0);
    expect(FILES.map(versionOf)).toEqual(FILES.map(() => version.letter));
  }
  expect(names()).toEqual(FILES.map((path) => path.slice(8)).sort());
  expect(readdirSync(root).sort()).toEqual(['etc', 'var']);
});

test('what a killed run left behind goes even when the file itself needs no change', async () => {
  expect((await apply(OLD)).code).toBe(0);
  // As a run that was killed between making and renaming it leaves it; no kill from outside hits that moment surely.
  const { pid } = spawnSync('true');
  writeFileSync(join(root, 'etc/app', `.file-3.cfntools-${pid}`), 'half of it');
  await apply(OLD);
  expect(names()).toEqual(FILES.map((path) => path.slice(8)).sort());
});

test('nobody but the owner sees anything of a private file while it is written', { timeout: 60_000 }, async () => {
  for (const version of [NEW, OLD]) await apply(version);
  const seen = new Set<string>();
  const running = apply({ ...OLD, letter: 'c' });
  let isDone = false;
  void running.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    for (const name of readdirSync(join(root, 'etc/app'))) {
      const entry = statSync(join(root, 'etc/app', name), { throwIfNoEntry: false });
      if (entry !== undefined) seen.add((entry.mode & 0o077).toString(8));
    }
    await sleep(0);
  }
  expect((await running).code).toBe(0);
  expect([...seen]).toEqual(['0']);
});
