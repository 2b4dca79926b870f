import { resolve } from 'node:path';
import type { CommandEntry } from '../../config/config.ts';
import { errnoOf, lastLine, Problem, type ProblemCode } from '../../errors.ts';
import { commandEnvironment } from '../../system/programs/environment.ts';
import type { CommandOptions, CommandResult } from '../../system/programs/exec.ts';
import { logPrinted } from '../printed.ts';
import type { Section, World } from '../step.ts';

/** The exit codes of a shell for a program that does not exist or cannot be run. */
const NOT_STARTED: { readonly [code in ProblemCode]?: number } = {
  CFN_PROGRAM_MISSING: 127,
  CFN_PROGRAM_UNUSABLE: 126,
};

/** Runs commands in the order of their names. Each counts as a change, because its effect is unknown. */
export const commandsSection: Section<CommandEntry, CommandOptions> = {
  name: 'commands',
  worksOnRoot: false,
  order: (entries) => [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),

  /** The test is not run, because it may change something. */
  async inspect(entry, world) {
    const plan = await commandOptions(entry, world);
    return { state: 'differs', what: entry.test === undefined ? 'ran' : 'ran, its test passed', plan };
  },

  async apply(entry, options, world) {
    if (options.as !== undefined) await checkUser(entry, options.as, world);
    if (entry.test !== undefined) {
      const { exitCode, reason, problem } = await run(entry.test, options, world, `the test of ${entry.name}`);
      const why = reason ?? problem?.hint;
      if (exitCode !== 0)
        return {
          state: 'skipped',
          reason: `its test ended with exit code ${exitCode}${why === undefined ? '' : `: ${why}`}`,
        };
    }
    const { exitCode, output, reason, problem } = await run(entry.command, options, world, entry.name);
    if (exitCode !== 0 && !entry.ignoreErrors) {
      if (problem !== undefined) throw problem;
      throw new Problem(`the command ended with exit code ${exitCode}`, {
        where: entry.place,
        hint: reason === undefined ? lastLine(output) : `${lastLine(output)}: ${reason}`,
        output,
      });
    }
    if (entry.waitAfterCompletion > 0) await world.system.clock.sleep(entry.waitAfterCompletion * 1000);
    return { state: 'changed', what: exitCode === 0 ? 'ran' : `ran, exit code ${exitCode} ignored` };
  },
};

interface Ran extends CommandResult {
  /** Why it was not started. */
  readonly problem?: Problem;
}

/**
 * Runs a command. A list whose program cannot be run ends like the same command in a shell, so that `test` and `ignoreErrors` apply.
 * @param name for its lines in the log
 */
async function run(
  command: CommandEntry['command'],
  options: CommandOptions,
  world: World,
  name: string,
): Promise<Ran> {
  const printed = logPrinted(name, world);
  try {
    const result = await world.system.exec.command(command, { ...options, onLines: printed.onLines });
    printed.end(result.output);
    return result;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const exitCode = error.code === undefined ? undefined : NOT_STARTED[error.code];
    if (exitCode === undefined) throw error;
    return { exitCode, output: error.line, problem: error };
  }
}

async function commandOptions(entry: CommandEntry, { system }: World): Promise<CommandOptions> {
  const user = await otherUser(entry, system);
  const env = commandEnvironment(system.environment, entry.env, user && { ...user, isOther: true });
  const as = user && { uid: user.uid, gid: user.gid, groups: await system.accounts.gidsOf(user) };
  const common = { env, ...(as === undefined ? {} : { as }) };
  if (entry.cwd === undefined) return common;
  const cwd = absolutePath(entry.cwd.replace(/^~(?=\/|$)/, env['HOME'] || '/'));
  if (!system.files.isDirectory(cwd))
    throw new Problem('no such directory', { where: `${entry.place}, cwd`, hint: `create ${cwd} first` });
  return { ...common, cwd };
}

/**
 * @returns undefined where the command runs as our own user
 * @throws Problem for a user that does not exist, or when only root can run it as this user
 */
async function otherUser({ runas, place }: CommandEntry, { accounts, self }: World['system']) {
  if (runas === undefined) return undefined;
  const user = await accounts.user(runas);
  const where = `${place}, runas`;
  if (user === undefined)
    throw new Problem(`no user ${JSON.stringify(runas)}`, { where, hint: 'create it under "users"' });
  if (user.uid === self.uid) return undefined;
  if (self.uid !== 0)
    throw new Problem(`only root can run it as ${user.name}`, { where, hint: 'run cfn-init as root' });
  return user;
}

/** Checks that we can run as another user. In a container that may be forbidden, and would look like a failed test of the command. */
async function checkUser(entry: CommandEntry, as: NonNullable<CommandOptions['as']>, { system }: World): Promise<void> {
  const { exitCode, output } = await system.exec.command(':', { as, cwd: '/' });
  if (exitCode === 0) return;
  throw new Problem(`cannot run it as ${entry.runas}`, {
    where: `${entry.place}, runas`,
    // The setpriv of BusyBox cannot change users, and prints a page of usage.
    hint: /busybox/i.test(output) ? 'install the setpriv of util-linux' : lastLine(output),
  });
}

/** Resolves a path from the current directory. If that has been removed, the path is returned unchanged: nothing exists there. */
function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path;
    throw error;
  }
}
