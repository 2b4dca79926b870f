import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import { whyCommandFailed, whyNotStarted } from '../../../../src/system/programs/start-failure.ts';

let place = '';
const PATH = '/usr/bin:/bin';

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'cfntools-start-'));
  const script = (name: string, text: string, mode = 0o755): void => {
    writeFileSync(join(place, name), text);
    chmodSync(join(place, name), mode);
  };
  script('crlf', '#!/bin/sh\r\necho hi\r\n');
  script('env-crlf', '#!/usr/bin/env sh\r\necho hi\r\n');
  script('body-crlf', '#!/bin/sh\nno-such-thing\r\n');
  script('no-interpreter', '#!/no/such/thing -x\n');
  script('env-no-interpreter', '#!/usr/bin/env no-such-thing\n');
  script('directory-interpreter', '#!/usr\n');
  script('not-executable', '#!/bin/sh\n', 0o644);
  script('fine', '#!/bin/sh\nexit 127\n');
  mkdirSync(join(place, 'directory'));
  copyFileSync('/bin/true', join(place, 'foreign'));
  const elf = Buffer.alloc(200);
  elf.write('\x7fELF\x02\x01\x01', 'latin1');
  elf.writeUInt16LE(8, 18);
  writeFileSync(join(place, 'foreign'), elf, { mode: 0o755 });
  elf.writeUInt16LE(process.arch === 'x64' ? 62 : 183, 18);
  elf.write('/lib/ld-musl-none.so.1\0', 100, 'latin1');
  script('other-libc', elf.toString('latin1'));
  writeFileSync(join(place, 'other-libc'), elf);
});
afterAll(() => rmSync(place, { recursive: true }));

const CASES: readonly (readonly [name: string, says: RegExp])[] = [
  ['crlf', /\/crlf has Windows line endings \(CR LF\): convert it: sed -i 's\/\\r\$\/\/' \S+\/crlf$/],
  ['env-crlf', /has Windows line endings/],
  ['no-interpreter', /the interpreter \/no\/such\/thing of \S+\/no-interpreter does not exist/],
  ['directory-interpreter', /the interpreter \/usr of \S+ cannot be run/],
  ['not-executable', /\/not-executable is not executable: run chmod \+x/],
  ['directory', /\/directory is a directory$/],
];

describe('why a program does not start', () => {
  const exec = createExec({ PATH });
  /** Why, as a command of the metadata's author says it. */
  async function said(command: string | string[]): Promise<string> {
    try {
      const { exitCode, reason } = await exec.command(command, { env: { PATH }, cwd: place });
      expect(exitCode).not.toBe(0);
      return reason ?? '';
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return error.hint ?? '';
    }
  }

  it.each(CASES)('%s', async (name, says) => {
    expect(await said(`${place}/${name} x`)).toMatch(says);
    expect(await said(`./${name}`)).toMatch(says);
    expect(await said([`${place}/${name}`, 'x'])).toMatch(says);
  });

  it.each<[string, RegExp]>([
    ['body-crlf', /a script has Windows line endings/],
    ['env-no-interpreter', /^$/], // env says it itself
    ['foreign', /for another kind of processor|^$/],
    ['fine', /^$/],
    ['nowhere', /^(?:no such program.*)?$/],
  ])('%s, whose output is looked at', async (name, says) => {
    expect(await said(`${place}/${name}`)).toMatch(says);
    expect(await said([`${place}/${name}`])).toMatch(says);
  });

  it.each<[words: string, says: RegExp | undefined]>([
    ['/bin/sh: 1: P/crlf: not found', /P\/crlf has Windows/],
    ['/bin/sh: line 1: P/crlf: cannot execute: required file not found', /P\/crlf has Windows/],
    ['sh: P/crlf: /bin/sh^M: bad interpreter: No such file or directory', /P\/crlf has Windows/],
    ['/bin/sh: P/crlf: not found', /P\/crlf has Windows/],
    ['setpriv: failed to execute P/crlf: No such file or directory', /P\/crlf has Windows/],
    ["env: 'bash\\r': No such file or directory", /^a script has Windows/],
    ['/usr/bin/env: \u2018bash\\r\u2019: No such file or directory', /^a script has Windows/],
    ["env: can't execute 'bash\r': No such file or directory", /^a script has Windows/],
    ["x.sh: line 2: $'\\r': command not found", /^a script has Windows/],
    ['/bin/sh: 1: P/other-libc: not found', /its loader \/lib\/ld-musl-none\.so\.1 does not exist/],
    ['/bin/sh: 1: P/foreign: Exec format error', /for another kind of processor/],
    ['/bin/sh: 1: no-such-program: not found', undefined],
    ['/bin/sh: 1: true: not found', undefined],
  ])('%j', (words, says) => {
    const why = whyCommandFailed(127, words.replaceAll('P/', `${place}/`), { path: PATH })?.replaceAll(place, 'P');
    if (says === undefined) expect(why).toBeUndefined();
    else expect(why).toMatch(says);
  });

  it('is written by another process, or its cwd is missing', () => {
    expect(whyNotStarted(`${place}/fine`, 'ETXTBSY', {})).toMatch(/open for writing in another process/);
    expect(whyNotStarted('true', 'ENOENT', { cwd: '/nowhere', path: PATH })).toBeUndefined();
  });
});
