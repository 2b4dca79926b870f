import type { CommandEntry } from '../../config/config.ts';
import { lastLine, Problem } from '../../errors.ts';
import { type CommandOptions, commandEnvironment } from '../../system/exec.ts';
import type { Section, World } from '../step.ts';

/** Runs commands in the order of their names. There is no telling what one does, so each counts as a change. */
export const commandsSection: Section<CommandEntry> = {
  name: 'commands',
  worksOnRoot: false,
  plan: (entries) => [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),

  async probe(entry, world) {
    const options = commandOptions(entry, world);
    if (entry.test === undefined) return { state: 'differs', what: 'ran' };
    const { exitCode, output } = await world.system.exec.command(entry.test, options);
    if (exitCode === 0) return { state: 'differs', what: 'ran, its test allowed it' };
    world.log.debug(`the test of ${entry.pointer} ended with exit code ${exitCode}\n${output}`);
    return { state: 'skipped', reason: `its test ended with exit code ${exitCode}` };
  },

  async apply(entry, world) {
    const { exec, clock } = world.system;
    const { exitCode, output } = await exec.command(entry.command, commandOptions(entry, world));
    if (exitCode !== 0 && !entry.ignoreErrors) {
      throw new Problem(`the command ended with exit code ${exitCode}`, {
        where: entry.pointer,
        hint: lastLine(output),
        output,
      });
    }
    if (output.trim() !== '') world.log.debug(`${entry.pointer} printed\n${output.trimEnd()}`);
    if (entry.waitAfterCompletion > 0) await clock.sleep(entry.waitAfterCompletion * 1000);
    return { state: 'changed', what: exitCode === 0 ? 'ran' : `ran, exit code ${exitCode} ignored` };
  },
};

function commandOptions(entry: CommandEntry, { system }: World): CommandOptions {
  const env = commandEnvironment(system.environment, entry.env);
  if (entry.cwd === undefined) return { env };
  const cwd = entry.cwd.replace(/^~(?=\/|$)/, env['HOME'] ?? '/');
  // Not through the file door's own answer for links: a cwd may well be a link to a directory.
  if (!isDirectory(cwd, system.files))
    throw new Problem('no such directory', { where: `${entry.pointer}/cwd`, hint: `create ${cwd} first` });
  return { env, cwd };
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
