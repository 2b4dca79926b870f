import { ExitCode, Problem } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { readSettings, secondsSetting } from '../../settings.ts';
import type { Exec } from '../../system/exec.ts';
import type { FileSystem } from '../../system/file-system.ts';

/**
 * Seconds for a service to start or stop. systemd itself gives most services 90, and none at all to a oneshot, which may well
 * set a machine up for ten minutes. What waits longer would use up the hour that a stack has.
 */
const SERVICE_SECONDS = 1800;
/** Milliseconds for each other answer: as long as systemd gives a daemon-reload (DAEMON_RELOAD_TIMEOUT_SEC). */
const ANSWER_TIME = 180_000;

/** Milliseconds that a service has to start or stop: `service-timeout` in cfntools.conf, or half an hour. */
export async function serviceTimeout(files: FileSystem, log: Log): Promise<number> {
  return secondsSetting(await readSettings(files), 'service-timeout', SERVICE_SECONDS, log, { least: 1 }) * 1000;
}

/**
 * Gives a bound to every call that has none of its own.
 * @param timeout milliseconds for a service to start or stop; no other call may take longer
 * @returns a door whose `tool` and `query` throw a Problem with exit code 75 at their bound
 */
export function boundExec(exec: Exec, timeout: number): Exec {
  const answer = Math.min(ANSWER_TIME, timeout);
  return {
    ...exec,
    query: (command, bounds = { timeout: answer }) => exec.query(command, bounds),
    async tool(command, options = {}) {
      const ran = await exec.tool(command, { timeout: answer, ...options });
      if (ran.cut === 'timeout' && options.timeout === undefined)
        throw tooSlow(command.join(' '), answer, { hint: 'it was ended', output: ran.output });
      return ran;
    },
  };
}

/** @param timeout milliseconds */
export function tooSlow(
  command: string,
  timeout: number,
  details: { readonly where?: string; readonly hint: string; readonly output: string },
): Problem {
  return new Problem(`${command} did not end within ${timeout / 1000} s`, { ...details, exitCode: ExitCode.deadline });
}
