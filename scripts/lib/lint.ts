/**
 * usage: node scripts/lib/lint.ts [--write] [FILE...]
 *
 * Checks the style of the FILEs, or of all files of the project: TypeScript and JSON by biome, shell by shellcheck and
 * shfmt, Python by ruff. Prints the faults; the exit code is 1 when there are any.
 *   --write    formats first: biome, shfmt and ruff rewrite the files
 *
 * shellcheck and shfmt are Debian packages. Where they are missing, the shell scripts are not checked, and a line says
 * so; with CI=true that is an error.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { PositionEncoding, Workspace } from '@astral-sh/ruff-wasm-nodejs';
import { execa } from 'execa';

const project = join(import.meta.dirname, '../..');
/** The directories with shell and Python. */
const ROOMS = ['.ci', 'image-build', 'packaging', 'scripts', 'test'];
/** A script, or a sourced file with a comment that names its shell. */
const SHELL = /^#!.*\b(?:ba|da)?sh$|^#!.*\bsh -\w+$|^# shellcheck shell=/m;
const HEAD = 2000;
/** Two blanks; the patterns of `case` are not indented. */
const SHFMT = ['-i', '2'];
const RUFF = {
  'line-length': 120,
  'target-version': 'py311',
  format: { 'quote-style': 'single' },
  lint: {
    // pycodestyle, pyflakes, order of imports, bugbear, newer syntax of Python, and code that can be simpler.
    select: ['E', 'F', 'W', 'I', 'B', 'UP', 'SIM', 'C4', 'PIE', 'RET'],
    // The formatter breaks lines where it can; the remaining long lines are strings. A server keeps its log open until it ends.
    ignore: ['E501', 'SIM115'],
  },
};

interface Diagnostic {
  readonly code: string | null;
  readonly message: string;
  readonly start_location: { readonly row: number; readonly column: number };
}

/** @returns all files that are neither TypeScript nor in a package, relative to the project */
function otherFiles(): string[] {
  return ROOMS.flatMap((room) =>
    readdirSync(join(project, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.ts'))
      .map((entry) => relative(project, join(entry.parentPath, entry.name))),
  ).sort();
}

const isPython = (file: string): boolean => file.endsWith('.py') || /^#!.*python3$/m.test(headOf(file));
const isShell = (file: string): boolean => !isPython(file) && SHELL.test(headOf(file));
const headOf = (file: string): string => {
  const head = readFileSync(file, 'utf8').slice(0, HEAD);
  // The first line, or the comment at the beginning.
  return head.startsWith('#') ? head.slice(0, Math.max(0, head.search(/^(?!#)/m)) || undefined) : '';
};

/** @returns whether the program succeeded; its output is printed */
async function passes(program: string, args: readonly string[]): Promise<boolean> {
  const ended = await execa(program, args, { cwd: project, all: true, reject: false });
  if (ended.exitCode === 0) return true;
  console.log(ended.all || ended.shortMessage);
  return false;
}

const isInstalled = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));

function shell(files: readonly string[], write: boolean): Promise<boolean>[] {
  if (files.length === 0) return [];
  const missing = ['shellcheck', 'shfmt'].filter((program) => !isInstalled(program));
  if (missing.length > 0) {
    console.log(`shell scripts are not checked: ${missing.join(' and ')} missing (Debian packages of these names)`);
    return [Promise.resolve(process.env['CI'] !== 'true')];
  }
  // Two at a time: shellcheck takes longer than all the others.
  const halves = [0, 1].map((half) => files.filter((_, index) => index % 2 === half)).filter((half) => half.length > 0);
  return [
    passes('shfmt', [...SHFMT, write ? '-w' : '-d', ...files]),
    ...halves.map((half) => passes('shellcheck', half)),
  ];
}

/** Runs ruff in this process, from the npm package of its authors. */
function python(files: readonly string[], write: boolean): boolean {
  const ruff = new Workspace(RUFF, PositionEncoding.Utf16);
  let isClean = true;
  const say = (file: string, row: number, text: string): void => {
    console.log(`${file}:${row}: ${text}`);
    isClean = false;
  };
  for (const file of files) {
    const before = readFileSync(file, 'utf8');
    const text = formatted(ruff, before);
    if (text !== before) {
      if (write) writeFileSync(file, text);
      else say(file, firstDifference(before, text), 'is not formatted: npm run format');
    }
    for (const { code, message, start_location } of ruff.check(write ? text : before) as Diagnostic[]) {
      say(file, start_location.row, `${code ?? 'invalid'} ${message}`);
    }
  }
  return isClean;
}

/** A file that is not valid Python cannot be formatted; the check reports why. */
function formatted(ruff: Workspace, text: string): string {
  try {
    return ruff.format(text);
  } catch {
    return text;
  }
}

function firstDifference(left: string, right: string): number {
  const lines = right.split('\n');
  return left.split('\n').findIndex((line, index) => line !== lines[index]) + 1;
}

const args = process.argv.slice(2);
if (['-h', '--help'].includes(args[0] ?? '')) {
  console.log(/\/\*\*\n(.*?)\n \*\//s.exec(readFileSync(import.meta.filename, 'utf8'))?.[1]?.replace(/^ \* ?/gm, ''));
  process.exit(0);
}
const write = args[0] === '--write';
const named = write ? args.slice(1) : args;
if (named.length === 0) process.chdir(project);
const files = named.length === 0 ? otherFiles() : named;
const scripts = files.filter(isShell);
const programs = files.filter(isPython);
const rest = named.length === 0 ? ['.'] : files.filter((file) => !scripts.includes(file) && !programs.includes(file));

const biome = join(project, 'node_modules/@biomejs/biome/bin/biome');
const others = [
  ...(rest.length === 0
    ? []
    : [passes(process.execPath, [biome, 'check', '--error-on-warnings', ...(write ? ['--write'] : []), ...rest])]),
  ...shell(scripts, write),
];
const isClean = [python(programs, write), ...(await Promise.all(others))].every(Boolean);
process.exitCode = isClean ? 0 : 1;
