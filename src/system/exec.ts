import { accessSync, constants, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter } from 'node:path';
import { describeError, Problem } from '../errors.ts';
import { exitCodeOfSignal } from './signals.ts';
import { gatherLines } from './whole-lines.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The lines of stdout and stderr as they came. */
  readonly output: string;
}

export interface CommandResult {
  readonly exitCode: number;
  /** The end of what the command printed, stdout and stderr as they came. */
  readonly output: string;
  /** Why it was ended before its time; absent when it ended by itself. */
  readonly cut?: 'timeout' | 'abort';
}

/** The one door to other programs. */
export interface Exec {
  /** The full path of a program in PATH or a system directory, or undefined. */
  find(program: string): string | undefined;
  /**
   * Runs a tool of the machine (apt-get, useradd, systemctl, ...) with messages in English and nothing on stdin.
   * A non-zero exit is a result, not an error.
   * @throws Problem when the tool is not installed
   */
  tool(command: readonly [string, ...string[]], options?: ToolOptions): Promise<ToolResult>;
  /**
   * As tool, for a question that is answered at once and that many runs ask (what is installed?): it waits without
   * doing anything else, and costs half as much. stderr comes behind stdout in `output`.
   */
  query(command: readonly [string, ...string[]]): Promise<ToolResult>;
  /**
   * Runs a command that the metadata's author wrote: a string by /bin/sh, a list as it stands.
   * It ends when the command itself ends: a daemon it left in the background, which still holds the pipes, is not
   * waited for.
   * @throws Problem when it cannot be started
   */
  command(command: string | readonly string[], options: CommandOptions): Promise<CommandResult>;
}

export interface ToolOptions {
  readonly env?: Environment;
  readonly cwd?: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment of the command; ours when left out. */
  readonly env?: Environment;
  /** The file mode mask of the command; ours when left out. */
  readonly umask?: number;
  /**
   * Milliseconds that the command may run. Then it is ended with all that it started: its process group, which is one of
   * its own where this or `abort` is given, gets SIGTERM, and what is left of it 10 s later SIGKILL.
   */
  readonly timeout?: number;
  /** Ends the command in the same way as soon as it is aborted. */
  readonly abort?: AbortSignal;
  /** Another user to run as: real, effective and saved ids, and just these groups. Needs root, and setpriv of util-linux. */
  readonly as?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
}

/** Where administrators' tools live; cron and sudo often leave these out of PATH. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Milliseconds that the pipes may stay open after a program itself has ended. */
const DRAIN_MILLISECONDS = 200;

/**
 * Lets go of the pipes of a program that has ended and left them to another.
 * @returns the timer, to be cleared when they end by themselves
 */
export function afterDrain(letGo: () => void): NodeJS.Timeout {
  // Timers run before anything is read: on a machine that kept us waiting, the program's last words are still unread.
  return setTimeout(() => setImmediate(letGo), DRAIN_MILLISECONDS);
}

/** @param environment the machine's own environment, which children inherit */
export function createExec(environment: Environment): Exec {
  const searchPath = pathWithSystemDirectories(environment['PATH']);

  const find = (program: string): string | undefined => {
    if (program.includes('/')) return isExecutable(program) ? program : undefined;
    for (const directory of searchPath) {
      const candidate = `${directory}/${program}`;
      if (isExecutable(candidate)) return candidate;
    }
    return undefined;
  };

  const findOrThrow = (program: string): string => {
    const file = find(program);
    if (file !== undefined) return file;
    throw new Problem(`${program} is not installed`, {
      where: 'PATH',
      hint: `install the package that has ${program}`,
    });
  };
  const toolEnvironment = { ...environment, LC_ALL: 'C', PATH: searchPath.join(delimiter) };

  return {
    find,
    async query([program, ...args]) {
      const { runQuery } = await import('./run-query.ts');
      return runQuery([findOrThrow(program), ...args], toolEnvironment);
    },
    async tool([program, ...args], options = {}) {
      const file = findOrThrow(program);
      const { execa } = await import('execa');
      const running = execa(file, args, {
        reject: false,
        stdin: 'ignore',
        extendEnv: false,
        env: { ...toolEnvironment, ...options.env } as Record<string, string>,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
      const output = gatherLines(running.stdout, running.stderr);
      // An init script may leave a daemon behind that holds the pipes: the tool is done when it ends itself.
      let drained: NodeJS.Timeout | undefined;
      running.nodeChildProcess.once('exit', () => {
        drained = afterDrain(() => {
          running.stdout.destroy();
          running.stderr.destroy();
        });
      });
      const result = await running;
      clearTimeout(drained);
      if (result.exitCode === undefined && result.signal === undefined) {
        throw new Problem(`cannot run ${program}`, {
          hint: describeError(result.originalMessage ?? result),
          cause: result,
        });
      }
      return {
        exitCode: result.exitCode ?? exitCodeOfSignal(result.signal),
        stdout: result.stdout,
        output: output(),
      };
    },
    command: async (command, options) => {
      const { runToExit } = await import('./run-to-exit.ts');
      const { as, ...others } = options;
      const words = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
      return runToExit(as === undefined ? words : [...changeUser(find, as), ...words], {
        ...others,
        env: { ...(options.env ?? environment) } as NodeJS.ProcessEnv,
      });
    },
  };
}

/**
 * The environment of a metadata command: what its `env` says, or else the machine's own, and in either case the
 * variables without which shells and tools misbehave (contract section 3, commands).
 */
export function commandEnvironment(machine: Environment, wanted: Environment | undefined): Environment {
  const user = userInfo();
  return {
    HOME: machine['HOME'] ?? user.homedir,
    PATH: machine['PATH'] ?? SYSTEM_DIRECTORIES.join(delimiter),
    LANG: machine['LANG'] ?? 'C.UTF-8',
    SHELL: machine['SHELL'] ?? '/bin/sh',
    USER: machine['USER'] ?? user.username,
    ...(wanted ?? machine),
  };
}

/** Node's own uid and gid options would leave the command without the supplementary groups of its user. */
function changeUser(
  find: Exec['find'],
  { uid, gid, groups }: NonNullable<CommandOptions['as']>,
): readonly [string, ...string[]] {
  const setpriv = find('setpriv');
  if (setpriv === undefined)
    throw new Problem('setpriv is not installed', {
      where: 'PATH',
      hint: 'install util-linux, without it nothing can run as another user',
    });
  const list = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
  return [setpriv, '--reuid', String(uid), '--regid', String(gid), ...list, '--'];
}

function pathWithSystemDirectories(path: string | undefined): string[] {
  const own = (path ?? '').split(delimiter).filter((directory) => directory !== '');
  return [...own, ...SYSTEM_DIRECTORIES.filter((directory) => !own.includes(directory))];
}

function isExecutable(path: string): boolean {
  try {
    // Asked so that nothing is thrown for what is not there: that would cost a tenth of a millisecond a directory.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
