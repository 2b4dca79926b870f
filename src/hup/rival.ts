import { basename } from 'node:path';
import { Problem } from '../errors.ts';
import { argumentsOf, processStat, procIn } from '../system/processes.ts';
import type { System } from '../system/system.ts';
import { findConfigFiles, realPath } from './config-files.ts';
import { isSupervised } from './start.ts';
import { probeSurroundings } from './surroundings.ts';

/** Milliseconds between two looks at whether the other daemon has ended. */
export const TURN_WAIT = 1000;

/** What a daemon that finds another one at work has to know. */
export interface Rivalry {
  /** Whether somebody starts us again when we leave. */
  isSupervised(): Promise<boolean>;
  /** Whether a daemon is known to follow another configuration than ours. */
  followsOther(pid: number): boolean;
  /**
   * Asks a daemon to end when it is one that a bare call left in the background and has the same configuration as we: it
   * then finishes its action, and has all that it knows on disk.
   * @returns whether it was asked
   */
  askToEnd(pid: number): Promise<boolean>;
}

/** @param option -c as it was given */
export function rivalry(system: System, option: string | undefined): Rivalry {
  const told = system.environment['SYSTEMD_EXEC_PID'];
  return {
    isSupervised: async () => isSupervised(await probeSurroundings(system, process.pid, told)),
    followsOther: (pid) => followsOther(system, pid, option),
    async askToEnd(pid) {
      if (!isInBackground(system, pid) || followsOther(system, pid, option)) return false;
      if (isSupervised(await probeSurroundings(system, pid, undefined))) return false;
      return system.signals.send(pid, 'SIGTERM');
    },
  };
}

/** Why a daemon cannot be at work beside this one. */
export function otherFollowed(pid: number): Problem {
  return new Problem('cannot follow changes', {
    where: `process ${pid}`,
    hint: 'it is a cfn-hup that follows another configuration, and there can be only one: end it first, or call cfn-hup -f by cron for this one',
  });
}

/** As a bare call leaves it: in a session of its own, by `cfn-hup --daemon`. */
function isInBackground(system: System, pid: number): boolean {
  return processStat(pid, procIn(system.files))?.session === pid && optionsOf(system, pid)?.[0] === '--daemon';
}

/** Whether a daemon is known to read other files than ours. */
export function followsOther(system: System, pid: number, option: string | undefined): boolean {
  const options = optionsOf(system, pid);
  return options !== undefined && nameOther(system, options, option);
}

/** Whether the words behind `cfn-hup` are known to name other files than ours. */
export function nameOther(
  system: Pick<System, 'files' | 'absolutePath'>,
  options: readonly string[],
  option: string | undefined,
): boolean {
  const at = options.findIndex((word) => /^(?:-c|--config)(?:=|$)/.test(word));
  const theirs = options[at]?.includes('=') ? options[at]?.replace(/^[^=]*=/, '') : options[at + 1];
  if (at < 0) return !isSameConfig(system, undefined, option);
  // A relative one is from where it was called, which it has left.
  return theirs?.startsWith('/') === true && !isSameConfig(system, theirs, option);
}

/** What a cfn-hup was called with; undefined for another program. */
export function optionsOf({ files }: Pick<System, 'files'>, pid: number): readonly string[] | undefined {
  const words = argumentsOf(pid, procIn(files));
  // `cfn-hup`, or `cfntools cfn-hup`.
  const name = words.slice(0, 2).findIndex((word) => basename(word) === 'cfn-hup');
  return name < 0 ? undefined : words.slice(name + 1);
}

/** Whether two values of -c mean the same files, whatever links lead there. A relative one is taken from where we are. */
export function isSameConfig(
  system: Pick<System, 'files' | 'absolutePath'>,
  one: string | undefined,
  other: string | undefined,
): boolean {
  const placesOf = (option: string | undefined): string => {
    const { main, hooksFile, hooksDirectory } = findConfigFiles(system, option);
    return [main, hooksFile, hooksDirectory].map((path) => realPath(system.files, path)).join('\n');
  };
  try {
    return one === other || placesOf(one) === placesOf(other);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return false;
  }
}
