import { delimiter } from 'node:path';
import { Problem } from '../../errors.ts';
import { Interrupted } from '../signals.ts';
import { withoutCredentials } from './environment.ts';
import type { CommandOptions, Environment, Exec, ExecAbort } from './exec.ts';
import { findProgram, searchPath } from './search-path.ts';

/**
 * Opens the door to other programs.
 * @param environment the machine's own environment, which children inherit
 * @param abort ends the programs that are running
 */
export function createExec(environment: Environment, abort?: ExecAbort): Exec {
  const directories = searchPath(environment['PATH']);
  const find = (program: string): string | undefined => findProgram(program, directories);

  const findOrThrow = (program: string): string => {
    const file = find(program);
    if (file !== undefined) return file;
    throw new Problem(`${program} is not installed`, {
      where: 'PATH',
      hint: `install the package that has ${program}`,
    });
  };
  const toolEnvironment = { ...environment, LC_ALL: 'C', PATH: directories.join(delimiter) };

  return {
    find,
    async query([program, ...args], bounds) {
      const { runQuery } = await import('./run.ts');
      abort?.signal.throwIfAborted();
      return runQuery(
        [findOrThrow(program), ...args],
        { ...bounds, env: { ...toolEnvironment, ...bounds?.env } },
        abort?.signal,
      );
    },
    async tool([program, ...args], options = {}) {
      const command = [findOrThrow(program), ...args] as const;
      const { runTool } = await import('./run.ts');
      abort?.signal.throwIfAborted();
      return runTool(program, command, { ...options, env: { ...toolEnvironment, ...options.env } }, abort);
    },
    command: async (command, options) => {
      const { runCommand } = await import('./run.ts');
      abort?.signal.throwIfAborted();
      const { as, ...others } = options;
      const words = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
      const env = { ...(options.env ?? (as === undefined ? environment : withoutCredentials(environment))) };
      const result = await runCommand(as === undefined ? words : [...changeUser(find, as), ...words], {
        ...(abort === undefined ? {} : { abort: abort.signal }),
        ...others,
        env,
      });
      const reason: unknown = result.cut === 'abort' && options.abort === undefined ? abort?.signal.reason : undefined;
      if (reason instanceof Interrupted) throw new Interrupted(reason.signal, result.output);
      if (result.exitCode === 0) return result;
      const { whyCommandFailed } = await import('./start-failure.ts');
      const why = whyCommandFailed(result.exitCode, result.output, { cwd: options.cwd, path: env['PATH'] });
      return why === undefined ? result : { ...result, reason: why };
    },
  };
}

/** setpriv, because Node's uid and gid options do not set the supplementary groups of the user. */
function changeUser(
  find: Exec['find'],
  { uid, gid, groups }: NonNullable<CommandOptions['as']>,
): readonly [string, ...string[]] {
  const setpriv = find('setpriv');
  if (setpriv === undefined)
    throw new Problem('setpriv is not installed', {
      where: 'PATH',
      hint: 'install util-linux, which is needed to run as another user',
    });
  const list = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
  return [setpriv, '--reuid', String(uid), '--regid', String(gid), ...list, '--'];
}
