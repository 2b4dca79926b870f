import { resolve } from 'node:path';
import type { CommandEntry } from '../../config/config.ts';
import { errnoOf, lastLine, Problem } from '../../errors.ts';
import { type CommandOptions, type CommandResult, commandEnvironment } from '../../system/exec.ts';
import type { Section, World } from '../step.ts';

/** What a shell makes of a program that is not there, or that it may not run. */
const NOT_STARTED: Readonly<Record<string, number>> = { ENOENT: 127, EACCES: 126 };

/** Runs commands in the order of their names. There is no telling what one does, so each counts as a change. */
export const commandsSection: Section<CommandEntry> = {
  name: 'commands',
  worksOnRoot: false,
  plan: (entries) => [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),

  async probe(entry, world) {
    const options = commandOptions(entry, world);
    if (entry.test === undefined) return { state: 'differs', what: 'ran' };
    const { exitCode, output } = await run(entry.test, options, world);
    if (exitCode === 0) return { state: 'differs', what: 'ran, its test allowed it' };
    world.log.debug(`the test of ${entry.pointer} ended with exit code ${exitCode}\n${output}`);
    return { state: 'skipped', reason: `its test ended with exit code ${exitCode}` };
  },

  async apply(entry, world) {
    const { exitCode, output, problem } = await run(entry.command, commandOptions(entry, world), world);
    if (exitCode !== 0 && !entry.ignoreErrors) {
      if (problem !== undefined) throw problem;
      throw new Problem(`the command ended with exit code ${exitCode}`, {
        where: entry.pointer,
        hint: lastLine(output),
        output,
      });
    }
    if (output.trim() !== '') world.log.debug(`${entry.pointer} printed\n${output.trimEnd()}`);
    if (entry.waitAfterCompletion > 0) await world.system.clock.sleep(entry.waitAfterCompletion * 1000);
    return { state: 'changed', what: exitCode === 0 ? 'ran' : `ran, exit code ${exitCode} ignored` };
  },
};

interface Ran extends CommandResult {
  /** Why it could not be started. */
  readonly problem?: Problem;
}

/** A list whose program cannot be run ends as the same command does in a shell, so that `test` and `ignoreErrors` hold. */
async function run(command: CommandEntry['command'], options: CommandOptions, { system }: World): Promise<Ran> {
  try {
    return await system.exec.command(command, options);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const exitCode = NOT_STARTED[errnoOf(error.cause) ?? ''];
    if (exitCode === undefined) throw error;
    return { exitCode, output: error.line, problem: error };
  }
}

function commandOptions(entry: CommandEntry, { system }: World): CommandOptions {
  const env = commandEnvironment(system.environment, entry.env);
  if (entry.cwd === undefined) return { env };
  const cwd = absolutePath(entry.cwd.replace(/^~(?=\/|$)/, env['HOME'] ?? '/'));
  // Not through the file door's own answer for links: a cwd may well be a link to a directory.
  if (!isDirectory(cwd, system.files))
    throw new Problem('no such directory', { where: `${entry.pointer}/cwd`, hint: `create ${cwd} first` });
  return { env, cwd };
}

/** Relative to where we run. A directory that was removed since has no path: what is in it is not there either. */
function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path;
    throw error;
  }
}

function isDirectory(path: string, files: World['system']['files']): boolean {
  try {
    files.openDirectory(path).close();
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}
