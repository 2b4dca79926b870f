import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { optionsOf } from '../../scripts/lib/option-table.ts';
import { commands } from '../../src/commands/index.ts';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { isInstalled } from '../support/use-machine.ts';

const PATIENCE = 20_000;
const PROMPT = 'READY> ';
const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion';

let directory = '';
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
  const generator = join(project, 'scripts/lib/completions.ts');
  const { code, stderr } = await run([process.execPath, generator, directory]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  mkdirSync(join(directory, 'files/some-directory'), { recursive: true });
  writeFileSync(join(directory, 'files/some-file'), '');
  // fish looks for the completion of programs that are there only.
  mkdirSync(join(directory, 'bin'));
  for (const name of ['cfntools', ...commands.map((command) => command.name)])
    writeFileSync(join(directory, 'bin', name), '#!/bin/sh\n', { mode: 0o755 });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Long and short names, as the table has them. */
const optionNames = (name: string): string[] =>
  commands
    .filter((command) => command.name === name)
    .flatMap(optionsOf)
    .flatMap(({ short, long }) => (short === undefined ? [long] : [short, long]))
    .sort();

/** A shell in a terminal of its own, as a person has it. */
class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';

  constructor(shell: string, environment: Readonly<Record<string, string>>) {
    // A screen on which each list fits, so that no shell asks whether to show it.
    this.#child = spawn('script', ['-qfec', `stty rows 500 cols 200; exec ${shell}`, '/dev/null'], {
      cwd: join(directory, 'files'),
      env: { PATH: process.env['PATH'], HOME: directory, TERM: 'dumb', LC_ALL: 'C.UTF-8', ...environment },
    });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.#child.stdin.on('error', () => {}); // the shell has ended
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** What the terminal shows from where the last call ended until `end`. @throws Error when that does not come in time */
  async shows(end: string | RegExp): Promise<string> {
    const begin = performance.now();
    for (;;) {
      const match = typeof end === 'string' ? this.#output.indexOf(end) : this.#output.search(end);
      if (match >= 0) {
        const length = typeof end === 'string' ? end.length : (this.#output.match(end)?.[0].length ?? 0);
        const shown = this.#output.slice(0, match);
        this.#output = this.#output.slice(match + length);
        return shown;
      }
      if (performance.now() - begin > PATIENCE || this.#child.exitCode !== null)
        throw new Error(`the terminal does not show ${end}, but: ${JSON.stringify(this.#output)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** What the shell lists for a line of which it cannot tell how it goes on. */
  async lists(line: string): Promise<string[]> {
    this.type(`${line}\t\t`);
    await this.shows(line);
    // Below the list the line stands anew.
    const list = await this.shows(`${PROMPT}${line}`);
    this.type('\u0015\n');
    await this.shows(PROMPT);
    return list.split(/\s+/).filter((word) => word !== '');
  }

  /** Waits until the shell has put `rest` behind a line for which there is one way to go on. */
  async completes(line: string, rest: string): Promise<void> {
    this.type(`${line}\t`);
    await this.shows(`${line}${rest}`);
    this.type('\u0015\n');
    await this.shows(PROMPT);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return resolve();
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
      this.#child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      this.type('exit\n');
    });
  }
}

let terminal: Terminal | undefined;
afterEach(async () => {
  await terminal?.close();
  terminal = undefined;
});

const needs = (...programs: readonly string[]): void => {
  const missing = programs.filter((program) => !isInstalled(program));
  beforeEach((context) => {
    if (missing.length > 0) context.skip(`needs ${missing.join(', ')}`);
  });
};

describe('bash', () => {
  needs('bash', 'script');
  const file = (): string => join(directory, 'bash-completion/completions/cfntools');
  const open = async (setup: string): Promise<Terminal> => {
    writeFileSync(join(directory, 'inputrc'), 'set bell-style none\nset enable-bracketed-paste off\n');
    terminal = new Terminal('bash --norc --noprofile -i', {
      PS1: PROMPT,
      INPUTRC: join(directory, 'inputrc'),
      BASH_COMPLETION_USER_DIR: join(directory, 'bash-completion'),
    });
    await terminal.shows(PROMPT);
    terminal.type(`${setup}; echo se''t\n`);
    await terminal.shows('set');
    await terminal.shows(PROMPT);
    return terminal;
  };

  test.each(commands.map(({ name }) => name))('%s: each of its options is offered', async (name) => {
    const bash = await open(`. ${file()}`);
    expect((await bash.lists(`${name} -`)).sort()).toEqual(optionNames(name));
    expect((await bash.lists(`cfntools ${name} -`)).sort()).toEqual(optionNames(name));
  });

  test('names and values are completed', async () => {
    const bash = await open(`. ${file()}`);
    expect(await bash.lists('cfn-init --st')).toEqual(['--stack', '--strict']);
    expect((await bash.lists('cfntools ')).sort()).toEqual(
      ['--help', '--version', ...commands.map(({ name }) => name)].sort(),
    );
    expect(await bash.lists('cfn-init some-')).toEqual(['some-directory/', 'some-file']);
    expect(await bash.lists('cfn-signal -s ')).toEqual(['false', 'true']);
  });

  test.each([
    ['cfn-init --sta', 'ck '],
    ['cfn-init --compat h', 'eat '],
    ['cfn-init --compat=h', 'eat '],
    ['cfn-init --credential-file some-f', 'ile '],
    ['cfn-init --root some-', 'directory/'],
    ['cfn-init --root=some-', 'directory/'],
    ['cfn-init -s mystack --resum', 'e '],
    ['cfntools cfn-sig', 'nal '],
    ['cfntools cfn-hup --check --sta', 'tus '],
    ['/usr/bin/cfn-hup --dae', 'mon '],
  ])('%s|%s', async (line, rest) => {
    await (await open(`. ${file()}`)).completes(line, rest);
  });

  test('where the package bash-completion is, the file is found by the name of the command', async (context) => {
    if (!isInstalled('../share/bash-completion/bash_completion')) context.skip('needs bash-completion');
    const bash = await open(`. ${BASH_COMPLETION}`);
    expect(await bash.lists('cfn-init --st')).toEqual(['--stack', '--strict']);
    expect(await bash.lists('/opt/aws/bin/cfn-signal --re')).toEqual(['--reason', '--region', '--resource']);
  });
});

describe('zsh', () => {
  needs('zsh', 'script');
  const open = async (): Promise<Terminal> => {
    terminal = new Terminal('zsh -f -i', { PROMPT, LISTMAX: '1000' });
    await terminal.shows(PROMPT);
    const functions = join(directory, 'zsh/vendor-completions');
    terminal.type(`fpath=(${functions} $fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep; echo se''t\n`);
    await terminal.shows(/\nset/);
    await terminal.shows(PROMPT);
    return terminal;
  };

  test.each(commands.map(({ name }) => name))('%s: each of its options is offered', async (name) => {
    const words = await (await open()).lists(`${name} -`);
    expect(optionNames(name).filter((option) => !words.includes(option))).toEqual([]);
  });

  test('names and values are completed', async () => {
    const zsh = await open();
    await zsh.completes('cfn-init --sta', 'ck');
    await zsh.completes('cfntools cfn-hup --sta', 'tus');
    await zsh.completes('cfn-init --compat=h', 'eat');
    await zsh.completes('cfn-init --root some-', 'directory');
  });
});

describe('fish', () => {
  needs('fish');
  const offers = async (line: string): Promise<string[]> => {
    const functions = join(directory, 'fish/vendor_completions.d');
    const { stdout, stderr } = await run(
      ['fish', '--no-config', '-c', `set fish_complete_path ${functions}; complete -C ${JSON.stringify(line)}`],
      { cwd: join(directory, 'files'), env: { PATH: `${directory}/bin:${process.env['PATH']}`, HOME: directory } },
    );
    expect(stderr).toBe('');
    return stdout
      .split('\n')
      .filter((row) => row !== '')
      .map((row) => row.split('\t')[0] ?? '');
  };

  test.each(commands.map(({ name }) => name))('%s: each of its options is offered', async (name) => {
    expect((await offers(`${name} -`)).sort()).toEqual(optionNames(name));
    const besides = await offers(`cfntools ${name} -`);
    expect(optionNames(name).filter((option) => !besides.includes(option))).toEqual([]);
  });

  test.each([
    ['cfn-init --st', ['--stack', '--strict']],
    ['cfn-init --compat ', ['heat']],
    ['cfn-init --root some-', ['some-directory/']],
    ['cfn-signal -s ', ['false', 'true']],
    ['cfntools cfn-sig', ['cfn-signal']],
    ['cfntools --', ['--help', '--version']],
  ])('%s', async (line, expected) => {
    expect((await offers(line)).sort()).toEqual(expected);
  });
});
